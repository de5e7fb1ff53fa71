"""10,000 form posts in a minute, with the throttles of the template: no unsubscribe is refused, nobody else waits."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import count, pairwise
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.unsubscribe_links.links import Links
from local.sandbox import Control
from local.sandbox.mymailmarket.samples import NEWSLETTER
from local.sandbox.samples import SAMPLE_UNSUBSCRIBE_KEY
from tests.e2e.world import FORM
from tests.support.aws import TestAws, stage_description
from tests.support.stack import RunningStack, StackStarter
from tests.support.waiting import wait_for

POSTS, SECONDS = 10_000, 60.0
CLIENTS = 32
"""How many wait for an answer at once; what they cannot send in time is sent later."""
VISITORS = 20
"""Who sign up by the other form meanwhile, in the same minute."""
FLOODED, OTHER = "footer", "nieuwsbrief"
SIGNUPS_PER_HOUR = 500
AT_ONCE = timedelta(seconds=60)
"""How soon what is not held is delivered, on a machine that does everything itself."""
PERIOD = timedelta(minutes=1)
"""Of `sweep`."""
MUST_START_WITHIN = PERIOD * 1.5


@dataclass(frozen=True)
class Post:
    """What is posted, and for whom."""

    kind: str
    email: str
    path: str
    body: str


@dataclass(frozen=True)
class Posted:
    """A post and its answer."""

    post: Post
    status: int
    retry_after: int
    id: str | None


@dataclass(frozen=True)
class Delivered:
    """A delivery as the ledger has it."""

    event_id: str
    type: str
    form: str | None
    accepted: datetime
    status: str
    quarantined: bool
    updated: datetime

    @property
    def took(self) -> timedelta:
        return self.updated - self.accepted

    @property
    def hour(self) -> datetime:
        return self.accepted.replace(minute=0, second=0, microsecond=0)


def form_post(kind: str, form: str, verb: str, email: str) -> Post:
    return Post(kind, email, f"/forms/{form}/{verb}", urlencode({"email": email}))


def flood(public_url: str) -> Iterator[Post]:
    """Signups of strangers by one form; three in a hundred are unsubscribes by a form, one in two hundred by a link.

    Each form brings fewer unsubscribes than it may in an hour.
    """
    links = Links([Secret.plain(SAMPLE_UNSUBSCRIBE_KEY)], public_url, os.urandom)
    for number in range(POSTS):
        if number % 200 == 0:
            email = f"link{number}@example.com"
            yield Post("link", email, urlsplit(links.url(email)).path, "List-Unsubscribe=One-Click")
        elif number % 100 in (25, 50, 75):
            form = FLOODED if number % 200 > 100 else OTHER
            yield form_post("unsubscribe", form, "unsubscribe", f"leaves{number}@example.com")
        else:
            yield form_post("signup", FLOODED, "signup", f"stranger{number}@example.com")


class Client:
    """Posts over connections that stay open, one a thread."""

    def __init__(self, url: str) -> None:
        self._place = url.removeprefix("http://")
        self._of_thread = threading.local()

    def post(self, post: Post) -> Posted:
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = HTTPConnection(self._place, timeout=60)
        connection: HTTPConnection = self._of_thread.connection
        connection.request("POST", post.path, post.body, FORM)
        answer = connection.getresponse()
        body = answer.read()
        given = json.loads(body).get("id") if answer.status == 202 else None
        return Posted(post, answer.status, int(answer.headers.get("Retry-After", "0")), given)


class World:
    """The stack, and what was sent to it."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.client = Client(stack.http)
        self.began = time.monotonic()

    def send(self, posts: list[Post]) -> list[Posted]:
        """Post them all evenly over the minute, or as fast as answers come."""
        numbers = count()
        answers: list[Posted] = []

        def sends() -> None:
            while (number := next(numbers)) < len(posts):
                self._pace(number * SECONDS / len(posts))
                answers.append(self.client.post(posts[number]))

        with ThreadPoolExecutor(CLIENTS) as pool:
            for sender in [pool.submit(sends) for _ in range(CLIENTS)]:
                sender.result()
        return answers

    def visit(self, number: int) -> Posted:
        """A person at the other form, whose throttle is another one."""
        self._pace(number * SECONDS / VISITORS)
        return self.client.post(form_post("visitor", OTHER, "signup", f"visitor{number}@example.com"))

    def _pace(self, seconds: float) -> None:
        """Let the time come, in seconds from the beginning."""
        time.sleep(max(0.0, self.began + seconds - time.monotonic()))

    def report(self) -> dict[str, Any]:
        code, answer = self.stack.invoke("report")
        assert code == 0, answer
        found: dict[str, Any] = answer
        return found

    def settled_report(self) -> dict[str, Any]:
        """The report, once nothing waits but what is quarantined."""

        def settled() -> dict[str, Any]:
            report = self.report()
            waiting = sum(queue["messages"] for queue in report["queues"].values())
            return report if waiting == 0 and report["pending"] == report["quarantined"] else {}

        return wait_for(settled, 300, every_seconds=3)

    def sweeps(self) -> list[tuple[datetime, timedelta]]:
        """When each run of `sweep` has begun, and how long it took, by its log."""
        found = []
        for line in self.stack.logs.splitlines():
            if '"function": "sweep"' in line and '"message": "done"' in line:
                said = json.loads(line)
                took = timedelta(seconds=said["seconds"])
                found.append((datetime.fromisoformat(said["timestamp"]) - took, took))
        return found


