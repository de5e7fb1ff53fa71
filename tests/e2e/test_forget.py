"""Erasing a person through the whole stack: at three providers, in the ledger, in the logs; later syncs do not
resubscribe.
"""

from __future__ import annotations

from local.sandbox import Control
from tests.e2e.world import Ediware, event, put_on_queue, submit, unsubscribed_at
from tests.support.stack import RunningStack
from tests.support.waiting import wait_for

PERSON = "camille@example.com"
"""The sandbox has this address on two lists of myMailMarket and on the one of Ediware already."""


def forget(stack: RunningStack) -> dict[str, int]:
    code, answer = stack.invoke("forget", {"email": PERSON})
    assert code == 0, answer
    return dict(answer)


def at_mymailmarket(stack: RunningStack) -> list[str]:
    """The person's status on each list of the sandbox's myMailMarket, including deleted subscribers."""
    account = Control(stack.sandbox).state()["providers"]["mymailmarket"]["accounts"]["brussel"]
    people = [person for one in account["lists"].values() for person in one["rows"]]
    return [person["Status"] for person in people if person["MailAddress"].lower() == PERSON]


def in_ledger(stack: RunningStack) -> bool:
    """Whether the address is anywhere in the ledger."""
    pages = stack.aws.dynamodb.get_paginator("scan").paginate(TableName="relais-local-ledger")
    return PERSON in str([item for page in pages for item in page["Items"]]).lower()


def test_a_person_is_erased_everywhere_and_stays_erased(running: RunningStack, ediware: Ediware) -> None:
    signup = submit(running, "signup", {"email": PERSON, "prenom": "Camille", "consent.wording": "Ja."})
    wait_for(lambda: event(running, signup.json["id"])["status"] == "delivered")
    code, exported = running.invoke("export_person", {"email": PERSON.upper()})
    assert code == 0
    (stored,) = exported["events"]
    assert (stored["email"], len(stored["consent"]["wording_sha256"])) == (PERSON, 64)
    assert at_mymailmarket(running) == ["active", "active"]
    rows = ediware.emails()[PERSON]
    assert forget(running)["erased"] == 1
    wait_for(lambda: forget(running)["waiting"] == 0)
    assert at_mymailmarket(running) == ["deleted", "deleted"]
    unsubscribed = unsubscribed_at(running.sandbox, PERSON)
    assert unsubscribed["ediware"]
    assert unsubscribed["mailpartner"]
    assert not in_ledger(running)
    contacts = [{"email": PERSON}, {"email": "max@example.com"}]
    sync = {"type": "sync", "id": "back", "kind": "contacts", "account": "paris", "list": "4781", "contacts": contacts}
    put_on_queue(running.aws, "syncs", [sync])
    wait_for(lambda: ediware.emails()["max@example.com"] == 1)
    for _ in range(2):
        code, answer = running.invoke("sync_unsubscribes", {})
        assert code == 0, answer
    submit(running, "signup", {"email": PERSON})
    wait_for(lambda: not in_ledger(running))
    wait_for(lambda: forget(running) == {"erased": 0, "waiting": 0})
    assert ediware.emails()[PERSON] == rows, "those of before, whose owner is unsubscribed"
    assert at_mymailmarket(running) == ["deleted", "deleted"]
    code, exported = running.invoke("export_person", {"email": PERSON.upper()})
    assert (code, exported["events"]) == (0, [])
    assert PERSON not in running.logs.lower()
