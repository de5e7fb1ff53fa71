"""A malformed item is logged, counted and passed over; sweep, the nightly pass, report and workers do all the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.backoff import AccountState
from chalicelib.domain.errors import Kind, LedgerUnavailable, MalformedItem, ProviderError
from chalicelib.domain.events import Status
from chalicelib.domain.times import epoch_milliseconds
from chalicelib.observability import metrics
from tests.operators.support import end, enqueued, items, report, resend
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

BOTH = ("paris", "lyon")
TABLE = "relais-local-ledger"
Seen = Callable[[], set[tuple[str, str]]]
STATE = ("S#paris", "state")
PAUSE = {"until": 1, "since": 1, "reason": "down", "kind": "later", "failures": 1}


@pytest.fixture
def seen(capsys: pytest.CaptureFixture[str]) -> Seen:
    """The keys and problems that were logged since the last call, each of which was counted."""
    metrics.flush()
    capsys.readouterr()

    def read() -> set[tuple[str, str]]:
        metrics.flush()
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        found = [line for line in lines if line.get("message") == "malformed ledger item"]
        assert sum(line.get("malformed_items", 0) for line in lines) == len(found)
        assert "@" not in json.dumps(found)
        return {(f"{line['pk']} / {line['sk']}", line["problem"]) for line in found}

    return read


@pytest.fixture
def spoil(resources: TestAws) -> Callable[..., None]:
    """`spoil(pk, sk, change, **values)`: change an item behind the product's back, values as boto3 has them."""

    def change(pk: str, sk: str, expression: str, **values: Any) -> None:
        used = [name for name in ("status", "lists", "version", "pause", "type") if f"#{name}" in expression]
        more: Any = {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}}
        if used:
            more["ExpressionAttributeNames"] = {f"#{name}": name for name in used}
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        more = {name: value for name, value in more.items() if value}
        resources.dynamodb.update_item(TableName=TABLE, Key=key, UpdateExpression=expression, **more)

    return change


def night(product: Product) -> dict[str, Any]:
    """A run of `sweep` on the next night."""
    product.clock.forward(hours=24)
    return product.container.sweep(FakeContext(55_000))


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"version": 1, "lists": {}, "pause": {**PAUSE, "until": "soon"}}, "pause.until is not a number"),
        ({"version": 1, "lists": {}, "pause": {"until": 1}}, "pause.since is missing"),
        pytest.param(
            {"version": 1, "lists": {}, "pause": {**PAUSE, "until": 10**18}},
            "pause.until is not a time",
            marks=pytest.mark.slow,
        ),
        pytest.param({"version": 1, "lists": {}, "pause": "yes"}, "pause is not a map", marks=pytest.mark.slow),
        ({"version": 1, "lists": ["4781"]}, "lists is not a map"),
        pytest.param(
            {"version": 1, "lists": {"4781": {**PAUSE, "failures": True}}},
            "lists.4781.failures is not a number",
            marks=pytest.mark.slow,
        ),
        ({"version": 1, "lists": {}, "resumed_at": "today"}, "resumed_at is not a number"),
        pytest.param(
            {"version": 1, "lists": {}, "probe_until": [1]}, "probe_until is not a number", marks=pytest.mark.slow
        ),
        pytest.param({"lists": {}}, "version is missing", marks=pytest.mark.slow),
        ({"version": "one", "lists": {}}, "version is not a number"),
    ],
)
def test_an_account_with_a_malformed_state_continues_like_the_others(
    product: Product, resources: TestAws, seen: Seen, state: dict[str, Any], problem: str
) -> None:
    ids = product.store(product.signup("a@example.com"), product.signup("b@example.com", accounts=("lyon",)))
    product.container.table.put_new({"pk": STATE[0], "sk": STATE[1], **state})
    product.clock.forward(minutes=2)
    assert product.container.sweep(FakeContext(55_000)) == {"enqueued": 2}
    assert seen() == {("S#paris / state", problem)}
    assert enqueued(resources) == sorted(ids)
    assert report(product)["accounts"]["paris"]["paused"] is None
    product.work(*ids)
    assert (product.paris.emails, product.providers["lyon"].emails) == (["a@example.com"], ["b@example.com"])


