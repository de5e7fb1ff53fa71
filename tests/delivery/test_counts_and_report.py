"""What is counted by day agrees with what `report` finds by a scan, after any repeats, refusals and resends."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.reasons import ReasonCode
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

pytestmark = pytest.mark.seconds

FAILURES = (
    None,
    ProviderError(Kind.CONTACT, "refused", reason_code=ReasonCode.INVALID_ADDRESS),
    ProviderError(Kind.CONTACT, "unknown field", reason_code=ReasonCode.UNKNOWN_FIELD),
    ProviderError(Kind.LATER, "down"),
    ProviderError(Kind.UNKNOWN, "no answer"),
)


@pytest.fixture
def product(resources: TestAws) -> Product:
    return Product()


def counted(product: Product) -> dict[str, Counter[str]]:
    """Signups of each account by what became of them, from the counts of all days."""
    today = product.clock().date()
    found: dict[str, Counter[str]] = {"paris": Counter(), "lyon": Counter()}
    for one in product.container.counts.read(today.replace(year=today.year - 1), today):
        if one.type == "signup":
            found[one.account][one.outcome] += one.number
    return found


def reported(product: Product) -> dict[str, Counter[str]]:
    accounts = product.container.report(FakeContext())["accounts"]
    names = ("accepted", "delivered", "superseded", "refused", "parked")
    return {account: Counter({name: shown[name] for name in names}) for account, shown in accounts.items()}


@pytest.mark.parametrize("seed", range(4))
def test_counts_agree_with_the_report(product: Product, seed: int) -> None:
    chance = random.Random(seed)
    ids: list[str] = []
    for number in range(25):
        account = chance.choice(("paris", "lyon"))
        for provider in product.providers.values():
            failure = chance.choice(FAILURES)
            provider.rule = lambda *_, failure=failure: failure
        signup = product.signup(f"p{chance.randrange(12)}@example.com", accounts=(account,), form="footer")
        ids += product.store(signup)
        again = chance.sample(ids, min(len(ids), 3))
        if number % 5 == 4:  # two workers get the same messages
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda ids: product.work(*ids), [again, again]))
        else:
            product.work(*again)
        if chance.random() < 0.3:
            product.container.resend({"status": chance.choice(("refused", "parked"))}, FakeContext())
        product.clock.forward(hours=chance.randrange(30))
    for provider in product.providers.values():
        provider.rule = None
    product.clock.forward(hours=2)
    product.work(*ids)
    assert counted(product) == reported(product)


def test_a_worker_that_dies_before_its_last_write_loses_its_batch_only(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Ends a worker where it stands."""

    def dies(*_: Any) -> None:
        raise Killed

    first, second = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    monkeypatch.setattr(product.container.counts, "flush", dies)
    with pytest.raises(Killed):
        product.work(first)
    product.restart()
    product.work(first, second)
    assert counted(product)["paris"] == {"accepted": 1, "delivered": 1}
    assert reported(product)["paris"]["delivered"] == 2
