"""Declares every HTTP route and every Lambda function of Relais; the work is done in `chalicelib`.

Routes come first; the function `api_handler` serves all of them. Event handlers are declared here and not in
blueprints: Lambda imports a blueprint's handler without this module.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, cast

from chalice.app import CloudWatchEvent, SQSEvent

from chalicelib import __version__, names
from chalicelib.container import container
from chalicelib.delivery.deadline import Context
from chalicelib.domain.events import EventType
from chalicelib.initialisation import initialise
from chalicelib.observability import instrumented
from chalicelib.scheduled_events import also_by_hand
from chalicelib.web import problems
from chalicelib.web.gateway import METHODS, Gateway
from chalicelib.web.http_messages import Request, Response, json_response

# Chalice sets this variable in its own commands. From a checkout they would
# deploy without rights, tables, queues and alarms.
if "AWS_CHALICE_CLI_MODE" in os.environ and Path(__file__).with_name("Makefile").exists():
    sys.stderr.write(
        "Relais is not served or deployed by Chalice's own commands. Use `make run` to serve it on this machine,"
        " `make package` to make what is deployed on AWS, and its deploy.sh to deploy it (docs/deployment.md).\n"
    )
    sys.stderr.flush()
    os._exit(2)  # `chalice local` imports this in a thread, which an exception would end alone

STAGE = names.stage(os.environ)
BATCH, WINDOW_SECONDS = 1000, 4

app = Gateway("relais", lambda: container().settings.organisation)


@app.route("/forms/{form}")
def hosted_form(request: Request, form: str) -> Response:
    """Shows a form's hosted signup page, for people without a website or in a frame of a listed website."""
    return container().forms_routes.show(request, form)


@app.other_methods("/forms/{form}/challenge")
@app.route("/forms/{form}/challenge")
def form_challenge(request: Request, form: str) -> Response:
    """Answers a page with a form: GET returns a new ALTCHA challenge and a signed time; answers CORS preflights."""
    return container().forms_routes.challenge(request, form)


@app.other_methods("/forms/{form}/signup")
@app.route("/forms/{form}/signup", methods=["POST"])
def form_signup(request: Request, form: str) -> Response:
    """Answers a website form: POST accepts a signup to the form's list; answers CORS preflights."""
    return container().forms_routes.answer(request, form, EventType.SIGNUP)


@app.other_methods("/forms/{form}/unsubscribe")
@app.route("/forms/{form}/unsubscribe", methods=["POST"])
def form_unsubscribe(request: Request, form: str) -> Response:
    """Answers a website form: POST accepts an unsubscribe from every account; answers CORS preflights."""
    return container().forms_routes.answer(request, form, EventType.UNSUBSCRIBE)


@app.other_methods("/unsubscribe/{token}")
@app.route("/unsubscribe/{token}", methods=["GET", "POST"])
def unsubscribe_link(request: Request, token: str) -> Response:
    """Answers an unsubscribe link: GET shows a page with one button, POST unsubscribes (RFC 8058)."""
    return container().unsubscribe_routes.answer(request, token)


@app.other_methods("/confirm/{token}")
@app.route("/confirm/{token}", methods=["GET", "POST"])
def confirm_link(request: Request, token: str) -> Response:
    """Answers a confirmation link: GET shows a page with one button, POST confirms the signup."""
    return container().confirm_routes.answer(request, token)


@app.route("/events", methods=["POST"])
def receive_events(request: Request) -> Response:
    """Accepts signed events from a back end, one or many."""
    return container().webhooks_routes.receive(request)


@app.route("/events")
def list_events(request: Request) -> Response:
    """Lists events that are pending, parked, refused or quarantined, newest first. Requires the admin key."""
    return container().events_routes.show_page(request)


@app.route("/events/{id}")
def show_event(request: Request, id: str) -> Response:
    """Shows the status of an event. Requires the admin key."""
    return container().events_routes.show(request, id)


@app.route("/stats/campaigns")
def list_campaigns(request: Request) -> Response:
    """Lists campaigns, newest first. Requires the admin key."""
    return container().stats_routes.show_page(request)


@app.route("/stats/campaigns/{account}/{campaign}")
def show_campaign(request: Request, account: str, campaign: str) -> Response:
    """Shows the history of a campaign. Requires the admin key."""
    return container().stats_routes.show_history(request, account, campaign)


