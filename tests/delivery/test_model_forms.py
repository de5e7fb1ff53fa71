"""People who submit forms twice, and unsubscribe and sign up again within minutes, against a model of repeats.

A request to the ledger may fail at any point of accepting; the visitor then sends the same again. In the end the last
request of each person counts, whatever came before it.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings as profile, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from chalicelib.domain.events import EventType
from tests.support.http import request
from tests.support.interleaving import AnswerLost, Died, NotDone, at_operation
from tests.support.product import settings
from tests.support.reference import World, serial

pytestmark = [pytest.mark.seconds, pytest.mark.no_cover]

WINDOW_SECONDS = 600
FAULTS = {"none": None, "die": Died, "not done": NotDone, "answer lost": AnswerLost}
persons, names = st.sampled_from(("Annabell", "Bertrand")), st.sampled_from(("", "Ana"))
operations, faults = st.integers(0, 3), st.sampled_from(sorted(FAULTS))
Said = tuple[str, str, int]


class Forms(RuleBasedStateMachine):
    """What visitors do, and what the model knows of it."""

    @initialize()
    def start(self) -> None:
        given = settings()
        form = replace(given.forms["footer"], account="lyon", lifts_suppression=True, unsubscribes_per_hour=10_000)
        accounts = {"lyon": given.accounts["lyon"]}
        self.world = World(replace(given, accounts=accounts, forms={"footer": form}))
        self.known: dict[Said, list[tuple[str, float]]] = {}
        """The events of a signup in its window: id and time."""
        self.left: dict[str, float] = {}
        self.last: dict[str, str] = {}
        self.told: list[str] = []

    @rule(person=persons, name=names, at=operations, fault=faults)
    def sign_up(self, person: str, name: str, at: int, fault: str) -> None:
        event_id = self._submit("signup", person, {"prenom": name}, at, fault)
        now = self._now()
        events = self.known.setdefault((person, name, int(now) // WINDOW_SECONDS), [])
        repeated = events[-1] if events and self.left.get(person, -1.0) < events[-1][1] else None
        if repeated is None:
            assert event_id not in {known for known, _ in events}, "after an unsubscribe it is no repeat"
            events.append((event_id, now))
        else:
            assert event_id == repeated[0], "a repeat is another event"
        self.last[person] = "signup"

    @rule(person=persons, at=operations, fault=faults)
    def leave(self, person: str, at: int, fault: str) -> None:
        before = set(self.told)
        assert self._submit("unsubscribe", person, {}, at, fault) not in before, "an unsubscribe is never a repeat"
        self.left[person], self.last[person] = self._now(), "unsubscribe"

    @rule(which=st.lists(st.integers(0, 8), max_size=3))
    def work(self, which: list[int]) -> None:
        self.world.work(*(self.told[-1 - number] for number in which if number < len(self.told)))

    @rule(seconds=st.sampled_from([1, 100, 300, WINDOW_SECONDS]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.forward(seconds=seconds)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            log = self.world.logged["lyon"].log
            for person, verb in self.last.items():
                calls = [called for called, email in log if person.lower() in email.lower() and called != "lift"]
                assert calls[-1] == verb, f"{person} said {verb} last: {log}"

    def _submit(self, verb: str, person: str, fields: dict[str, str], at: int, fault: str) -> str:
        """Fill in a form; without an answer the same again, as a visitor does who sees an error."""
        self.world.clock.forward(seconds=1)
        raised = FAULTS[fault]

        def fail(name: str) -> None:
            if raised is not None:
                raise raised

        self.world.point = at_operation(at, fail)
        body = json.dumps({"email": f"{person}@example.com", **fields})
        while True:
            try:
                path, kind = f"/forms/footer/{verb}", {"content-type": "application/json"}
                answer = request(self.world.container, "POST", path, kind, body)
            except Died:
                self.world.restart()
                continue
            finally:
                self.world.point = lambda name: None
            if answer.status == 202:
                break
            assert answer.status == 503
        event_id = str(answer.json["id"])
        self.world.events[event_id] = self.world.event(EventType.UNSUBSCRIBE, "annabell", 0, (), number=0)
        self.world.events.pop("e0", None)
        self.told.append(event_id)
        return event_id

    def _now(self) -> float:
        return self.world.clock().timestamp()


@pytest.mark.parametrize("examples", [15, pytest.param(300, marks=pytest.mark.slow)])
def test_everybody_ends_where_they_last_said_and_repeats_are_one_event(
    monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    serial(monkeypatch)
    run_state_machine_as_test(
        Forms,
        settings=profile(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