def test_the_next_pause_overwrites_a_malformed_state(product: Product, seen: Seen) -> None:
    product.container.table.put_new({"pk": STATE[0], "sk": STATE[1], "version": 7, "pause": {}, "lists": {}})
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.work(*product.store(product.signup("a@example.com")))
    assert seen() == {("S#paris / state", "pause.until is missing")}
    state = product.container.accounts.read("paris")
    assert (state.version, state.pause and state.pause.reason, state.lists) == (8, "down", {})
    assert seen() == set()
    assert product.container.accounts.read("lyon") == AccountState()


def test_malformed_account_names_are_ignored(product: Product, resources: TestAws, seen: Seen) -> None:
    ids = product.store(product.signup("a@example.com"))
    product.container.table.put_new({"pk": "S#accounts", "sk": "names", "configured": "gone"})
    product.clock.forward(minutes=2)
    assert product.container.sweeper.run() == {"enqueued": 1}
    assert enqueued(resources) == ids
    assert seen() == {("S#accounts / names", "configured is not a set")}


def test_malformed_index_entries_are_not_notified(product: Product, resources: TestAws, seen: Seen) -> None:
    ids = product.store(product.signup("a@example.com"))
    product.container.table.put_new({"pk": "E#x", "sk": "E", "due_pk": "paris", "due_sk": "5-signup#1"})
    for pk in ("X#1", "E#not an id"):
        product.container.table.put_new({"pk": pk, "sk": "E", "due_pk": "paris", "due_sk": "5-signup#0000000000001"})
    product.clock.forward(minutes=2)
    assert product.container.sweeper.run() == {"enqueued": 1}
    assert enqueued(resources) == ids
    problem = "pk is not the key of an event"
    assert seen() == {
        ("X#1 / E", problem),
        ("E#not an id / E", problem),
        ("E#x / E", "due_sk is not a sort key"),
    }


@pytest.mark.seconds
@pytest.mark.parametrize(
    ("change", "values", "problem"),
    [
        ("REMOVE accepted", {}, "accepted is missing"),
        pytest.param("SET accepted = :no", {"no": {"S": "today"}}, "accepted is not a number", marks=pytest.mark.slow),
        ("SET #type = :no", {"no": {"S": "shout"}}, "type is none of the known names"),
        pytest.param("SET accounts = :no", {"no": {"S": "paris"}}, "accounts is not a list", marks=pytest.mark.slow),
        ("SET accounts = :no", {"no": {"L": [{"N": "1"}]}}, "accounts is not a list of strings"),
        ("SET occurred = :no", {"no": {"N": "9" * 20}}, "occurred is not a time"),
        pytest.param("SET next_at = :no", {"no": {"S": "soon"}}, "next_at is not a number", marks=pytest.mark.slow),
        pytest.param("SET email = :no", {"no": {"N": "1"}}, "email is not a string", marks=pytest.mark.slow),
        pytest.param("SET consent = :no", {"no": {"S": "yes"}}, "consent is not a map", marks=pytest.mark.slow),
    ],
)
def test_a_malformed_event_does_not_block_the_others(
    product: Product,
    resources: TestAws,
    seen: Seen,
    spoil: Callable[..., None],
    change: str,
    values: dict[str, Any],
    problem: str,
) -> None:
    bad, good = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    spoil(f"E#{bad}", "E", change, **values)
    before = items(resources, bad)
    product.clock.forward(minutes=2)
    assert product.container.sweeper.run() == {"enqueued": 2}, "the index contains both"
    report(product)
    seen()
    assert product.work(bad, good) == {"batchItemFailures": []}
    assert product.paris.emails == ["b@example.com"]
    assert seen() == {(f"E#{bad} / E", problem)}
    resend(product)
    night(product)
    assert items(resources, bad) == before, "it is not treated as expired"


def test_the_report_counts_the_other_events(product: Product, seen: Seen, spoil: Callable[..., None]) -> None:
    ids = [product.signup("a@example.com"), product.signup("b@example.com"), product.signup("c@example.com")]
    both = product.unsubscribe("d@example.com", accounts=BOTH)
    gone = product.unsubscribe("e@example.com", accounts=BOTH)
    product.store(*ids, both, gone)
    spoil(f"E#{ids[0].id}", "E", "SET #status = :no", no={"S": "waiting"})
    spoil(f"E#{ids[1].id}", "E", "REMOVE accepted")
    spoil(f"E#{both.id}", "D#paris", "REMOVE #status")
    spoil(f"E#{gone.id}", "E", "REMOVE accounts")
    product.clock.forward(seconds=9)
    found = report(product)
    assert (found["accepted"], found["pending"], found["oldest_pending_seconds"]) == (2, 2, 9)
    assert [found["accounts"][name]["pending"] for name in BOTH] == [1, 1]
    assert seen() == {
        (f"E#{ids[0].id} / E", "status is none of the known names"),
        (f"E#{ids[1].id} / E", "accepted is missing"),
        (f"E#{both.id} / D#paris", "status is missing"),
        (f"E#{gone.id} / E", "accounts is missing"),
    }