@app.route("/stats/forms")
def list_form_days(request: Request) -> Response:
    """Lists what forms brought, by day. Requires the admin key."""
    return container().form_stats_routes.show(request)


@app.route("/dashboard/events")
def dashboard_events(request: Request) -> Response:
    """Shows which events are pending, parked, refused or quarantined."""
    return container().event_pages.show_all(request)


@app.route("/dashboard/events/lookup", methods=["POST"])
def dashboard_lookup(request: Request) -> Response:
    """Shows what is known of the address in the body."""
    return container().event_pages.person(request)


@app.route("/dashboard/events/resend")
def dashboard_preview_resend(request: Request) -> Response:
    """Asks for confirmation before the chosen events are sent again."""
    return container().event_pages.preview(request, "resend")


@app.route("/dashboard/events/resend", methods=["POST"])
def dashboard_resend(request: Request) -> Response:
    """Sends the chosen events again."""
    return container().event_pages.act(request, "resend")


@app.route("/dashboard/events/discard")
def dashboard_preview_discard(request: Request) -> Response:
    """Asks for confirmation before the chosen quarantined events are discarded."""
    return container().event_pages.preview(request, "discard")


@app.route("/dashboard/events/discard", methods=["POST"])
def dashboard_discard(request: Request) -> Response:
    """Discards the chosen quarantined events."""
    return container().event_pages.act(request, "discard")


@app.route("/dashboard/events/{id}")
def dashboard_event(request: Request, id: str) -> Response:
    """Shows one event's history."""
    return container().event_pages.show(request, id)


@app.route("/dashboard/events/{id}/resend", methods=["POST"])
def dashboard_resend_one(request: Request, id: str) -> Response:
    """Sends one event again."""
    return container().event_pages.act_on(request, id, "resend")


@app.route("/dashboard/events/{id}/discard", methods=["POST"])
def dashboard_discard_one(request: Request, id: str) -> Response:
    """Discards one quarantined event."""
    return container().event_pages.act_on(request, id, "discard")


@app.route("/dashboard/login", methods=["GET", "POST"])
def dashboard_login(request: Request) -> Response:
    """Starts a session of the dashboard with the admin key."""
    return container().dashboard_access.login(request)


@app.route("/dashboard/logout", methods=["POST"])
def dashboard_logout(request: Request) -> Response:
    """Ends a session of the dashboard."""
    return container().dashboard_access.logout(request)


@app.route("/dashboard")
def dashboard(request: Request) -> Response:
    """Shows what needs attention, and the state of accounts, forms and campaigns."""
    return container().overview_page.show(request)


@app.route("/dashboard/forms/{form}")
def dashboard_form(request: Request, form: str) -> Response:
    """Shows what a form brought by day, and the HTML to put on a website."""
    return container().form_pages.show(request, form)


@app.route("/dashboard/campaigns")
def dashboard_campaigns(request: Request) -> Response:
    """Shows the campaigns of a period."""
    return container().campaign_pages.show_all(request)


@app.route("/dashboard/campaigns/{account}/{campaign}")
def dashboard_campaign(request: Request, account: str, campaign: str) -> Response:
    """Shows one campaign with its curves."""
    return container().campaign_pages.show(request, account, campaign)


@app.route("/healthz")
def healthz(request: Request) -> Response:
    """Checks that Relais answers and can read its configuration."""
    container()
    return json_response(200, {"status": "ok", "version": __version__})


@app.route("/openapi.json")
def openapi(request: Request) -> Response:
    """Describes every operation, for machines (OpenAPI 3.1)."""
    from chalicelib.description.routes import show_document

    return show_document(request, app.declared, lambda: container().settings)


@app.route("/docs")
def docs(request: Request) -> Response:
    """Shows the content of `/openapi.json` as a page for people."""
    from chalicelib.description.routes import show_page

    return show_page(request, app.declared, lambda: container().settings)


