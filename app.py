"""Every Lambda function of Relais, a few lines each: what happens is in `chalicelib`, composed by `runtime`.

Event handlers stand here and not in blueprints: in Lambda a blueprint's handler is imported without this module.
"""

from __future__ import annotations

import os
from typing import Any, cast

from chalice.app import BaseLambdaEvent, CloudWatchEvent, SQSEvent

from chalicelib import names
from chalicelib.delivery.deadline import Context
from chalicelib.observability import observed
from chalicelib.runtime import runtime
from chalicelib.schedules import also_by_hand
from chalicelib.web.gateway import create_app

STAGE = names.stage(os.environ)
BATCH, WINDOW_SECONDS = 1000, 4

app = create_app(lambda request: runtime().api.handle(request))


def lambda_context(event: BaseLambdaEvent) -> Context:
    """Lambda's own context object, which Chalice hands on under the type of a dictionary."""
    return cast(Context, event.context)


@app.on_sqs_message(
    queue=names.queue(STAGE, "signups"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@observed
def signups(event: SQSEvent) -> dict[str, Any]:
    """Signups' doorbell, and whole events of any type from back ends."""
    return runtime().worker.handle("signups", event.to_dict(), lambda_context(event))


@app.on_sqs_message(
    queue=names.queue(STAGE, "unsubscribes"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@observed
def unsubscribes(event: SQSEvent) -> dict[str, Any]:
    """Unsubscribes' doorbell, and whole events of any type from back ends."""
    return runtime().worker.handle("unsubscribes", event.to_dict(), lambda_context(event))


@app.on_sqs_message(
    queue=names.queue(STAGE, "syncs"), batch_size=BATCH, maximum_batching_window_in_seconds=WINDOW_SECONDS
)
@observed
def syncs(event: SQSEvent) -> dict[str, Any]:
    """Syncs' doorbell, and whole events of any type from back ends."""
    return runtime().worker.handle("syncs", event.to_dict(), lambda_context(event))


@also_by_hand
@app.schedule("rate(1 hour)")
@observed
def collect_stats(event: CloudWatchEvent) -> dict[str, Any]:
    """Store what every account's campaigns have come to."""
    return runtime().collect_stats(event.to_dict(), lambda_context(event))


@also_by_hand
@app.schedule("rate(15 minutes)")
@observed
def sync_unsubscribes(event: CloudWatchEvent) -> dict[str, Any]:
    """Tell every account who left the others, as their providers tell it."""
    return runtime().sync_unsubscribes(lambda_context(event))


@also_by_hand
@app.schedule("rate(1 minute)")
@observed
def sweep(event: CloudWatchEvent) -> dict[str, Any]:
    """Ring for whatever is pending, due and not in hand."""
    return runtime().sweep(lambda_context(event))


@also_by_hand
@app.schedule("rate(7 days)")
@observed
def audit(event: CloudWatchEvent) -> dict[str, Any]:
    """Whether providers and ledger agree on who left; by the schedule a dry run, for operators also a repair."""
    return runtime().operators.audit(event.to_dict(), lambda_context(event))


@app.lambda_function()
@observed
def call_provider(event: Any, context: Context) -> dict[str, Any]:
    """Any call of any account's provider, by its name, for operators."""
    return runtime().operators.call_provider(event, context)


@app.lambda_function()
@observed
def report(event: Any, context: Context) -> dict[str, Any]:
    """How many deliveries stand where, overall and by account, for operators."""
    return runtime().operators.report(context)


@app.lambda_function()
@observed
def resend(event: Any, context: Context) -> dict[str, Any]:
    """Parked or refused deliveries once more, for operators."""
    return runtime().operators.resend(event, context)


@app.lambda_function()
@observed
def forget(event: Any, context: Context) -> dict[str, Any]:
    """A person leaves every account, and what is held about them is erased, for operators."""
    return runtime().operators.forget(event, context)


@app.lambda_function()
@observed
def export_person(event: Any, context: Context) -> dict[str, Any]:
    """All that is held about a person, for operators."""
    return runtime().operators.export_person(event, context)
