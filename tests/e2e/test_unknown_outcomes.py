"""What a provider's odd answers lead to, from a form to the rows at the provider."""

from __future__ import annotations

from tests.e2e.world import Ediware, event, submit
from tests.support.stack import MovableStack


def _delivery(stack: MovableStack, event_id: str) -> dict[str, object]:
    (delivery,) = event(stack, event_id)["deliveries"]
    return dict(delivery)


def _inserts(ediware: Ediware) -> int:
    return len(ediware.control.calls("ediware", "list_insert"))


def test_field_case_21_a_yes_behind_a_notice_is_delivered_once(running: MovableStack, ediware: Ediware) -> None:
    ediware.control.fault("notice")
    event_id = submit(running, "signup", {"email": "zoe@example.com"}).json["id"]
    running.until(lambda: _delivery(running, event_id)["status"] == "delivered")
    assert (_delivery(running, event_id)["unknown_outcome"], _inserts(ediware)) == (False, 1)
    assert "provider answer with noise" in running.logs and '"provider_noise":' in running.logs


def test_field_case_22_a_signup_whose_every_answer_breaks_off_is_parked(
    running: MovableStack, ediware: Ediware
) -> None:
    fault = ediware.control.fault("close", when="after", function="list_insert")
    event_id = submit(running, "signup", {"email": "zoe@example.com"}).json["id"]
    running.until(lambda: _delivery(running, event_id)["status"] == "parked", 600)
    found = _delivery(running, event_id)
    assert (found["attempts"], found["unknown_outcome"], _inserts(ediware)) == (3, True, 3)
    assert str(found["reason"]).startswith("outcome unknown after 3 attempts")
    ediware.control.clear_faults(fault)
    assert running.invoke("resend", {"id": event_id})[1]["resent"] == 1
    running.until(lambda: _delivery(running, event_id)["status"] == "delivered", 600)
    assert _inserts(ediware) == 4


def test_an_hour_of_502_parks_nobody(running: MovableStack, ediware: Ediware) -> None:
    first = submit(running, "signup", {"email": "first@example.com"}).json["id"]
    running.until(
        lambda: _delivery(running, first)["status"] == "delivered"
    )  # the list's columns are known from now on
    fault = ediware.control.fault("status", provider="ediware", status=502)
    event_id = submit(running, "signup", {"email": "zoe@example.com"}).json["id"]
    running.until(lambda: _inserts(ediware) == 2)
    for _ in range(12):
        running.forward(300)
    running.until(lambda: len(ediware.control.calls("ediware", "list_list")) > 2)
    assert (_delivery(running, event_id)["status"], _inserts(ediware)) == ("pending", 2)
    ediware.control.clear_faults(fault)
    running.until(lambda: _delivery(running, event_id)["status"] == "delivered", 600)
    assert (_delivery(running, event_id)["attempts"], ediware.emails()["zoe@example.com"]) == (2, 1)