def deliveries(aws: TestAws) -> list[Delivered]:
    """Every delivery in the ledger."""
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName="relais-local-ledger")
    items = [plain(item) for page in pages for item in page["Items"] if item["pk"]["S"].startswith("E#")]
    events = {item["pk"]: item for item in items if item["sk"] == "E"}

    def at(item: Mapping[str, Any], name: str) -> datetime:
        return datetime.fromtimestamp(int(item[name]) / 1000, UTC)

    return [
        Delivered(
            event_id=item["pk"].removeprefix("E#"),
            type=event["type"],
            form=event.get("form"),
            accepted=at(event, "accepted"),
            status=item["status"],
            quarantined=item.get("quarantined", False),
            updated=at(item, "updated"),
        )
        for item in items
        if "status" in item
        for event in [events[item["pk"]]]
    ]


def plain(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in item.items()}


def of(posted: list[Posted], kind: str) -> list[Posted]:
    return [one for one in posted if one.post.kind == kind]


@pytest.fixture
def world(start_stack: StackStarter) -> World:
    """A stack in real time, as `THROTTLES=on make run` starts it."""
    return World(start_stack(env={"THROTTLES": "on"}))


@pytest.mark.rehearsal
@pytest.mark.slow
@pytest.mark.server
@pytest.mark.no_cover
def test_a_flood_refuses_no_unsubscribe_and_holds_nobody_else_up(world: World) -> None:
    ready = datetime.now(UTC)
    posts = list(flood(world.stack.http))
    assert Counter(post.kind for post in posts) == {"signup": 9650, "unsubscribe": 300, "link": 50}
    leaving = [post.email for post in posts if post.kind != "signup"]
    Control(world.stack.sandbox).set("mymailmarket", add_subscribers={"list": NEWSLETTER, "rows": leaving})
    world.began = time.monotonic()
    with ThreadPoolExecutor(VISITORS) as pool:
        people: list[Future[Posted]] = [pool.submit(world.visit, number) for number in range(VISITORS)]
        posted = world.send(posts)
        visitors = [person.result() for person in people]
    lasted, ended = time.monotonic() - world.began, datetime.now(UTC)
    report = world.settled_report()
    ledger = deliveries(world.stack.aws)

    check_answers(posted, visitors, lasted)
    check_unsubscribes(world, posted, ledger)
    check_signups(world, posted, ledger)
    check_visitors(world, visitors, ledger)
    check_report(report, ledger)
    wait_for(lambda: any(at > ended for at, _ in world.sweeps()), 150, every_seconds=2)
    check_sweeps(world.sweeps(), ready)


def check_answers(posted: list[Posted], visitors: list[Posted], lasted: float) -> None:
    """No unsubscribe is refused; signups are above the rate of the template, and told when to come again."""
    assert len(posted) == POSTS
    assert Counter(one.status for one in of(posted, "unsubscribe")) == {202: 300}
    assert Counter(one.status for one in of(posted, "link")) == {200: 50}
    signups = of(posted, "signup")
    statuses = Counter(one.status for one in signups)
    assert statuses.keys() == {202, 429}
    assert {one.retry_after > 0 for one in signups if one.status == 429} == {True}
    assert Counter(one.status for one in visitors) == {202: VISITORS}
    throttle = stage_description().api.throttles["POST", "/forms/{form}/signup"]
    assert throttle.rate == 50
    assert statuses[202] <= throttle.burst + throttle.rate * (lasted + 1)