def test_the_oldest_age_is_measured_from_the_other_events(
    product: Product, seen: Seen, spoil: Callable[..., None]
) -> None:
    old = product.store(product.signup("a@example.com"))[0]
    product.clock.forward(seconds=5)
    new = product.signup("b@example.com")
    product.store(new)
    spoil(f"E#{old}", "E", "REMOVE accepted")
    assert product.container.sweeper._oldest("paris").of_all == epoch_milliseconds(new.accepted_at)
    assert seen() == {(f"E#{old} / E", "accepted is missing")}


@pytest.mark.seconds
def test_the_nightly_pass_continues_with_the_other_events(
    product: Product, resources: TestAws, seen: Seen, spoil: Callable[..., None]
) -> None:
    """Also for remains of an event with a malformed delivery: it is not treated as expired."""
    bad, good = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    both = product.store(product.unsubscribe("c@example.com", accounts=BOTH))[0]
    for pk, sk in ((f"E#{bad}", "E"), (f"E#{good}", "E"), (f"E#{both}", "D#paris"), (f"E#{both}", "D#lyon")):
        spoil(pk, sk, "REMOVE due_pk, due_sk")
    spoil(f"E#{bad}", "E", "SET #status = :pending, updated = :no", pending={"S": "pending"}, no={"S": "now"})
    spoil(f"E#{both}", "D#lyon", "SET next_at = :no", no={"S": "soon"})
    before = items(resources, bad), items(resources, both)
    for _ in range(3):  # deliveries of events that are gone would be retired after a day
        night(product)
    assert set(enqueued(resources)) == {good}
    assert seen() == {(f"E#{bad} / E", "updated is not a number"), (f"E#{both} / D#lyon", "next_at is not a number")}
    assert (items(resources, bad), items(resources, both)) == before
    spoil(f"E#{both}", "D#lyon", "REMOVE next_at")
    night(product)
    assert enqueued(resources, "unsubscribes") == [both], "once it is put right, it goes on"


@pytest.mark.seconds
def test_a_nightly_pass_with_malformed_progress_restarts(
    product: Product, resources: TestAws, seen: Seen, spoil: Callable[..., None]
) -> None:
    lost = product.store(product.signup("a@example.com"))
    night(product)
    enqueued(resources)
    spoil(f"E#{lost[0]}", "E", "REMOVE due_pk, due_sk")
    spoil("S#sweep", "nightly_pass", "SET pages = :no", no={"S": "many"})
    night(product)
    assert seen() == {("S#sweep / nightly_pass", "pages is not a number")}
    assert enqueued(resources) == lost
    spoil("S#sweep", "nightly_pass", "SET lease_until = :no", no={"S": "later"})
    product.store(product.signup("b@example.com"))
    assert night(product)["enqueued"] == 2, "sweep goes on even where the pass cannot"
    assert seen() == {("S#sweep / nightly_pass", "lease_until is not a number")}


def test_an_event_does_not_expire_before_its_malformed_delivery(
    product: Product, resources: TestAws, spoil: Callable[..., None]
) -> None:
    event = product.unsubscribe("a@example.com", accounts=BOTH)
    product.store(event)
    spoil(f"E#{event.id}", "D#lyon", "SET #status = :no", no={"S": "waiting"})
    end(product, event, Status.DELIVERED, "paris")
    assert not any("expires_at" in item for item in items(resources, event.id).values())
    spoil(f"E#{event.id}", "D#lyon", "SET #status = :yes", yes={"S": "pending"})
    end(product, event, Status.DELIVERED, "lyon")
    assert all("expires_at" in item for item in items(resources, event.id).values())


