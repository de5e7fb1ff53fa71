"""Every mistake in a form's section or its account's key is mended by another configuration over the same ledger."""

from __future__ import annotations

from collections import Counter
from typing import Any

from local.sandbox.ediware.samples import API_KEY
from local.sandbox.samples import sample_account
from local.toml_writer import write_toml
from tests.e2e.world import ADMIN_KEY, Ediware, event, submit
from tests.support.stack import MovableStack, SharedStack

FIELDS = {"email": "@email", "prenom": "prenom"}
RIGHT = {"account": "lyon", "list": "4781", "fields": FIELDS}
WRONG: dict[str, dict[str, Any]] = {
    "field": {**RIGHT, "fields": {**FIELDS, "prenom": "frist_name"}},
    "list": {**RIGHT, "list": "4718"},
    "account": {**RIGHT, "account": "brussel"},
    "key": {**RIGHT, "account": "paris"},
    "mapping": {**RIGHT, "account": "paris", "fields": {**FIELDS, "prenom": "nom"}},
    "renamed": {**RIGHT, "account": "paris"},
}
MENDED = {name: {**RIGHT, "account": form["account"]} for name, form in WRONG.items()} | {"account": RIGHT}
WAITING = "form renamed is not in the configuration"


def configuration(sandbox: str, forms: dict[str, Any], paris_key: str) -> str:
    """Two accounts at the simulated Ediware and one at myMailMarket, and these forms."""
    ediware = {"provider": "ediware", "base_url": f"{sandbox}/ediware/api_http"}
    brussel = {
        "provider": "mymailmarket",
        "base_url": f"{sandbox}/mymailmarket/V2.svc",
        **sample_account("mymailmarket"),
    }
    return write_toml(
        {
            "accounts": {
                "paris": {**ediware, "api_key": paris_key},
                "lyon": {**ediware, "api_key": API_KEY},
                "brussel": brussel,
            },
            "forms": forms,
            "privacy": {"address_keys": ["sample-address-key-only-for-this-machine"]},
            "api": {"admin_key": ADMIN_KEY},
        }
    )


def test_a_mended_configuration_delivers_every_person_once(shared_stack: SharedStack) -> None:
    stack = shared_stack.reset(configuration(shared_stack.sandbox, WRONG, "a wrong key"))
    try:
        ids = {}
        for form in WRONG:
            answer = submit(stack, "signup", {"email": f"{form}@example.com", "prenom": form}, form=form)
            assert answer.status == 202
            ids[form] = answer.json["id"]
        stack.until(lambda: all(state(stack, one)["reason"] for one in ids.values()))
        assert {form: state(stack, one)["status"] for form, one in ids.items()} == dict.fromkeys(WRONG, "pending") | {
            "field": "refused"
        }
        stack.forward(61)

        renamed = {**MENDED, "nouveau": MENDED["renamed"]}
        del renamed["renamed"]
        stack.restart_workers(configuration(shared_stack.sandbox, renamed, API_KEY))
        assert stack.invoke("resend", {"status": "refused"}) == (0, {"resent": 1})
        stack.until(
            lambda: Counter(state(stack, one)["status"] for one in ids.values()) == {"delivered": 5, "pending": 1}
        )
        assert state(stack, ids["renamed"])["reason"] == WAITING

        stack.restart_workers(configuration(shared_stack.sandbox, MENDED, API_KEY))
        stack.until(lambda: state(stack, ids["renamed"])["status"] == "delivered")
        rows = Ediware(stack.sandbox).account()["lists"]["4781"]["rows"]
        assert Counter((row["email"], row["prenom"]) for row in rows if row["email"].split("@")[0] in WRONG) == Counter(
            (f"{form}@example.com", form) for form in WRONG
        )
        code, counted = stack.invoke("report")
        assert (code, counted["delivered"], counted["accepted"]) == (0, 6, 6)
        assert {name: one["delivered"] for name, one in counted["accounts"].items()} == {
            "paris": 3,
            "lyon": 3,
            "brussel": 0,
        }
    finally:
        shared_stack.idle()


def state(stack: MovableStack, event_id: str) -> dict[str, Any]:
    """The event's only delivery."""
    [delivery] = event(stack, event_id)["deliveries"]
    found: dict[str, Any] = delivery
    return found
