"""Calls with an idempotency key: made once, whatever repeats them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Status
from chalicelib.ledger.operator_calls import OperatorCallStore
from chalicelib.operators.functions import EFFECTS, Effect, changes
from chalicelib.operators.once import MOST_KEPT
from local import template
from tests.operators.support import ended
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product
from tests.support.provider import FakeProvider

CREATE = {"account": "paris", "function": "list_create", "params": {"name": "x"}, "confirm": True}
KEY = {"idempotency_key": "0193-a"}


class Answering(FakeProvider):
    """Answers calls by name with what `answer` says."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[dict[str, Any]] = []
        self.answer: Callable[[int], Any] = lambda number: {"id": number}

    def call(self, function: str, params: Any, *, budget: float) -> Any:
        self.made.append({"function": function, "params": params})
        return self.answer(len(self.made))


@pytest.fixture
def paris() -> Answering:
    return Answering()


@pytest.fixture
def product(resources: TestAws, paris: Answering) -> Product:
    return Product(providers={"paris": paris, "lyon": FakeProvider()})


def call(product: Product, event: dict[str, Any] = CREATE, milliseconds: int = 120_000, **more: Any) -> dict[str, Any]:
    """What `call_provider` answers on an instance of its own."""
    product.restart()
    return product.container.call_provider({**event, **more}, FakeContext(milliseconds))


def stored(resources: TestAws) -> str:
    """Every item of the ledger as text."""
    return json.dumps(resources.dynamodb.scan(TableName="relais-local-ledger")["Items"])


def test_without_a_key_every_call_is_made(product: Product, paris: Answering) -> None:
    assert [call(product)["result"]["id"] for _ in range(3)] == [1, 2, 3]


def test_a_repeat_gets_the_answer_of_the_first_call(product: Product, paris: Answering) -> None:
    assert [call(product, **KEY) for _ in range(3)] == [{"result": {"id": 1}}] * 3
    assert len(paris.made) == 1
    assert call(product, idempotency_key="0193-b") == {"result": {"id": 2}}


def test_the_key_is_none_of_the_functions_own_members(product: Product, paris: Answering) -> None:
    call(product, **KEY)
    assert paris.made == [{"function": "list_create", "params": {"name": "x"}}]


def test_calls_that_only_read_are_made_each_time_and_leave_nothing(
    product: Product, paris: Answering, resources: TestAws
) -> None:
    reading = {"account": "paris", "function": "list_list"}
    assert [call(product, reading, **KEY)["result"]["id"] for _ in range(2)] == [1, 2]
    assert "error" not in product.container.export_person({"email": "a@example.com", **KEY}, FakeContext())
    assert "error" not in product.container.audit({"accounts": [], **KEY}, FakeContext())
    assert "0193-a" not in stored(resources)


def test_a_repeat_waits_for_a_call_that_runs(product: Product, paris: Answering) -> None:
    begun, let_go = Signal(), Signal()

    def answer(number: int) -> Any:
        begun.set()
        assert let_go.wait(10)
        return number

    paris.answer = answer
    product.restart()
    first = product.container
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first.call_provider, {**CREATE, **KEY}, FakeContext())
        assert begun.wait(10)

        def sleep(seconds: float) -> None:
            let_go.set()
            assert running.result(10) == {"result": 1}

        product._sleep = sleep  # type: ignore[method-assign]
        assert call(product, **KEY) == {"result": 1}
    assert len(paris.made) == 1


def test_a_repeat_says_that_the_first_call_still_runs_when_its_own_time_is_up(
    product: Product, paris: Answering
) -> None:
    answers: list[Any] = []
    paris.answer = lambda number: answers.append(call(product, milliseconds=30_000, **KEY))
    assert call(product, **KEY) == {"result": None}
    assert (answers[0]["error"]["kind"], len(paris.made)) == ("later", 1)
    assert "still runs: call again with the same key" in answers[0]["error"]["message"]
    assert sum(product.slept) == pytest.approx(26, abs=2)


@pytest.mark.parametrize("kind", [Kind.LATER, Kind.ACCOUNT, Kind.CALLER])
def test_what_changed_nothing_may_be_tried_again_with_its_key(product: Product, paris: Answering, kind: Kind) -> None:
    def answer(number: int) -> Any:
        if number == 1:
            raise ProviderError(kind, "not now")
        return number

    paris.answer = answer
    assert call(product, **KEY)["error"]["kind"] == kind.value
    assert call(product, {**CREATE, "params": {"name": "corrected"}}, **KEY) == {"result": 2}


def test_what_may_have_changed_something_is_not_tried_again(product: Product, paris: Answering) -> None:
    def answer(number: int) -> Any:
        raise ProviderError(Kind.UNKNOWN, "no answer")

    paris.answer = answer
    assert call(product, **KEY) == call(product, **KEY)
    assert len(paris.made) == 1


@pytest.mark.parametrize("raised", [ValueError, SystemExit])
def test_after_a_call_that_was_cut_off_a_repeat_says_so(
    product: Product, paris: Answering, raised: type[BaseException]
) -> None:
    def answer(number: int) -> Any:
        raise raised("on purpose")

    paris.answer = answer
    with pytest.raises(raised):
        call(product, **KEY)
    error = call(product, **KEY)["error"]
    assert (error["kind"], len(paris.made)) == ("unknown", 1)
    assert "call again with another key" in error["message"]