def test_reading_one_malformed_event_is_an_error(product: Product, spoil: Callable[..., None]) -> None:
    """The order rules must not take it for a deleted event: a deleted signup counts as delivered."""
    event = product.signup("a@example.com")
    product.store(event)
    spoil(f"E#{event.id}", "E", "SET #status = :no", no={"N": "1"})
    events = product.container.events
    for read in (lambda: events.status(event.id, "paris"), lambda: events.mark_unknown([event.id], "paris", "t")):
        with pytest.raises(MalformedItem, match=rf"^malformed ledger item E#{event.id} / E: status is not a string$"):
            read()
    assert issubclass(MalformedItem, LedgerUnavailable)


def _state_key(product: Product, email: str, account: str = "paris") -> tuple[str, str]:
    return product.container.address_keys.partition(email), account


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"unsubscribed_at": "yesterday"}, "unsubscribed_at is not a number"),
        pytest.param({"signed_up_at": 10**18}, "signed_up_at is not a time", marks=pytest.mark.slow),
        ({"lease_token": "t", "lease_type": "signup", "lease_at": 1, "lease_until": 1}, "lease_event is missing"),
        (
            {"lease_token": "t", "lease_event": "e", "lease_type": "shout", "lease_at": 1, "lease_until": 1},
            "lease_type is none of the known names",
        ),
    ],
)
@pytest.mark.parametrize("account", ["paris", "*"])
def test_a_malformed_subscription_state_keeps_its_own_deliveries_waiting_and_no_other(
    product: Product, seen: Seen, state: dict[str, Any], problem: str, account: str
) -> None:
    """No signup is delivered while it cannot be read whether the person has unsubscribed."""
    bad, good = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    pk, sk = _state_key(product, "a@example.com", account)
    product.container.table.put_new({"pk": pk, "sk": sk, **state})
    assert product.work(bad, good) == {"batchItemFailures": []}
    assert product.paris.emails == ["b@example.com"]
    assert (product.delivery(bad)["status"], product.delivery(good)["status"]) == ("pending", "delivered")
    assert seen() == {(f"{pk} / {sk}", problem)}
    with pytest.raises(MalformedItem):
        product.container.subscriptions.look("a@example.com", "paris", lambda _: None)


def test_a_state_that_becomes_malformed_while_it_is_claimed_stops_nothing_else(product: Product, seen: Seen) -> None:
    bad, good = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    pk, sk = _state_key(product, "a@example.com")
    read = product.container.subscriptions.read

    def overtaken(*given: Any) -> Any:
        found = read(*given)
        product.container.table.put_new({"pk": pk, "sk": sk, "unsubscribed_at": "now"})
        return found

    product.container.subscriptions.read = overtaken  # type: ignore[method-assign]
    product.work(bad, good)
    assert product.paris.emails == ["b@example.com"]
    assert seen() == {(f"{pk} / {sk}", "unsubscribed_at is not a number")}


def test_the_view_shows_the_well_formed_deliveries_of_an_event(
    product: Product, seen: Seen, spoil: Callable[..., None]
) -> None:
    both = product.store(product.unsubscribe("a@example.com", accounts=BOTH))[0]
    spoil(f"E#{both}", "D#lyon", "SET next_at = :no", no={"S": "soon"})
    assert [one["account"] for one in product.view(both)["deliveries"]] == ["paris"]
    assert seen() == {(f"E#{both} / D#lyon", "next_at is not a number")}
    spoil(f"E#{both}", "E", "REMOVE occurred")
    with pytest.raises(MalformedItem, match="occurred is missing"):
        product.view(both)


def test_an_event_does_not_expire_before_its_person_s_malformed_state_is_put_right(
    product: Product, resources: TestAws, seen: Seen
) -> None:
    event = product.signup("a@example.com", accounts=BOTH)
    product.store(event)
    pk, sk = _state_key(product, "a@example.com", "*")
    product.container.table.put_new({"pk": pk, "sk": sk, "forgotten_at": "yesterday"})
    for account in BOTH:
        end(product, event, Status.DELIVERED, account)
    assert seen() == {(f"{pk} / {sk}", "forgotten_at is not a number")}
    assert not any("expires_at" in item for item in items(resources, event.id).values())
    product.container.table.update((pk, sk), "REMOVE forgotten_at")
    product.container.events.expire_when_whole(event, product.clock())
    assert all("expires_at" in item for item in items(resources, event.id).values())
