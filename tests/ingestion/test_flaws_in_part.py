"""An invalid part does not invalidate the whole event: it is left out and noted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operators.support import report
from tests.support.product import Product

SIGNUP: dict[str, Any] = {"type": "signup", "id": "in-1", "form": "footer", "email": "a@example.com"}
LEAVE: dict[str, Any] = {"type": "unsubscribe", "id": "out-1", "email": "a@example.com"}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"fields": [], "consent": []}, id="field-5"),
        {"fields": []},
        {"consent": []},
        {"fields": [], "consent": {"source": "https://www.example.com/"}},
        {"fields": None, "consent": []},
        {"fields": {}, "consent": {}},
    ],
)
def test_field_case_05_empty_arrays_of_php_are_empty_objects(product: Product, more: dict[str, Any]) -> None:
    product.work(bodies=({**SIGNUP, **more},))
    view = product.view("in-1")
    assert (view["status"], view["notes"], view["errors"]) == ("delivered", [], [])


@pytest.mark.parametrize("fields", [["Zoé"], "", 0, False, [[]]])
def test_other_fields_that_are_no_object_stay_mistakes(product: Product, fields: Any) -> None:
    product.work(bodies=({**SIGNUP, "fields": fields},))
    view = product.view("in-1")
    assert view["status"] == "refused"
    assert [one["field"] for one in view["errors"]] == ["fields"]


@pytest.mark.parametrize(
    ("accounts", "noted"),
    [
        pytest.param(["paris", "ancien"], ["ancien"], id="field-8"),
        (["ancien", "paris"], ["ancien"]),
        (["paris", "ancien", "vieux", "ancien"], ["ancien", "vieux"]),
        (["paris", "Paris"], ["Paris"]),
        (["paris", ""], ["''"]),
        (["paris", "a@example.com"], ["…@…"]),
        (["paris", "x" * 500], ["x" * 59]),
    ],
)
def test_field_case_08_unknown_accounts_beside_known_ones_are_noted(
    product: Product, accounts: list[str], noted: list[str]
) -> None:
    product.work(bodies=({**LEAVE, "accounts": accounts},))
    view = product.view("out-1")
    assert [one["account"] for one in view["deliveries"]] == ["paris"]
    assert view["status"] == "delivered"
    assert len(view["notes"]) == len(noted)
    assert all(name.strip("'") in note for name, note in zip(noted, view["notes"], strict=True))
    assert "a@example.com" not in str(view["notes"])
    assert product.providers["lyon"].unsubscribed_emails == []


@pytest.mark.parametrize("accounts", [["ancien"], ["", " "], ["Paris", "LYON"], [], "paris", {"0": "paris"}])
def test_no_known_account_is_a_mistake(product: Product, accounts: Any) -> None:
    product.work(bodies=({**LEAVE, "accounts": accounts},))
    view = product.view("out-1")
    assert view["status"] == "refused"
    assert [one["field"] for one in view["errors"]] == ["accounts"]


def test_accounts_are_compared_as_sent(product: Product) -> None:
    product.work(bodies=({**LEAVE, "accounts": ["paris", "ancien"]},))
    product.work(bodies=({**LEAVE, "accounts": ["ancien", "paris", "paris"]},))
    assert report(product)["refused"] == 0
    product.work(bodies=({**LEAVE, "accounts": ["paris"]},))
    assert report(product)["refused"] == 1


@pytest.mark.parametrize(
    ("consent", "field"),
    [
        pytest.param({"ip": "somewhere"}, "consent.ip", id="field-8-consent"),
        ({"at": "yesterday"}, "consent.at"),
        ({"at": "2999-01-01T00:00:00Z"}, "consent.at"),
        ({"source": 5}, "consent.source"),
        ({"text": "a\ud800b"}, "consent.text"),
        ({"wording_sha256": "v3"}, "consent.wording_sha256"),
        ({"wording": "a", "wording_sha256": "0" * 64}, "consent.wording_sha256"),
        ("yes", "consent"),
        (["yes"], "consent"),
        (True, "consent"),
    ],
)
def test_a_flaw_in_consent_is_left_out_and_noted(product: Product, consent: Any, field: str) -> None:
    kept = {"text": "v3"} if isinstance(consent, dict) and field != "consent.text" else {}
    product.work(bodies=({**SIGNUP, "consent": {**consent, **kept} if kept else consent},))
    view = product.view("in-1")
    assert view["status"] == "delivered"
    assert [note.partition(":")[0] for note in view["notes"]] == [field]
    stored = product.container.events.load(["in-1"])[0].event
    assert not kept or (stored.consent is not None and stored.consent.text == "v3")


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        pytest.param("2026-03-01T09:29Z", "2026-03-01T09:29:00Z", id="field-5-time"),
        ("2026-03-01T10:29+01:00", "2026-03-01T09:29:00Z"),
        ("2026-03-01t09:29z", "2026-03-01T09:29:00Z"),
        ("2026-02-28T23:59-00:30", "2026-03-01T00:29:00Z"),
        ("2026-03-01T00:00Z", "2026-03-01T00:00:00Z"),
    ],
)
def test_a_time_may_lack_its_seconds(product: Product, stated: str, shown: str) -> None:
    product.work(bodies=({**SIGNUP, "occurred_at": stated, "consent": {"at": stated}},))
    view = product.view("in-1")
    assert (view["status"], view["occurred_at"], view["notes"]) == ("delivered", shown, [])
