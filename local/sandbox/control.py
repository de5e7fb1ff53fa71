"""The control API under `/_control/`: shows the sandbox's state, changes it, adds faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .exchange import Reply, Request, json_reply
from .faults import KINDS
from .provider import SettingError
from .simulation import Simulation


def control(simulation: Simulation, request: Request) -> Reply:
    """Answers one control request; 400 with an error for a command that cannot be carried out."""
    segments = request.segments()
    action = _ACTIONS.get((request.method, segments[0] if segments else ""))
    if action is None or len(segments) != 1:
        known = sorted(f"{method} /_control/{name}" for method, name in _ACTIONS)
        return json_reply({"error": "no such control call", "known": known}, 404)
    try:
        return json_reply(action(simulation, request))
    except (SettingError, ValueError, TypeError) as error:
        return json_reply({"error": str(error)}, 400)


def _state(simulation: Simulation, request: Request) -> Any:
    newest = request.query.get("newest")
    return simulation.state(int(newest) if newest else None)


def _reset(simulation: Simulation, request: Request) -> Any:
    simulation.reset()
    return {"reset": True}


def _clock(simulation: Simulation, request: Request) -> Any:
    command = _body(request)
    unknown = set(command) - {"freeze", "advance"}
    if unknown:
        raise SettingError("known keys are freeze (true or false) and advance (seconds)")
    if "freeze" in command:
        simulation.clock.freeze(bool(command["freeze"]))
    simulation.clock.advance(float(command.get("advance", 0)))
    return {"now": simulation.clock.now().isoformat(), "frozen": simulation.clock.frozen}


def _set(simulation: Simulation, request: Request) -> Any:
    command = _body(request)
    provider = simulation.providers.get(str(command.get("provider", "")))
    if provider is None:
        raise SettingError(f"provider must be one of {', '.join(simulation.providers)}")
    provider.change(command)
    return {"done": True}


def _calls(simulation: Simulation, request: Request) -> Any:
    query = request.query
    return simulation.call_log.entries(
        query.get("provider", ""),
        query.get("function", ""),
        int(query.get("after", 0)),
        int(query.get("newest", 1_000_000)),
    )


def _clear_calls(simulation: Simulation, request: Request) -> Any:
    simulation.call_log.clear()
    return {"cleared": True}


def _faults(simulation: Simulation, request: Request) -> Any:
    return {"rules": simulation.faults.shown(), "kinds": KINDS}


def _add_faults(simulation: Simulation, request: Request) -> Any:
    rules = _parsed(request)
    rules = [rules] if isinstance(rules, Mapping) else rules
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        raise SettingError("the body must be a rule or a list of rules")
    return {"rules": simulation.faults.add(rules)}


def _clear_faults(simulation: Simulation, request: Request) -> Any:
    number = request.query.get("number")
    simulation.faults.clear(int(number) if number else None)
    return {"rules": simulation.faults.shown()}


def _parsed(request: Request) -> Any:
    return json.loads(request.body or b"{}")


def _body(request: Request) -> Mapping[str, Any]:
    command = _parsed(request)
    if not isinstance(command, Mapping):
        raise SettingError("the body must be a JSON object")
    return command


_ACTIONS: dict[tuple[str, str], Callable[[Simulation, Request], Any]] = {
    ("GET", "state"): _state,
    ("POST", "reset"): _reset,
    ("POST", "clock"): _clock,
    ("POST", "set"): _set,
    ("GET", "calls"): _calls,
    ("DELETE", "calls"): _clear_calls,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
}
