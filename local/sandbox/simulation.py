"""The sandbox's providers, clock, faults and call log, and how one provider call passes through them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .call_log import CallLog, Entry
from .clock import SandboxClock
from .ediware import Ediware
from .exchange import Call, Reply, Request
from .faults import Faults, Rule, apply_fault
from .mailpartner import MailPartner
from .mymailmarket import MyMailMarket
from .provider import SimulatedProvider

_REFUSED_ROW = "Error this contact is refused"

PROVIDERS: tuple[Callable[[SandboxClock], SimulatedProvider], ...] = (Ediware, MailPartner, MyMailMarket)
"""Every simulated provider, in the order in which the page shows them."""


@dataclass(frozen=True, slots=True)
class Handled:
    """A handled call: the answer, a fault still to be applied to the connection, the log entry."""

    reply: Reply
    rule: Rule | None
    entry: Entry


Pause = Callable[[float], bool]
"""Waits so many seconds; returns True when the sandbox stops meanwhile."""


class Simulation:
    """The providers, the clock, the faults and the call log.

    Faults wait by `pause` (latency, slow answers, silent connections), which tests replace.
    """

    def __init__(
        self,
        providers: Sequence[Callable[[SandboxClock], SimulatedProvider]] = PROVIDERS,
        clock: SandboxClock | None = None,
        pause: Pause | None = None,
    ) -> None:
        self.clock = clock or SandboxClock()
        self.faults = Faults()
        self.call_log = CallLog()
        self.stopping = threading.Event()
        self.pause = pause or self.stopping.wait
        self.providers: dict[str, SimulatedProvider] = {made.name: made for made in (p(self.clock) for p in providers)}

    def reset(self) -> None:
        """Restores the samples; no faults, no calls, the clock running."""
        self.clock.reset()
        self.faults.clear()
        self.call_log.clear()
        for provider in self.providers.values():
            provider.reset()

    def handle(self, provider: SimulatedProvider, request: Request, connection: int) -> Handled:
        """Applies a call's fault, if there is one, and does its work before it, after it or not at all."""
        call = provider.recognise(request)
        entry = self.call_log.begin(
            provider.name, call, request.method, request.headers.get("content-type", ""), connection
        )
        try:
            return self._answer(provider, request, call, entry)
        except BaseException:
            self.call_log.end(entry)
            raise

    def _answer(self, provider: SimulatedProvider, request: Request, call: Call, entry: Entry) -> Handled:
        applied = self.faults.applied(provider.name, call)
        if applied.latency:
            self.pause(applied.latency)
        rule = applied.rule
        if rule is None:
            reply = provider.answer(request, call)
            entry.worked = True
        else:
            reply = apply_fault(self._faulty_answer(provider, request, call, rule, entry).whole(), rule)
        entry.outcome = rule.kind if rule else "answered"
        entry.status = reply.status
        return Handled(reply, rule, entry)

    def _faulty_answer(
        self, provider: SimulatedProvider, request: Request, call: Call, rule: Rule, entry: Entry
    ) -> Reply:
        if rule.kind == "refuse_key":
            return provider.wrong_key(call)
        if rule.kind == "refuse_rows":
            cut = provider.up_to_row(request, call, rule.bad_row(call)) if rule.partial else None
            if cut is not None:
                provider.answer(*cut)
            return provider.refusal(call, rule.body or _REFUSED_ROW)
        if rule.works_first():
            entry.worked = True
            return provider.answer(request, call)
        return _NOTHING_DONE

    def state(self, newest: int | None = None) -> dict[str, Any]:
        """Returns the whole state as JSON values without secrets; at most `newest` rows of each list."""
        summary = self.call_log.summary()
        empty: dict[str, Any] = {"calls": {}, "rows": {}, "connections": 0, "most_in_flight": 0}
        return {
            "clock": {"now": self.clock.now().isoformat(), "frozen": self.clock.frozen},
            "faults": self.faults.shown(),
            "providers": {
                name: {**summary.get(name, empty), **provider.state(newest)}
                for name, provider in self.providers.items()
            },
        }


_NOTHING_DONE = Reply(b'{"result": "ok"}')
"""What a fault before the work changes: it must look like an answer, and is never sent whole."""
