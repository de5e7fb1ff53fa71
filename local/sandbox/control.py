"""The control API under `/_control/`: see the sandbox's state, change it, order faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .exchange import Reply, Request, json_reply
from .faults import KINDS
from .provider import SettingError
from .world import World


def control(world: World, request: Request) -> Reply:
    """Answer one control request; 400 with a text for whatever cannot be carried out."""
    segments = request.segments()
    action = _ACTIONS.get((request.method, segments[0] if segments else ""))
    if action is None or len(segments) != 1:
        known = sorted(f"{method} /_control/{name}" for method, name in _ACTIONS)
        return json_reply({"error": "no such control call", "known": known}, 404)
    try:
        return json_reply(action(world, request))
    except (SettingError, ValueError, TypeError) as error:
        return json_reply({"error": str(error)}, 400)


def _state(world: World, request: Request) -> Any:
    newest = request.query.get("newest")
    return world.state(int(newest) if newest else None)


def _reset(world: World, request: Request) -> Any:
    world.reset()
    return {"reset": True}


def _clock(world: World, request: Request) -> Any:
    command = _body(request)
    unknown = set(command) - {"freeze", "advance"}
    if unknown:
        raise SettingError("known keys are freeze (true or false) and advance (seconds)")
    if "freeze" in command:
        world.clock.freeze(bool(command["freeze"]))
    world.clock.advance(float(command.get("advance", 0)))
    return {"now": world.clock.now().isoformat(), "frozen": world.clock.frozen}


def _set(world: World, request: Request) -> Any:
    command = _body(request)
    provider = world.providers.get(str(command.get("provider", "")))
    if provider is None:
        raise SettingError(f"provider must be one of {', '.join(world.providers)}")
    provider.change(command)
    return {"done": True}


def _calls(world: World, request: Request) -> Any:
    query = request.query
    return world.journal.entries(
        query.get("provider", ""),
        query.get("function", ""),
        int(query.get("after", 0)),
        int(query.get("newest", 1_000_000)),
    )


def _clear_calls(world: World, request: Request) -> Any:
    world.journal.clear()
    return {"cleared": True}


def _faults(world: World, request: Request) -> Any:
    return {"rules": world.faults.shown(), "kinds": KINDS}


def _add_faults(world: World, request: Request) -> Any:
    rules = _parsed(request)
    rules = [rules] if isinstance(rules, Mapping) else rules
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        raise SettingError("the body must be a rule or a list of rules")
    return {"rules": world.faults.add(rules)}


def _clear_faults(world: World, request: Request) -> Any:
    number = request.query.get("number")
    world.faults.clear(int(number) if number else None)
    return {"rules": world.faults.shown()}


def _parsed(request: Request) -> Any:
    return json.loads(request.body or b"{}")


def _body(request: Request) -> Mapping[str, Any]:
    command = _parsed(request)
    if not isinstance(command, Mapping):
        raise SettingError("the body must be a JSON object")
    return command


_ACTIONS: dict[tuple[str, str], Callable[[World, Request], Any]] = {
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
