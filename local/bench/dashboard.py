"""Measures the dashboard's pages: DynamoDB calls, weight and processor time, beside a page of the statistics API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from chalicelib.domain.events import EventType, Status
from chalicelib.domain.figures import Snapshot
from chalicelib.domain.reasons import ReasonCode
from chalicelib.ledger.keys import attention_entry, due_entry
from chalicelib.statistics.items import campaign_item
from local import sandbox
from local.bench.consumed import Consumed
from local.bench.surroundings import client, in_fresh_process, product
from local.bench.table import Row, ratio
from local.bench.workers import no_output
from local.sample_past import write_form_days

if TYPE_CHECKING:
    from chalicelib.container import Container
    from chalicelib.web.http_messages import Request, Response

SIZES = (1_000, 10_000)
EVENTS_A_CAMPAIGN = 10
"""Events that wait or need a person, beside each campaign."""
RARE = 1000
"""One of so many of these events came by a form of its own."""
ACCOUNTS = ("paris", "lettre", "brussel")
STATES = (Status.REFUSED, Status.PARKED, EventType.SIGNUP, EventType.UNSUBSCRIBE)
REPEATS = 7
LEDGER, STATISTICS = "relais-local-ledger", "relais-local-stats"
BASELINE = "GET /stats/campaigns?limit=50"
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """A warm page: its calls to DynamoDB, its bytes, and the median of its processor time."""

    calls: int
    size: int
    milliseconds: float


def rows() -> Iterator[Row]:
    """Measures each page at two sizes: campaigns, ten times as many events that need a person; a year of forms."""
    small, large = (_measure(size) for size in SIZES)
    columns = [f"{size:,} campaigns" for size in SIZES]
    for name in small:
        both = (small[name], large[name])
        yield Row(f"{name}: DynamoDB calls", [each.calls for each in both], columns)
        yield Row(f"{name}: KB", [each.size / 1000 for each in both], columns)
        yield Row(f"{name}: processor ms here", [each.milliseconds for each in both], columns)
        if name != BASELINE:
            compared = [ratio(of[name].milliseconds, of[BASELINE].milliseconds) for of in (small, large)]
            yield Row(f"{name}: of {BASELINE}'s", compared, columns)


def _measure(size: int) -> dict[str, Cost]:
    with (
        sandbox.start() as running,
        product(sandbox.sample_config(running.url)) as environ,
    ):
        now = datetime.now(UTC).replace(microsecond=0)
        _write(environ, STATISTICS, [campaign_item(_campaign(place, now)) for place in range(size)])
        _write(environ, LEDGER, [_needing(place, now) for place in range(size * EVENTS_A_CAMPAIGN)])
        write_form_days(now, client("dynamodb", environ))
        return in_fresh_process(environ, read_pages).result


def _campaign(place: int, now: datetime) -> Snapshot:
    return Snapshot(
        account="paris",
        provider="ediware",
        campaign=str(place),
        name=f"Lettre {place}",
        subject="Vos rendez-vous du mois, et trois idées",
        sent_at=now - timedelta(minutes=50 * place + 1),
        taken_at=now,
        sent=12_480,
        unique_opens=4_000 + place % 500,
        unique_clicks=640,
        unsubscribes=45,
        curve={hours: (hours, 1, 0) for hours in (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 96, 120, 144, 168, 336, 720)},
    )


def _needing(place: int, now: datetime) -> Item:
    """Returns an event as it lies in the ledger, as far as lists show it: of each account and state in turn."""
    account, state = ACCOUNTS[place % 3], STATES[place // 3 % 4]
    status = Status.PENDING if isinstance(state, EventType) else state
    accepted = int((now - timedelta(minutes=place)).timestamp() * 1000)
    texts = {
        "pk": f"E#form-{place:040}",
        "sk": "E",
        "type": (state if isinstance(state, EventType) else EventType.SIGNUP).value,
        "form": "footer" if place % RARE else "rare",
        "status": status.value,
        "reason": "list_insert: the contact is refused",
        "reason_code": ReasonCode.REJECTED_BY_PROVIDER.value,
        **(
            due_entry(account, state, now - timedelta(minutes=place))
            if isinstance(state, EventType)
            else attention_entry(account, state, now - timedelta(minutes=place))
        ),
    }
    numbers = dict.fromkeys(("accepted", "updated"), accepted)
    return {
        **{name: {"S": value} for name, value in texts.items()},
        **{name: {"N": str(value)} for name, value in numbers.items()},
    }


def _write(environ: Mapping[str, str], table: str, items: list[Item]) -> None:
    dynamodb = client("dynamodb", environ)

    def put(start: int) -> None:
        requests = {table: [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]}
        while requests:
            requests = dynamodb.batch_write_item(RequestItems=requests)["UnprocessedItems"]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(0, len(items), 25)))


def read_pages() -> dict[str, Cost]:
    """Reads each page several times in one instance."""
    from chalicelib.container import container

    made = container()
    counted = Consumed()
    counted.watch(made._dynamodb.meta.events)
    with no_output():
        return {name: _read(page, query, made, counted) for name, (page, query) in _PAGES.items()}


_PAGES: dict[str, tuple[Callable[[Container, Request], Response], dict[str, str]]] = {
    BASELINE: (lambda made, request: made.stats_routes.show_page(request), {"limit": "50"}),
    "overview": (lambda made, request: made.overview_page.show(request), {}),
    "campaigns": (lambda made, request: made.campaign_pages.show_all(request), {}),
    "campaigns by words and rate": (
        lambda made, request: made.campaign_pages.show_all(request),
        {"words": "lettre", "sort": "opens"},
    ),
    "needs attention": (lambda made, request: made.event_pages.show_all(request), {}),
    "needs attention, a rare form": (
        lambda made, request: made.event_pages.show_all(request),
        {"form": "rare"},
    ),
    "needs attention, a frequent reason": (
        lambda made, request: made.event_pages.show_all(request),
        {"code": ReasonCode.REJECTED_BY_PROVIDER.value},
    ),
}


def _read(
    page: Callable[[Container, Request], Response], query: dict[str, str], made: Container, counted: Consumed
) -> Cost:
    from chalicelib.web.http_messages import Request

    headers = {"authorization": f"Bearer {sandbox.SAMPLE_ADMIN_KEY}", "accept": "text/html"}
    spent = []
    for _ in range(REPEATS + 1):  # the first one is cold
        counted.clear()
        started = time.process_time()
        answer = page(made, Request("GET", headers, query))
        spent.append(1000 * (time.process_time() - started))
        if answer.status != 200:
            raise RuntimeError(f"the page answered {answer.status}")
    return Cost(counted.calls.total(), len(answer.body.encode()), median(spent[1:]))
