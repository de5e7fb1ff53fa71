"""Every HTTP route and every Lambda function of Relais, a few lines each: what happens is in `chalicelib`.

Routes first; all of them are the function `api_handler`. Event handlers stand here and not in blueprints: in Lambda a
blueprint's handler is imported without this module.
"""

from __future__ import annotations

import os
from typing import Any, cast

from chalice.app import BaseLambdaEvent, CloudWatchEvent, SQSEvent

from chalicelib import names
from chalicelib.container.runtime import runtime
from chalicelib.delivery.deadline import Context
from chalicelib.observability import instrumented
from chalicelib.schedules import also_by_hand
from chalicelib.web import problems
from chalicelib.web.gateway import METHODS, Gateway
from chalicelib.web.messages import Request, Response
from chalicelib.web.routes import health

STAGE = names.stage(os.environ)
BATCH, WINDOW_SECONDS = 1000, 4

app = Gateway("relais")


@app.route("/forms/{form}/signup", methods=["POST"])
def form_signup(request: Request, form: str) -> Response:
    """A website's form: a signup to the form's list."""
    return runtime().forms_routes.sign_up(request, form)


@app.route("/forms/{form}/unsubscribe", methods=["POST"])
def form_unsubscribe(request: Request, form: str) -> Response:
    """A website's form: an unsubscribe from every account."""
    return runtime().forms_routes.unsubscribe(request, form)


@app.other_methods("/forms/{form}/signup", "/forms/{form}/unsubscribe")
def form_other_method(request: Request, form: str) -> Response:
    """Browsers' preflights (CORS), and methods that forms do not know."""
    return runtime().forms_routes.other_method(request, form)


@app.other_methods("/unsubscribe/{token}")
@app.route("/unsubscribe/{token}", methods=["GET", "POST"])
def unsubscribe_link(request: Request, token: str) -> Response:
    """A mail's unsubscribe link: GET shows a page with one button, POST unsubscribes (RFC 8058)."""
    return runtime().unsubscribe_routes.answer(request, token)


@app.route("/events", methods=["POST"])
def receive_events(request: Request) -> Response:
    """Events of a back end, one or many, signed."""
    return runtime().webhooks_routes.receive(request)


@app.route("/events/{id}")
def show_event(request: Request, id: str) -> Response:
    """What became of an event, for holders of the admin key."""
    return runtime().events_routes.show(request, id)


@app.route("/stats/campaigns")
def list_campaigns(request: Request) -> Response:
    """Campaigns, newest first, for holders of the admin key."""
    return runtime().stats_routes.show_page(request)


@app.route("/stats/campaigns/{account}/{campaign}")
def show_campaign(request: Request, account: str, campaign: str) -> Response:
    """A campaign's history, for holders of the admin key."""
    return runtime().stats_routes.show_history(request, account, campaign)


@app.route("/healthz")
def healthz(request: Request) -> Response:
    """Whether Relais answers and can read its configuration."""
    runtime()
    return health.healthz()


@app.route("/", methods=METHODS)
@app.route("/{proxy+}", methods=METHODS)
def fallback(request: Request) -> Response:
    """Every other path: 404, but an unsubscribe link with something appended goes to the links' view."""
    start, _, token = request.unmatched_path.partition("/")
    if start == "unsubscribe" and token and request.method in ("GET", "HEAD", "POST"):
        return runtime().unsubscribe_routes.answer(request, token)
    raise problems.not_found()


app.complete()


def lambda_context(event: BaseLambdaEvent) -> Context:
    """Lambda's own context object, which Chalice hands on under the type of a dictionary."""
    return cast(Context, event.context)


@app.on_sqs_message(
    queue=names.queue(STAGE, "signups"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@instrumented
def signups(event: SQSEvent) -> dict[str, Any]:
    """Signups' doorbell, and whole events of any type from back ends."""
    return runtime().worker.handle("signups", event.to_dict(), lambda_context(event))


@app.on_sqs_message(
    queue=names.queue(STAGE, "unsubscribes"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@instrumented
def unsubscribes(event: SQSEvent) -> dict[str, Any]:
    """Unsubscribes' doorbell, and whole events of any type from back ends."""
    return runtime().worker.handle("unsubscribes", event.to_dict(), lambda_context(event))


@app.on_sqs_message(
    queue=names.queue(STAGE, "syncs"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@instrumented
def syncs(event: SQSEvent) -> dict[str, Any]:
    """Syncs' doorbell, and whole events of any type from back ends."""
    return runtime().worker.handle("syncs", event.to_dict(), lambda_context(event))


@also_by_hand
@app.schedule("rate(1 hour)")
@instrumented
def collect_stats(event: CloudWatchEvent) -> dict[str, Any]:
    """Store what every account's campaigns have come to."""
    return runtime().collect_stats(event.to_dict(), lambda_context(event))


@also_by_hand
@app.schedule("rate(15 minutes)")
@instrumented
def sync_unsubscribes(event: CloudWatchEvent) -> dict[str, Any]:
    """Tell every account who left the others, as their providers tell it."""
    return runtime().sync_unsubscribes(lambda_context(event))


@also_by_hand
@app.schedule("rate(1 minute)")
@instrumented
def sweep(event: CloudWatchEvent) -> dict[str, Any]:
    """Ring for whatever is pending, due and not in hand."""
    return runtime().sweep(lambda_context(event))


@also_by_hand
@app.schedule("rate(7 days)")
@instrumented
def audit(event: CloudWatchEvent) -> dict[str, Any]:
    """Whether providers and ledger agree on who left; by the schedule a dry run, for operators also a repair."""
    return runtime().operators.audit(event.to_dict(), lambda_context(event))


@app.lambda_function()
@instrumented
def call_provider(event: Any, context: Context) -> dict[str, Any]:
    """Any call of any account's provider, by its name, for operators."""
    return runtime().operators.call_provider(event, context)


@app.lambda_function()
@instrumented
def report(event: Any, context: Context) -> dict[str, Any]:
    """How many deliveries stand where, overall and by account, for operators."""
    return runtime().operators.report(context)


@app.lambda_function()
@instrumented
def resend(event: Any, context: Context) -> dict[str, Any]:
    """Parked or refused deliveries once more, for operators."""
    return runtime().operators.resend(event, context)


@app.lambda_function()
@instrumented
def forget(event: Any, context: Context) -> dict[str, Any]:
    """A person leaves every account, and what is held about them is erased, for operators."""
    return runtime().operators.forget(event, context)


@app.lambda_function()
@instrumented
def export_person(event: Any, context: Context) -> dict[str, Any]:
    """All that is held about a person, for operators."""
    return runtime().operators.export_person(event, context)