def check_unsubscribes(world: World, posted: list[Posted], ledger: list[Delivered]) -> None:
    """Each is delivered at every provider, soon after it was accepted."""
    emails = [one.post.email for one in posted if one.post.kind != "signup"]
    found = [one for one in ledger if one.type == "unsubscribe"]
    assert Counter(one.status for one in found) == {"delivered": 3 * len(emails)}
    assert max(one.took for one in found) <= AT_ONCE
    unsubscribed = unsubscribed_everywhere(world.stack.sandbox)
    for provider, addresses in unsubscribed.items():
        assert set(emails) <= addresses, provider


def check_signups(world: World, posted: list[Posted], ledger: list[Delivered]) -> None:
    """Of those of the flooded form the hourly limit goes on, the rest is quarantined, and nothing else was accepted."""
    found = [one for one in ledger if one.type == "signup" and one.form == FLOODED]
    emails = {one.id: one.post.email for one in of(posted, "signup") if one.status == 202}
    assert {one.event_id for one in found} == set(emails)
    delivered = [one for one in found if one.status == "delivered"]
    held = [one for one in found if one.status == "pending"]
    assert len(delivered) + len(held) == len(found)
    assert all(one.quarantined for one in held)
    accepted = Counter(one.hour for one in found)
    limited = {hour: min(SIGNUPS_PER_HOUR, number) for hour, number in accepted.items()}
    assert Counter(one.hour for one in delivered) == limited
    assert len(held) > SIGNUPS_PER_HOUR
    paris = Control(world.stack.sandbox).state()["providers"]["ediware"]["accounts"]["paris"]
    rows = Counter(row["email"] for row in paris["lists"]["4781"]["rows"] if row["email"].startswith("stranger"))
    assert rows == Counter(emails[one.event_id] for one in delivered)


def check_visitors(world: World, visitors: list[Posted], ledger: list[Delivered]) -> None:
    """Who signed up by the other form is on its list, soon after the signup was accepted."""
    found = [one for one in ledger if one.type == "signup" and one.form == OTHER]
    assert {one.event_id for one in found} == {one.id for one in visitors}
    assert Counter(one.status for one in found) == {"delivered": VISITORS}
    assert max(one.took for one in found) <= AT_ONCE
    brussel = Control(world.stack.sandbox).state()["providers"]["mymailmarket"]["accounts"]["brussel"]
    addresses = {row["MailAddress"] for row in brussel["lists"][NEWSLETTER]["rows"] if row["Status"] == "active"}
    assert {one.post.email for one in visitors} <= addresses


def check_report(report: Mapping[str, Any], ledger: list[Delivered]) -> None:
    """`report` counts what the ledger has, and its clocks see nothing that waits."""
    statuses = Counter(one.status for one in ledger)
    assert report["accepted"] == len(ledger)
    assert {name: report[name] for name in ("delivered", "superseded", "refused", "parked")} == {
        "delivered": statuses["delivered"],
        "superseded": 0,
        "refused": 0,
        "parked": 0,
    }
    assert report["pending"] == report["quarantined"] == sum(one.quarantined for one in ledger) == statuses["pending"]
    assert report["oldest_pending_seconds"] == report["oldest_unsubscribe_seconds"] == 0


def check_sweeps(sweeps: list[tuple[datetime, timedelta]], ready: datetime) -> None:
    """Each began when it was due, and ended before the next one was."""
    begun = [ready, *(at for at, _ in sweeps)]
    gaps = [following - at for at, following in pairwise(begun)]
    assert max(gaps) <= MUST_START_WITHIN, gaps
    assert max(took for _, took in sweeps) < PERIOD


def unsubscribed_everywhere(url: str) -> dict[str, set[str]]:
    """The addresses that each provider of the sandbox has as unsubscribed."""
    accounts = {name: next(iter(one["accounts"].values())) for name, one in Control(url).state()["providers"].items()}
    rows = accounts["mymailmarket"]["lists"][NEWSLETTER]["rows"]
    return {
        "ediware": set(accounts["ediware"]["unsubscribed"]),
        "mailpartner": {row["email"] for row in accounts["mailpartner"]["optouts"]},
        "mymailmarket": {row["MailAddress"] for row in rows if row["Status"] == "unsubscribed"},
    }