@app.route("/", methods=METHODS)
@app.route("/{proxy+}", methods=METHODS)
def fallback(request: Request) -> Response:
    """Answers 404 for every other path; routes a mail's link with appended text to the link's view."""
    start, _, token = request.unmatched_path.partition("/")
    if token and request.method in ("GET", "HEAD", "POST"):
        if start == "unsubscribe":
            return container().unsubscribe_routes.answer(request, token)
        if start == "confirm":
            return container().confirm_routes.answer(request, token)
    raise problems.not_found()


app.complete()


@app.on_sqs_message(
    queue=names.queue(STAGE, "signups"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@instrumented
def signups(event: SQSEvent) -> dict[str, Any]:
    """Delivers signups: reads notifications, and whole events of any type from back ends."""
    return container().worker.handle("signups", event.to_dict(), cast(Context, event.context))


@app.on_sqs_message(
    queue=names.queue(STAGE, "unsubscribes"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@instrumented
def unsubscribes(event: SQSEvent) -> dict[str, Any]:
    """Delivers unsubscribes: reads notifications, and whole events of any type from back ends."""
    return container().worker.handle("unsubscribes", event.to_dict(), cast(Context, event.context))


@app.on_sqs_message(
    queue=names.queue(STAGE, "syncs"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@instrumented
def syncs(event: SQSEvent) -> dict[str, Any]:
    """Runs syncs: reads notifications, and whole events of any type from back ends."""
    return container().worker.handle("syncs", event.to_dict(), cast(Context, event.context))


@also_by_hand
@app.schedule("rate(1 hour)")
@instrumented
def collect_stats(event: CloudWatchEvent) -> dict[str, Any]:
    """Stores the current figures of every account's campaigns."""
    return container().collect_stats(event.to_dict(), cast(Context, event.context))


@also_by_hand
@app.schedule("rate(15 minutes)")
@instrumented
def sync_unsubscribes(event: CloudWatchEvent) -> dict[str, Any]:
    """Reads unsubscribes from the providers and propagates them to the other accounts."""
    return container().sync_unsubscribes(cast(Context, event.context), event.to_dict())


@also_by_hand
@app.schedule("rate(1 minute)")
@instrumented
def sweep(event: CloudWatchEvent) -> dict[str, Any]:
    """Notifies workers of deliveries that are pending, due and not claimed."""
    return container().sweep(cast(Context, event.context), event.to_dict())


@also_by_hand
@app.schedule("rate(7 days)")
@instrumented
def audit(event: CloudWatchEvent) -> dict[str, Any]:
    """Compares unsubscribes of providers and ledger; the schedule only reports, operators may also repair."""
    return container().audit(event.to_dict(), cast(Context, event.context))


@also_by_hand
@app.schedule("rate(7 days)")
@instrumented
def check(event: CloudWatchEvent) -> dict[str, Any]:
    """Checks accounts, forms and sources at their providers and hosts, without changing anything there."""
    return container().check(event.to_dict(), cast(Context, event.context))


@also_by_hand
@app.schedule("rate(1 hour)")
@instrumented
def canary(event: CloudWatchEvent) -> dict[str, Any]:
    """Posts a signup through the public URL, and checks whether the previous one was delivered."""
    return container().canary(event.to_dict(), cast(Context, event.context))


@app.lambda_function()
@instrumented
def call_provider(event: Any, context: Context) -> dict[str, Any]:
    """Calls a function of an account's provider by name, for operators."""
    return container().call_provider(event, context)


@app.lambda_function()
@instrumented
def report(event: Any, context: Context) -> dict[str, Any]:
    """Counts deliveries by status, overall and by account, for operators."""
    return container().report(context)


@app.lambda_function()
@instrumented
def resend(event: Any, context: Context) -> dict[str, Any]:
    """Sends parked or refused deliveries again, for operators."""
    return container().resend(event, context)


@app.lambda_function()
@instrumented
def resume(event: Any, context: Context) -> dict[str, Any]:
    """Ends the pause of an account and tries what waits for it now, for operators."""
    return container().resume(event, context)


@app.lambda_function()
@instrumented
def forget(event: Any, context: Context) -> dict[str, Any]:
    """Unsubscribes a person from every account and erases their stored data, for operators."""
    return container().forget(event, context)


@app.lambda_function()
@instrumented
def export_person(event: Any, context: Context) -> dict[str, Any]:
    """Exports all stored data of a person, for operators."""
    return container().export_person(event, context)


initialise(container)