def test_after_an_instance_that_died_a_repeat_says_so_once_its_time_is_over(
    product: Product, paris: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dead:
        dead.setattr(OperatorCallStore, "_finish", lambda *_: None)
        call(product, **KEY)
    assert call(product, milliseconds=10_000, **KEY)["error"]["kind"] == "later"
    product.clock.forward(minutes=3)
    assert call(product, **KEY)["error"]["kind"] == "unknown"
    assert len(paris.made) == 1


def test_what_continues_where_it_stopped_is_continued_after_an_instance_that_died(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(product, "a@example.com", Status.PARKED)
    with monkeypatch.context() as dead:
        dead.setattr("chalicelib.operators.resend.send_selected", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            product.container.resend(KEY, FakeContext())
    assert product.container.resend(KEY, FakeContext()) == {"resent": 1}
    assert product.container.resend(KEY, FakeContext()) == {"resent": 1}, "the answer of the second call"


def test_a_key_is_of_one_call(product: Product, paris: Answering) -> None:
    call(product, **KEY)
    error = call(product, {**CREATE, "params": {"name": "y"}}, **KEY)["error"]
    assert (error["kind"], len(paris.made)) == ("caller", 1)
    assert "was used for another call" in error["message"]
    assert product.container.resend(KEY, FakeContext()) == {"resent": 0}, "another function's keys are its own"


@pytest.mark.parametrize("key", ["", "with space", "a@example.com", 7, None, "x" * 500])
def test_a_wrong_key_is_reported_and_nothing_done(product: Product, paris: Answering, key: Any) -> None:
    assert call(product, idempotency_key=key)["error"]["kind"] == "caller"
    assert paris.made == []


def test_a_key_is_forgotten_after_a_day(product: Product, paris: Answering) -> None:
    call(product, **KEY)
    product.clock.forward(hours=23)
    assert call(product, **KEY) == {"result": {"id": 1}}
    product.clock.forward(hours=2)
    assert call(product, **KEY) == {"result": {"id": 2}}


def test_nothing_that_is_kept_shows_an_address_or_a_secret(
    product: Product, paris: Answering, resources: TestAws
) -> None:
    paris.answer = lambda number: {"email": "zoe@example.com", "said": "sent to zoe@example.com", "id": 4781}
    event = {**CREATE, "params": {"email": "zoe@example.com", "password": "swordfish"}}
    assert call(product, event, **KEY)["result"]["said"] == "sent to zoe@example.com"
    assert call(product, event, **KEY)["result"] == {"email": "***", "said": "sent to …@…", "id": 4781}
    product.container.forget({"email": "zoe@example.com", **KEY}, FakeContext())
    items = [item for item in json.loads(stored(resources)) if item["pk"]["S"].startswith("S#call#")]
    assert len(items) == 2
    assert all("zoe" not in str(item) and "swordfish" not in str(item) for item in items)


def test_an_answer_that_is_too_large_to_keep_is_said_to_be(product: Product, paris: Answering) -> None:
    paris.answer = lambda number: ["x" * 1024] * (MOST_KEPT // 1024)
    assert len(call(product, **KEY)["result"]) == MOST_KEPT // 1024
    repeated = call(product, **KEY)
    assert repeated["result"] is None
    assert "has succeeded; its answer of 64 KB was too large to keep" in repeated["warning"]
    assert len(paris.made) == 1


def test_without_the_ledger_nothing_is_done(
    product: Product, paris: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("the ledger did not answer")

    monkeypatch.setattr(OperatorCallStore, "begin", unavailable)
    error = call(product, **KEY)["error"]
    assert (error["kind"], paris.made) == ("later", [])
    assert "nothing was done: call again with the same key" in error["message"]


def test_an_answer_is_given_even_if_it_cannot_be_recorded(
    product: Product, paris: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("the ledger did not answer")

    monkeypatch.setattr(OperatorCallStore, "end", unavailable)
    assert call(product, **KEY) == {"result": {"id": 1}}


def test_a_write_that_botocore_repeats_begins_one_call(
    product: Product, paris: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = OperatorCallStore.begin

    def twice(*given: Any, **more: Any) -> Any:
        begin(*given, **more)
        return begin(*given, **more)

    monkeypatch.setattr(OperatorCallStore, "begin", twice)
    assert call(product, **KEY) == {"result": {"id": 1}}


def test_every_function_but_those_of_queues_and_http_is_declared() -> None:
    assert set(template.functions()) == {*EFFECTS, "api_handler", "signups", "unsubscribes", "syncs"}


@pytest.mark.parametrize("function", [name for name, effect in EFFECTS.items() if effect is not Effect.NONE])
def test_every_function_that_changes_something_takes_a_key(
    product: Product, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {"confirm": True, "repair": True, **KEY}
    assert changes(function, event)
    seen: list[str] = []
    monkeypatch.setattr("chalicelib.operators.once.call_once", lambda services, name, *_: seen.append(name) or {})
    handler, context = getattr(product.container, function), FakeContext()
    handler(context, event) if function in ("sweep", "sync_unsubscribes") else handler(event, context)
    assert seen == [function]


def test_keys_are_taken_by_what_changes_something_alone() -> None:
    assert not changes("report", {})
    assert not changes("call_provider", {"function": "list_list"})
    assert not changes("audit", {"accounts": []})
    assert not changes("signups", {"Records": []})
