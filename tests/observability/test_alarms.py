"""Every alarm of the template is rehearsed: the product is driven until the alarm's own metric crosses its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests

import app
from chalicelib.config.model import Form
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Consent, Door
from chalicelib.ledger.table import Table
from chalicelib.observability import metrics
from chalicelib.providers.account import Account
from local.lambdas import events
from local.template import additions
from tests.observability.watched_stage import ACCOUNTS, configured
from tests.support.aws import REGION, TestAws
from tests.support.cloudwatch import CloudWatch
from tests.support.http import request
from tests.support.product import ADDRESS_KEY, FakeContext, Product
from tests.support.provider import FakeProvider

TEMPLATE: dict[str, dict[str, Any]] = additions("local")["Resources"]
ALARMS: dict[str, dict[str, Any]] = {
    each["Properties"]["AlarmName"].removeprefix("relais-local-"): each["Properties"]
    for each in TEMPLATE.values()
    if each.get("Type") == "AWS::CloudWatch::Alarm"
}
NAMES = {
    resource: each["Properties"].get("FunctionName") or each["Properties"].get("QueueName", "")
    for resource, each in TEMPLATE.items()
    if "Properties" in each
}
NOT_REHEARSED = {
    "throttles": "nothing on this machine refuses to run a function",
    "api_handler-errors": "the handler answers whatever is raised; Lambda counts its time-outs and crashes only",
}
"""What neither the product nor the embedded AWS can be driven to, and why."""
QUEUES = ("signups", "unsubscribes", "syncs")
RUN = {"sweep": 60, "sync_unsubscribes": 900, "collect_stats": 3600, "canary": 3600}
"""Seconds between two runs of what an alarm expects to run."""


@dataclass
class Stage:
    """The product, what CloudWatch knows of it, and time."""

    product: Product
    aws: TestAws
    cloudwatch: CloudWatch
    monkeypatch: pytest.MonkeyPatch
    flush: Callable[[], None]
    """Has CloudWatch read the log so far."""

    def is_in_alarm(self, name: str) -> bool:
        return self.cloudwatch.is_in_alarm(ALARMS[name])

    def run(self, function: str) -> None:
        """One run of a schedule's function."""
        container = self.product.container
        if function in ("collect_stats", "canary"):
            getattr(container, function)({}, FakeContext())
        else:
            getattr(container, function)(FakeContext())
        self.flush()

    def forward(self, seconds: int, *schedules: str) -> None:
        """Let time pass, with the runs of these schedules, every five minutes at most."""
        for passed in range(300, seconds + 300, 300):
            self.product.clock.forward(seconds=300)
            for function in schedules or RUN:
                if passed % max(RUN[function], 300) == 0:
                    self.run(function)

    def work(self, *ids: str, **of: Any) -> None:
        self.product.work(*ids, **of)
        self.flush()

    def sign_up(self, count: int, **of: Any) -> list[str]:
        """Signups, each worked on in a batch of its own; their ids."""
        ids = self.product.store(*(self.product.signup(f"p{n}@example.com", **of) for n in range(count)))
        for event_id in ids:
            self.work(event_id)
        return ids

    def fail(self, kind: Kind, message: str, *verbs: str) -> None:
        """Have paris fail from now on: these calls, or all."""
        self.product.paris.rule = lambda verb, _: ProviderError(kind, message) if verb in verbs or not verbs else None

    def measure_queues(self, sent: datetime) -> None:
        """What SQS tells CloudWatch every minute: how many messages are there, and the age of the oldest, sent then."""
        for name in (f"relais-local-{queue}{suffix}" for queue in QUEUES for suffix in ("", "-dlq")):
            waiting, in_flight = self.aws.counts(name)
            age = (self.product.clock() - sent).total_seconds() if waiting + in_flight else 0
            self.cloudwatch.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", waiting, QueueName=name)
            self.cloudwatch.put("AWS/SQS", "ApproximateAgeOfOldestMessage", age, QueueName=name)


