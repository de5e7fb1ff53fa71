"""A form whose signups are all refused in the same words: its list is paused, and nobody else is refused for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from chalicelib.config.load import load
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.ledger.table import Table
from chalicelib.observability import metrics
from chalicelib.providers.account import Account
from local.sandbox import Control, sample_config, start as start_sandbox
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product, settings

WORDS = "unknown field prenm"


def wrong_field(verb: str, emails: Sequence[str]) -> ProviderError | None:
    return ProviderError(Kind.CONTACT, WORDS) if verb == "sign_up" else None


def one_by_one(product: Product, count: int, first: int = 1) -> list[str]:
    """Signups of different people by one form, each in a message of its own."""
    numbers = range(first, first + count)
    ids = product.store(*(product.signup(f"p{number}@example.com", form="footer") for number in numbers))
    for event_id in ids:
        product.work(event_id)
    return ids


def statuses(product: Product, ids: Sequence[str]) -> list[str]:
    return [product.delivery(event_id)["status"] for event_id in ids]


@pytest.mark.seconds
def test_the_sixth_signup_waits_for_the_list_and_goes_on_by_itself_once_mended(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.flush()
    product.paris.rule = wrong_field
    metrics.flush()
    ids = one_by_one(product, 7)
    assert statuses(product, ids) == ["refused"] * 5 + ["pending"] * 2
    assert product.paris.calls_of("sign_up") == 5
    reason = f"every signup of the form footer is refused: {WORDS}"
    sixth = product.delivery(ids[5])
    assert (sixth["reason"], sixth["attempts"]) == (reason, 0)
    assert sixth["next_attempt_at"] == "2026-03-01T09:30:30Z"
    state = product.container.accounts.read("paris")
    assert state.pause is None and state.lists["4781"].reason == reason
    capsys.readouterr()
    metrics.flush()
    assert '"refused_alike":1' in capsys.readouterr().out

    product.clock.forward(seconds=31)
    product.container.sweeper.run()
    product.work(*ids)
    assert statuses(product, ids) == ["refused"] * 5 + ["pending"] * 2, "it asks again, and refuses nobody"
    product.paris.rule = None
    product.clock.forward(seconds=61)
    product.work(*ids)
    assert statuses(product, ids) == ["refused"] * 5 + ["delivered"] * 2
    product.container.resend({"status": "refused", "form": "footer"}, FakeContext())
    product.work(*ids)
    assert statuses(product, ids) == ["delivered"] * 7
    assert sorted(product.paris.emails) == [f"p{number}@example.com" for number in range(1, 8)]
    state = product.container.accounts.read("paris")
    assert (state.lists, state.refusals) == ({}, ())


@pytest.mark.seconds
def test_what_is_resent_before_it_is_mended_waits_too(product: Product) -> None:
    product.paris.rule = wrong_field
    ids = one_by_one(product, 5)
    product.container.resend({"status": "refused"}, FakeContext())
    product.clock.forward(seconds=31)
    product.work(*ids)
    assert statuses(product, ids) == ["pending"] * 5


def test_a_success_of_the_form_between_ends_the_count(product: Product) -> None:
    product.paris.rule = wrong_field
    refused = one_by_one(product, 4)
    product.paris.rule = None
    assert statuses(product, one_by_one(product, 1, first=5)) == ["delivered"]
    product.paris.rule = wrong_field
    refused += one_by_one(product, 4, first=6)
    assert statuses(product, refused) == ["refused"] * 8
    assert product.container.accounts.read("paris").lists == {}


@pytest.mark.seconds
@pytest.mark.parametrize("provider", ["ediware", "mymailmarket"])
def test_bad_addresses_of_a_robot_stop_nobody_for_long(product: Product, provider: str) -> None:
    """However many bad ones wait, the next good one ends the pause as soon as the list is tried again."""
    product.settings = settings(accounts={"paris": Account("paris", provider)})
    product.restart()
    product.paris.rule = lambda verb, emails: (
        ProviderError(Kind.CONTACT, "no such mailbox") if any("bad" in email for email in emails) else None
    )
    bad = product.store(*(product.signup(f"bad{n}@example.com", form="footer") for n in range(14)))
    for event_id in bad[:6]:
        product.work(event_id)
    for seconds in (31, 61, 121, 241, 481):
        product.clock.forward(seconds=seconds)
        product.work(*bad)
    assert statuses(product, bad) == ["refused"] * 5 + ["pending"] * 9
    (good,) = product.store(product.signup("good@example.com", form="footer"))
    product.clock.forward(seconds=481)
    product.work(*bad, good)
    assert statuses(product, [good]) == ["delivered"]
    assert statuses(product, bad).count("refused") >= 10, "what was tried with it is refused for good"


def test_accepted_signups_cost_no_write_of_the_account(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    update = Table.update

    def counted(self: Table, key: tuple[str, str], *args: object, **options: object) -> object:
        written.append(key[0])
        return update(self, key, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Table, "update", counted)
    one_by_one(product, 2)
    assert not [pk for pk in written if pk == "S#paris"]


@pytest.mark.seconds
def test_a_worker_that_cannot_count_a_refusal_refuses_nobody(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    product.paris.rule = wrong_field

    def fail(*_: object) -> None:
        raise LedgerUnavailable("throttled")

    monkeypatch.setattr(product.container.accounts, "write", fail)
    ids = one_by_one(product, 6)
    assert statuses(product, ids) == ["pending"] * 6
    monkeypatch.undo()
    product.clock.forward(seconds=200)
    for event_id in ids:
        product.work(event_id)
    assert statuses(product, ids) == ["refused"] * 5 + ["pending"]


@pytest.mark.server
@pytest.mark.no_cover
def test_a_wrong_field_name_is_mended_by_a_configuration_and_a_resend(resources: TestAws, tmp_path: Path) -> None:
    """At the sandbox: seven people, a wrong field name, the right one, and everybody is on the list once."""
    config = tmp_path / "relais.toml"
    with start_sandbox() as sandbox:
        config.write_text(sample_config(sandbox.url).replace('prenom = "prenom"', 'prenom = "prenm"'))
        product = Product(load(config, os.environ), providers={})
        people = [product.signup(f"p{n}@example.com", form="footer", fields={"prenom": f"P{n}"}) for n in range(7)]
        ids = product.store(*people)
        for event_id in ids:
            product.work(event_id)
        assert statuses(product, ids) == ["refused"] * 5 + ["pending"] * 2
        paused = product.container.report(FakeContext())["accounts"]["paris"]["paused"]
        assert paused["lists"] == ["4781"] and "field prenm does not exist" in paused["reason"]

        config.write_text(sample_config(sandbox.url))
        product.settings = load(config, os.environ)
        product.restart()
        product.container.sweeper.run()
        product.work(*ids)
        assert statuses(product, ids) == ["refused"] * 5 + ["delivered"] * 2
        assert product.container.resend({"status": "refused", "form": "footer"}, FakeContext()) == {"resent": 5}
        product.work(*ids)
        assert statuses(product, ids) == ["delivered"] * 7
        assert product.container.report(FakeContext())["accounts"]["paris"]["paused"] is None
        rows = Control(sandbox.url).state()["providers"]["ediware"]["accounts"]["paris"]["lists"]["4781"]["rows"]
        added = [(row["email"], row["prenom"]) for row in rows if row["email"].startswith("p")]
        assert sorted(added) == [(f"p{n}@example.com", f"P{n}") for n in range(7)]
