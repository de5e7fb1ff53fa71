"""An account that is paused for an hour is tried at the next sweep once its key or configuration has changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib.config.model import RetryPolicy, Settings
from chalicelib.config.secret_cache import Vault
from chalicelib.config.secret_references import Reference
from chalicelib.config.secrets import Secret
from chalicelib.delivery.account_state import fingerprint
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.notification.notifier import notified_ids
from chalicelib.providers.account import Account
from tests.support.aws import TestAws
from tests.support.product import Product, settings

HOUR = RetryPolicy(first_retry_seconds=3600)
"""So long lasts a pause, and so long a failed delivery waits: no test may get by with a short one."""


class FakeSecretsManager(Vault):
    """Secrets that change while the product runs."""

    value = "placeholder-old"

    def _ask(self, whole: Reference) -> str | None:
        return self.value


def refusing(kind: Kind = Kind.ACCOUNT, *, list_only: bool = False) -> ProviderError:
    return ProviderError(kind, "Error api_key invalid", list_only=list_only)


def announced(aws: TestAws) -> list[str]:
    """The ids of what waits in the queue of signups, taken out of it."""
    url = aws.queue_url("relais-local-signups")
    found: list[str] = []
    while messages := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in messages:
            found += notified_ids(json.loads(message["Body"])) or []
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found)


def swept(product: Product, aws: TestAws) -> list[str]:
    """One run of `sweep`, a minute later; the worker gets what it announced."""
    product.clock.forward(seconds=60)
    product.container.sweeper.run()
    ids = announced(aws)
    if ids:
        product.work(*ids)
    return ids


def statuses(product: Product, ids: Sequence[str]) -> set[str]:
    return {product.delivery(event_id)["status"] for event_id in ids}


def paused(product: Product, error: ProviderError) -> list[str]:
    """Three signups, two of them tried and refused with the account, or its list, for an hour."""
    product.paris.rule = lambda *_: error
    ids = product.store(*(product.signup(f"{name}@example.com", form="footer") for name in ("a", "b", "c")))
    product.work(*ids[:2])
    product.paris.rule = None
    return ids


@pytest.mark.seconds
@pytest.mark.parametrize("kind", [Kind.ACCOUNT, Kind.LATER, Kind.UNKNOWN])
def test_a_mended_secret_counts_at_the_next_sweep(product: Product, resources: TestAws, kind: Kind) -> None:
    vault = FakeSecretsManager({}, product.clock)
    key = Secret("secret:relais/paris", vault=vault)
    product.settings = settings(
        delivery=HOUR, accounts={"paris": Account("paris", "ediware", secrets={"api_key": key})}
    )
    product.restart()
    key.reveal()
    ids = paused(product, refusing(kind))
    for _ in range(2):
        assert swept(product, resources) == [], "the same key is not tried again before its time"
    assert vault.value not in str(product.container.table.get(("S#paris", "state")))
    vault.value = "placeholder-new"
    assert swept(product, resources) == sorted(ids)
    assert swept(product, resources) == []
    assert statuses(product, ids) == {"delivered"}
    assert sorted(product.paris.emails) == ["a@example.com", "b@example.com", "c@example.com"]


@pytest.mark.seconds
def test_all_that_waited_goes_on_after_the_probe(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.reconciliation.sweep.IDS_A_MESSAGE", 1)
    product.settings = settings(delivery=HOUR)
    product.restart()
    ids = paused(product, refusing())
    product.settings = with_url(product)
    product.restart()
    assert len(swept(product, resources)) == 1
    rest = announced(resources)
    assert len(rest) >= 2, "what waited is due in an hour, and announced all the same"
    product.work(*rest)
    assert statuses(product, ids) == {"delivered"}


@pytest.mark.seconds
def test_another_failure_under_the_new_configuration_begins_a_pause_anew(product: Product, resources: TestAws) -> None:
    product.settings = settings(delivery=RetryPolicy(first_retry_seconds=900))
    product.restart()
    ids = paused(product, refusing())
    for _ in range(3):
        product.paris.rule = lambda *_: refusing()
        product.clock.forward(hours=1)
        product.work(*ids)
    state = product.container.accounts.read("paris").pause
    assert state is not None and state.failures > 2 and state.until - state.since > 3 * 3600 * 1000
    product.settings = with_url(product)
    product.restart()
    assert swept(product, resources) != []
    again = product.container.accounts.read("paris").pause
    assert again is not None
    assert (again.failures, again.since, again.until) == (1, state.since, epoch(product) + 900_000)
    assert swept(product, resources) == []


@pytest.mark.seconds
def test_a_list_whose_form_is_mended_goes_on_at_the_next_sweep(product: Product, resources: TestAws) -> None:
    product.settings = settings(delivery=HOUR)
    product.restart()
    ids = paused(product, refusing(list_only=True))
    untried = [event_id for _ in range(2) for event_id in swept(product, resources)]
    assert untried == [ids[2]], "it is deferred with its list now"
    assert swept(product, resources) == []
    form = replace(product.settings.forms["footer"], fields={"prenom": "firstname"})
    product.settings = replace(product.settings, forms={"footer": form})
    product.restart()
    assert swept(product, resources) == sorted(ids)
    assert statuses(product, ids) == {"delivered"}
    assert product.container.accounts.read("paris").lists == {}


def test_a_list_that_no_form_has_any_more_does_not_stay_paused(product: Product, resources: TestAws) -> None:
    product.paris.rule = lambda *_: refusing(list_only=True)
    one_day = product.store(product.signup("a@example.com", form="footer"))
    product.work(*one_day)
    product.clock.forward(days=1)
    form = replace(product.settings.forms["footer"], list="1207")
    product.settings = replace(product.settings, forms={"footer": form})
    product.restart()
    product.container.sweeper.run()
    assert product.container.accounts.read("paris").lists == {}, "although its pause was over and nothing succeeded"


def test_forms_of_other_accounts_and_what_no_call_uses_end_no_pause(product: Product) -> None:
    before = fingerprint(product.container, "paris")
    form = product.settings.forms["footer"]
    product.settings = replace(
        product.settings, forms={"footer": replace(form, redirect="/"), "other": replace(form, account="lyon")}
    )
    product.restart()
    assert fingerprint(product.container, "paris") == before
    assert fingerprint(product.container, "gone") is None


def with_url(product: Product) -> Settings:
    """The same configuration with another address of the provider."""
    accounts = dict(product.settings.accounts)
    accounts["paris"] = replace(accounts["paris"], base_url="https://api.example.com")
    return replace(product.settings, accounts=accounts)


def epoch(product: Product) -> int:
    """The present in milliseconds."""
    return int(product.clock().timestamp() * 1000)
