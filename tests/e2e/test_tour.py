"""The README's tour, from a web form to the provider's list and from a campaign's figures to DynamoDB."""

from __future__ import annotations

from boto3.dynamodb.types import TypeDeserializer

from local.sandbox import sample_config, start as start_sandbox
from tests.e2e.world import Ediware, event, submit
from tests.support.stack import RunningStack, SharedStack
from tests.support.waiting import wait_for

SNAPSHOT_FIELDS = {
    *("account", "provider", "campaign", "name", "subject", "sent_at", "taken_at", "sent", "delivered", "opens"),
    *("unique_opens", "clicks", "unique_clicks", "hard_bounces", "soft_bounces", "unsubscribes"),
}


def test_a_signup_reaches_the_list_and_an_unsubscribe_the_provider(running: RunningStack, ediware: Ediware) -> None:
    joined = submit(running, "signup", {"email": "zoe@example.com", "prenom": "Zoé"})
    assert (joined.status, joined.json["status"]) == (202, "accepted")
    wait_for(lambda: ediware.emails()["zoe@example.com"] == 1)
    row = next(row for row in ediware.account()["lists"]["4781"]["rows"] if row["email"] == "zoe@example.com")
    assert row["prenom"] == "Zoé"
    unsubscribe = submit(running, "unsubscribe", {"email": "zoe@example.com"})
    assert unsubscribe.status == 202
    wait_for(lambda: "zoe@example.com" in ediware.unsubscribed())
    for answer in (joined, unsubscribe):
        shown = wait_for(
            lambda answer=answer: (e := event(running, answer.json["id"]))["status"] == "delivered" and e, 5
        )
        assert {one["attempts"] for one in shown["deliveries"]} == {1}


def snapshots(running: RunningStack) -> list[dict[str, object]]:
    """Everything in the table of statistics."""
    read = TypeDeserializer().deserialize
    items = running.aws.dynamodb.scan(TableName="relais-local-stats")["Items"]
    return [{name: read(value) for name, value in item.items()} for item in items]


def test_figures_are_stored_and_an_unchanged_second_run_writes_nothing(running: RunningStack, ediware: Ediware) -> None:
    ediware.control.clock(freeze=True)
    code, first = running.invoke("collect_stats")
    assert code == 0
    assert first["accounts"]["paris"]["error"] is None
    assert first["accounts"]["paris"]["written"] == first["accounts"]["paris"]["read"] > 0
    kept = snapshots(running)
    assert all(item.keys() >= SNAPSHOT_FIELDS for item in kept)
    assert running.invoke("collect_stats")[1]["accounts"]["paris"]["written"] == 0
    assert snapshots(running) == kept
    ediware.control.clock(advance=7200)
    assert running.invoke("collect_stats")[1]["accounts"]["paris"]["written"] > 0


def test_the_product_calls_the_providers_named_in_its_configuration(shared_stack: SharedStack) -> None:
    with start_sandbox() as elsewhere:
        stack = shared_stack.reset(sample_config(elsewhere.url).replace('/api_http"', '/api_http/"'))
        assert submit(stack, "signup", {"email": "zoe@example.com"}).status == 202
        wait_for(lambda: Ediware(elsewhere.url).emails()["zoe@example.com"] == 1)
        assert Ediware(stack.sandbox).emails()["zoe@example.com"] == 0
        shared_stack.idle()
