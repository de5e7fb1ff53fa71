"""What happens to the product, one part after the other, and how long the suite waits for it to come through."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import checks, world
from tests.chaos.chaos_stack import Stage
from tests.chaos.sender import QUEUES, Sender
from tests.chaos.sent_events import SentEvent, Writer

AS_PLANNED = 10_600
"""Events that are sent when the run is not made shorter."""
DEADLINE_SECONDS = 900.0
"""How long a part may take on a machine with much else to do."""
QUIET_SECONDS = 15.0
"""How long the queues may take to become idle before time moves on anyway."""
LOOK_SECONDS = 0.02
HOUR, DAY = 3600.0, 86_400.0
_MISCHIEF_A_SECOND = 0.1
"""How likely it is, in a second of work, that a process is killed, and that AWS is away for a moment."""


@dataclass
class Run:
    """One run on one stage; `events` is its size."""

    stage: Stage
    writer: Writer
    sender: Sender
    calls: world.Calls
    events: int = AS_PLANNED
    unreadable: set[str] = field(default_factory=set)
    parked: int = 0
    """How many signups were given up, and sent again."""
    started: float = field(default_factory=time.monotonic)
    _minutes: int = 0
    """How often time has passed."""

    def storm(self) -> None:
        """Everything at once: all entry points, all providers, all faults, and killed processes."""
        self.stage.order_each_fault_once()
        self.stage.order_faults()
        self.stage.dials.aws_rate, self.stage.dials.death_rate = 0.01, 0.004
        self._put_unreadable_messages()
        share, writer = self._share, self.writer
        self.send_while_time_passes(
            [
                *writer.signups(share(5900), "4781"),
                *writer.signups(share(1000), "4782", says_id=False),
                *writer.signups(share(900), "4782", entry="queue"),
                *writer.signups(share(300), "4783"),
                *writer.refused(min(3, share(3))),
                *writer.signups(share(80), "4781", entry="form"),
                *writer.signups(share(5), "4781", entry="form", kind="trap"),
                *writer.signups(share(260), "0616074266229"),
                *writer.signups(share(60), "0616074266229", entry="queue"),
                *writer.signups(share(15), "0616074266229", entry="form"),
                *writer.signups(share(10), "4781", entry="queue", kind="invalid"),
                *writer.unsubscribes(share(60), "paris"),
                *writer.unsubscribes(share(150), "lettre"),
                *writer.unsubscribes(share(40)),
                *writer.unsubscribes(share(15), entry="form"),
                *writer.quarrels(share(150)),
            ]
        )
        self.settle("the storm")

    def days_without_ediware(self) -> None:
        """Three days in which Ediware answers 503 to everything. Unsubscribes reach the other providers at once."""
        stage, writer, share = self.stage, self.writer, self._share
        fault = stage.outage("ediware")
        rows, calls = world.provider_data(stage.control).rows.total(), stage.calls_of("ediware")
        everywhere = writer.unsubscribes(share(30))
        self.sender.send([*writer.signups(share(500), "4781"), *everywhere])
        for seconds in (HOUR, 11 * HOUR, DAY, DAY / 2, DAY):
            self.a_moment_of(seconds)
            self.sender.send([*writer.signups(share(150), "4782", entry="queue"), *writer.unsubscribes(1, "paris")])
        self._until("the others have the unsubscribes", lambda: self._unsubscribed_elsewhere(everywhere))
        assert world.provider_data(stage.control).rows.total() == rows
        probes = stage.calls_of("ediware") - calls
        assert probes <= 60, f"a provider that is down was called {probes} times"
        self.print(f"three days without Ediware: {probes} calls")
        stage.control.clear_faults(fault)
        stage.jump(HOUR)
        self.settle("the outage")

    def given_up_and_sent_again(self) -> None:
        """myMailMarket is down for more than a week: signups are parked, not unsubscribes; `resend` sends them."""
        stage, writer = self.stage, self.writer
        fault = stage.outage("mymailmarket")
        signups = writer.signups(self._share(100), "0616074266229")
        self.sender.send([*signups, *writer.unsubscribes(self._share(20), "brussel")])
        self.a_moment_of(7 * DAY)
        self._until("all are given up", lambda: self._statuses(signups) == {"parked"}, HOUR)
        assert self._statuses(self.writer.written) >= {"parked", "pending"}
        self.parked = len(signups)
        self.print(f"{self.parked} signups are parked")
        stage.control.clear_faults(fault)
        stage.jump(HOUR)
        self._until("all are sent again", lambda: self._sent_again(signups))
        self.settle("the week")

    def calm(self) -> None:
        """End all faults and let the remaining work finish; an operator resends what was parked of unknown outcome."""
        self.stage.calm()
        self.settle("everything")
        self._until("all are sent again", lambda: self._sent_again(self.writer.written, "paris"))
        self.settle("what was sent again")

    def settle(self, what: str) -> None:
        """Repeat sweeps and move time until nothing is left to do."""
        self._until(what, lambda: not (self.stage.messages() or self.stage.is_anything_pending()))
        with self.stage.traffic.none():
            self.calls.read()
        self.print(f"{what} is over, after {self._minutes} sweeps")

    def print(self, words: str) -> None:
        """A line of the test's output."""
        sys.stdout.write(f"[{time.monotonic() - self.started:5.1f} s] {words}\n")

    def _share(self, number: int) -> int:
        return max(1, number * self.events // AS_PLANNED)

    def _put_unreadable_messages(self) -> None:
        for number, queue in enumerate(QUEUES):
            body = f"{{unreadable {number}"
            self.unreadable.add(body)
            self.stage.aws.sqs.send_message(
                QueueUrl=self.stage.aws.queue_url(f"relais-local-{queue}"), MessageBody=body
            )

    def send_while_time_passes(self, sent_events: Sequence[SentEvent]) -> None:
        failed: list[BaseException] = []

        def send() -> None:
            try:
                self.sender.send(sent_events)
            except BaseException as error:  # any: it is raised again below, where it fails the test
                failed.append(error)

        thread = threading.Thread(target=send, name="senders")
        thread.start()
        while thread.is_alive():
            self._a_minute()
        for error in failed:
            raise error
        self.print(f"{len(sent_events)} events sent; answers {dict(sorted(self.sender.answers.items()))}")

    def _a_minute(self, seconds: float | None = None) -> bool:
        """Run sweep, process its notifications, and move time by a minute or as given. True: nothing was enqueued.

        Time only moves when nothing is left to do: on a slow machine everything would be overdue otherwise and be
        enqueued again and again.
        """
        self._minutes += 1
        enqueued = self.stage.invoke("sweep")
        certain = self._minutes <= 2
        deadline = time.monotonic() + QUIET_SECONDS
        while self.stage.busy() and time.monotonic() < deadline:
            if self.stage.traffic.counts()[0]:
                self._mischief(certain)
                certain = False
            time.sleep(LOOK_SECONDS)
        self.stage.jump(seconds or self.stage.chance.choice([20, 60, 70, 130]))
        return enqueued == {"enqueued": 0}

    def _mischief(self, certain: bool) -> None:
        """Faults that can happen to a process and to AWS at any time during work."""
        dials, chance, likely = self.stage.dials, self.stage.chance, _MISCHIEF_A_SECOND * LOOK_SECONDS
        if dials.death_rate and (certain or chance.random() < likely):
            self.stage.kill_somebody()
        if dials.aws_rate and (certain or chance.random() < likely):
            dials.aws_down_for(chance.uniform(0.2, 0.6))

    def a_moment_of(self, seconds: float) -> None:
        """Move time by so much at once, then sweep."""
        self._a_minute(seconds)
        self._a_minute()

    def _until(self, what: str, condition: Callable[[], bool], seconds: float | None = None) -> None:
        """Minutes pass, or so many seconds at a time; while nothing is due, ever more of them, up to an hour."""
        deadline, longer = time.monotonic() + DEADLINE_SECONDS, 0.0
        while not condition():
            assert time.monotonic() < deadline, f"not in time: {what}; {self.stage.invoke('report', {})}"
            longer = min(HOUR, 2 * longer or 120.0) if self._a_minute(seconds or longer or None) else 0.0

    def _outcomes(self, sent_events: Sequence[SentEvent]) -> list[Any]:
        return checks.outcomes_of(self.stage.product, sent_events)[0]

    def _statuses(self, sent_events: Sequence[SentEvent]) -> set[str]:
        return {one.status for one in self._outcomes(sent_events)}

    def _unsubscribed_elsewhere(self, sent_events: Sequence[SentEvent]) -> bool:
        found = [one for one in self._outcomes(sent_events) if one.account != "paris"]
        return {one.status for one in found} == {"delivered"}

    def _sent_again(self, sent_events: Sequence[SentEvent], account: str = "brussel") -> bool:
        """By an operator, who repeats a command that did not come through."""
        if "parked" in self._statuses(sent_events):
            self.stage.invoke("resend", {"account": account})
        return "parked" not in self._statuses(sent_events)
