"""Forms and workers serve every provider alike, and an unsubscribe is delivered to all of them."""

from __future__ import annotations

from tests.e2e.world import Ediware, event, submit, unsubscribed_at
from tests.support.stack import RunningStack
from tests.support.waiting import wait_for


def test_a_form_of_each_provider_and_an_unsubscribe_at_all_of_them(running: RunningStack, ediware: Ediware) -> None:
    person = "zoe@example.com"
    assert submit(running, "signup", {"email": person, "prenom": "Zoé"}).status == 202
    assert submit(running, "signup", {"email": person, "voornaam": "Zoë"}, form="nieuwsbrief").status == 202
    wait_for(lambda: ediware.emails()[person] == 1)
    wait_for(lambda: newsletter(running).get(person, {}).get("FirstName") == "Zoë")
    unsubscribe = submit(running, "unsubscribe", {"email": person})
    wait_for(lambda: all(unsubscribed_at(running.sandbox, person).values()))
    shown = wait_for(lambda: (e := event(running, unsubscribe.json["id"]))["status"] == "delivered" and e)
    assert [one["account"] for one in shown["deliveries"]] == ["paris", "lettre", "brussel"]
    assert {one["status"] for one in shown["deliveries"]} == {"delivered"}
    assert newsletter(running)[person]["Status"] == "unsubscribed"


def test_statistics_of_all_three_providers_are_collected(running: RunningStack) -> None:
    code, result = running.invoke("collect_stats")
    assert code == 0
    assert result["accounts"].keys() == {"paris", "lettre", "brussel"}
    assert {one["error"] for one in result["accounts"].values()} == {None}
    assert result["accounts"]["paris"]["written"] > 0
    assert result["accounts"]["brussel"]["written"] > 0


def newsletter(running: RunningStack) -> dict[str, dict[str, str]]:
    """The rows of myMailMarket's sample list, by address."""
    from local.sandbox import Control

    account = Control(running.sandbox).state()["providers"]["mymailmarket"]["accounts"]["brussel"]
    return {row["MailAddress"]: row for row in account["lists"]["0616074266229"]["rows"]}