@pytest.fixture
def stage(resources: TestAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Stage:
    """A stage in which all is well: every schedule has just run."""
    product = Product(configured(), providers={name: FakeProvider() for name in ACCOUNTS})
    monkeypatch.setattr(metrics, "system_clock", product.clock)
    metrics.flush()
    capsys.readouterr()
    cloudwatch = CloudWatch(product.clock, NAMES)

    def flush() -> None:
        metrics.flush()
        cloudwatch.read_log(capsys.readouterr().out.splitlines())

    stage = Stage(product, resources, cloudwatch, monkeypatch, flush)
    for function in RUN:
        stage.run(function)
    return stage


def account_at_fault(stage: Stage) -> None:
    stage.fail(Kind.ACCOUNT, "api_key invalid")
    stage.sign_up(1)


def refused(stage: Stage) -> None:
    stage.product.paris.lists = {"0", "1", "2"}
    for n in range(3):
        stage.fail(Kind.CONTACT, f"refused for reason {n}", "sign_up")
        stage.sign_up(1, list=f"{n}")


def refused_alike(stage: Stage) -> None:
    stage.fail(Kind.CONTACT, "unknown field prenm", "sign_up")
    stage.sign_up(5, form="footer")


def paused(stage: Stage) -> None:
    stage.fail(Kind.LATER, "down")
    stage.sign_up(1)
    stage.forward(3600 + 3 * 300, "sweep")


def waiting(stage: Stage) -> None:
    stage.product.store(stage.product.signup("a@example.com"))
    stage.forward(3600 + 3 * 300, "sweep")


def late(stage: Stage) -> None:
    stage.product.store(stage.product.unsubscribe("a@example.com"))
    stage.product.clock.forward(hours=23)
    stage.forward(3600 + 3 * 300, "sweep")


def quarantined(stage: Stage) -> None:
    events = [stage.product.unsubscribe(f"u{n}@example.com", form="footer") for n in range(2)]
    stage.work(*stage.product.store(*events), queue="unsubscribes")


def signups_quarantined(stage: Stage) -> None:
    consent = Consent(door=Door.FORM)
    events = [stage.product.signup(f"s{n}@example.com", form="footer", list=None, consent=consent) for n in range(2)]
    stage.work(*stage.product.store(*events))


def silent(stage: Stage) -> None:
    """A form that brought signups every day, and then none."""
    for _ in range(30):
        stage.sign_up(1, form="footer", list=None)
        stage.product.clock.forward(days=1)
    stage.product.clock.forward(days=4)
    stage.run("collect_stats")


def canary_not_accepted(stage: Stage) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise requests.ConnectionError("the public URL leads nowhere")

    accounts = {**stage.product.settings.accounts, "nowhere": Account("nowhere", "sink")}
    forms = {**stage.product.settings.forms, "canary": Form("canary", "nowhere", "1", "email", {})}
    stage.product.settings = replace(stage.product.settings, accounts=accounts, forms=forms)
    stage.product.restart()
    stage.monkeypatch.setattr(requests.Session, "request", refused)
    stage.forward(3 * 3600, "canary")


def parked(stage: Stage) -> None:
    stage.fail(Kind.LATER, "down")
    (event_id,) = stage.sign_up(1)
    stage.product.clock.forward(hours=25)
    stage.work(event_id)


def unknown(stage: Stage) -> None:
    stage.product.paris.lists = {str(n) for n in range(5)}
    stage.fail(Kind.UNKNOWN, "no answer came", "sign_up")
    for n in range(5):
        stage.sign_up(1, list=f"{n}")
        stage.product.clock.forward(minutes=5)


def statistics_not_read(stage: Stage) -> None:
    def campaigns(**_: Any) -> None:
        raise ProviderError(Kind.ACCOUNT, "key")

    stage.monkeypatch.setattr(stage.product.paris, "campaigns", campaigns)
    stage.forward(4 * 3600, "collect_stats")


def unsubscribes_not_read(stage: Stage) -> None:
    stage.product.providers["lettre"].rule = lambda *_: ProviderError(Kind.LATER, "down")
    stage.forward(5 * 900, "sync_unsubscribes")


def ledger_down(stage: Stage) -> None:
    def unavailable(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("the ledger did not answer")

    with stage.monkeypatch.context() as broken:
        for call in ("get", "get_many", "update", "query"):
            broken.setattr(Table, call, unavailable)
        for _ in range(4):
            stage.run("sweep")
            stage.product.clock.forward(minutes=1)


def malformed(stage: Stage) -> None:
    key = {"pk": {"S": "S#paris"}, "sk": {"S": "state"}}
    stage.aws.dynamodb.put_item(TableName="relais-local-ledger", Item={**key, "version": {"S": "one"}})
    stage.run("sweep")


def wrong_keys(stage: Stage) -> None:
    for n in range(11):
        request(stage.product.container, "GET", "/events", {"Authorization": f"Bearer wrong-{n}"})
    stage.flush()


def unreadable(stage: Stage) -> None:
    stage.work(bodies=("no JSON",))


def key_lost(stage: Stage) -> None:
    stage.sign_up(1)
    lost = replace(stage.product.settings.privacy, address_keys=(Secret.plain(ADDRESS_KEY + "-other"),))
    stage.product.settings = replace(stage.product.settings, privacy=lost)
    stage.product.restart()
    for _ in range(3):
        stage.run("sweep")


def check_fails(stage: Stage) -> None:
    stage.fail(Kind.ACCOUNT, "api_key invalid")
    stage.monkeypatch.setattr(stage.product.container, "_connect", stage.product.providers.__getitem__)
    stage.product.container.check({}, FakeContext())
    stage.flush()


def audit_differs(stage: Stage) -> None:
    (event_id,) = stage.product.store(stage.product.unsubscribe("u@example.com", accounts=("lettre",)))
    stage.work(event_id)
    stage.product.container.audit({}, FakeContext())
    stage.flush()


def server_error(stage: Stage) -> None:
    with stage.monkeypatch.context() as broken:
        ledger = LedgerUnavailable("the ledger did not answer")
        broken.setattr(Table, "put_new", lambda *_: (_ for _ in ()).throw(ledger))
        headers = {"Content-Type": "application/json"}
        answer = request(stage.product.container, "POST", "/forms/footer/signup", headers, '{"email": "a@example.com"}')
    if answer.status >= 500:
        stage.cloudwatch.put("AWS/ApiGateway", "5XXError", 1, ApiName="relais-local")


def raising(function: str) -> Callable[[Stage], None]:
    """A run of a function that raises."""

    def drive(stage: Stage) -> None:
        def no_container() -> None:
            raise LedgerUnavailable("the ledger did not answer")

        stage.monkeypatch.setattr(app, "container", no_container)
        now = stage.product.clock()
        event = events.queued([], function, REGION) if function in QUEUES else events.scheduled(function, now, REGION)
        try:
            getattr(app, function)(event, SimpleNamespace(aws_request_id="1"))
        except LedgerUnavailable:
            stage.cloudwatch.put("AWS/Lambda", "Errors", 1, FunctionName=f"relais-local-{function}")

    return drive


def without_a_worker(queue: str) -> Callable[[Stage], None]:
    def drive(stage: Stage) -> None:
        stage.aws.sqs.send_message(QueueUrl=stage.aws.queue_url(f"relais-local-{queue}"), MessageBody="{}")
        sent = stage.product.clock()
        stage.product.clock.forward(minutes=15)
        stage.measure_queues(sent)

    return drive


def dead_letter(queue: Any) -> Callable[[Stage], None]:
    def drive(stage: Stage) -> None:
        stage.work(bodies=("no JSON",), queue=queue)
        stage.measure_queues(stage.product.clock())

    return drive


REHEARSALS: dict[str, Callable[[Stage], None]] = {
    "account-paused": paused,
    "address-keys-missing": key_lost,
    "api-5xx": server_error,
    "audit-differences": audit_differs,
    "canary": canary_not_accepted,
    "check-problems": check_fails,
    "ledger-failures": ledger_down,
    "malformed-items": malformed,
    "oldest-pending": waiting,
    "owner-must-act": account_at_fault,
    "parked": parked,
    "refusals": refused,
    "refused-alike": refused_alike,
    "form-silent": silent,
    "signups-quarantined": signups_quarantined,
    "stats-old": statistics_not_read,
    "unknown-outcomes": unknown,
    "unreadable-messages": unreadable,
    "unsubscribes-late": late,
    "unsubscribes-old": unsubscribes_not_read,
    "unsubscribes-quarantined": quarantined,
    "wrong-admin-keys": wrong_keys,
    **{f"{queue}-messages-wait": without_a_worker(queue) for queue in QUEUES},
    **{f"{queue}-dlq-not-empty": dead_letter(queue) for queue in QUEUES},
    **{
        f"{name}-errors": raising(name)
        for name in (*QUEUES, "sweep", "collect_stats", "sync_unsubscribes", "audit", "check", "canary")
    },
}
"""How the product is driven into each alarm, by the alarm's name."""


def test_every_alarm_is_rehearsed_or_says_why_it_cannot_be() -> None:
    assert REHEARSALS.keys() | NOT_REHEARSED.keys() == ALARMS.keys()
    assert not REHEARSALS.keys() & NOT_REHEARSED.keys()


@pytest.mark.seconds
@pytest.mark.parametrize("name", REHEARSALS)
def test_the_metric_crosses_the_line_of_its_alarm(stage: Stage, name: str) -> None:
    assert not stage.is_in_alarm(name), "all is well"
    REHEARSALS[name](stage)
    assert stage.is_in_alarm(name)


@pytest.mark.seconds
def test_five_unsubscribes_without_a_worker_are_in_the_alarms_of_the_clocks(stage: Stage) -> None:
    url = stage.aws.queue_url("relais-local-unsubscribes")
    for n in range(5):
        body = {"type": "unsubscribe", "id": f"u{n}", "email": f"u{n}@example.com"}
        stage.aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    stage.forward(3600 + 3 * 300, "sweep")
    assert stage.is_in_alarm("oldest-pending")
    stage.product.clock.forward(hours=23)
    stage.forward(3 * 300, "sweep")
    assert stage.is_in_alarm("unsubscribes-late")


@pytest.mark.parametrize(
    ("name", "hours"),
    [("oldest-pending", 1), ("unsubscribes-late", 1), ("stats-old", 4), ("unsubscribes-old", 1)],
)
def test_a_schedule_that_does_not_run_any_more_is_an_alarm(stage: Stage, name: str, hours: int) -> None:
    stage.product.clock.forward(hours=hours)
    assert stage.is_in_alarm(name)


@pytest.mark.seconds
def test_three_hours_in_which_all_is_well_raise_no_alarm(stage: Stage) -> None:
    stage.sign_up(3)
    stage.forward(3 * 3600)
    stage.measure_queues(stage.product.clock())
    assert [name for name in ALARMS if stage.is_in_alarm(name)] == []
