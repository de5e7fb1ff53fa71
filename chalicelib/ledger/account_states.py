"""Stores the circuit breaker of each account: paused accounts and lists, and the probe in progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..domain.backoff import AccountState, Pause
from ..domain.reasons import ReasonCode
from ..domain.repeated_refusals import RefusedAlike
from .attributes import Attributes, Milliseconds, well_formed
from .keys import account_key
from .table import ConditionFailed, Key, Table

_EVERY_NAME: Key = ("S#accounts", "names")


class AccountStore:
    """Reads and writes account states; each write is conditional on the version that the change is based on."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, account: str) -> AccountState:
        """Returns the account's state; a new one if none is stored.

        A malformed state is read as "not paused", so waiting deliveries continue; the next failure or success
        overwrites it.
        """
        item = self._table.get(account_key(account))
        if item is None:
            return AccountState()
        version = item.get("version")
        return well_formed(_state_from, item) or AccountState(version=version if type(version) is int else 0)

    def record_configured(self, configured: Iterable[str], targets: str | None = None) -> tuple[list[str], bool]:
        """Records the `configured` accounts, and compares the targets of the forms with the recorded ones.

        Returns the accounts recorded before that are no longer configured, and whether `targets`, a digest of the
        targets of all forms, differs from the one recorded by `record_targets`. The first digest is recorded here:
        nothing has waited for it.
        """
        names = set(configured)
        item = self._table.get(_EVERY_NAME) or {}
        recorded = well_formed(lambda item: item.optional("configured", set[str]) or set(), item)
        if recorded is None:
            return [], False
        if names - recorded:
            self._table.update(_EVERY_NAME, "ADD configured :names", {"names": names - recorded})
        if item.get("targets") is None and targets is not None:
            self.record_targets(targets)
        return sorted(recorded - names), item.get("targets") not in (None, targets)

    def record_targets(self, targets: str) -> None:
        """Records the digest of the forms' targets, once what waits has been enqueued for them."""
        self._table.update(_EVERY_NAME, "SET targets = :targets", {"targets": targets})

    def names(self, configured: Iterable[str]) -> tuple[str, ...]:
        """Returns the `configured` accounts, then those that were configured once, as far as `sweep` has seen them."""
        recorded = well_formed(lambda item: item.optional("configured", set[str]), self._table.get(_EVERY_NAME) or {})
        return tuple(dict.fromkeys((*configured, *sorted(recorded or ()))))

    def write(self, account: str, seen: AccountState, state: AccountState) -> AccountState | None:
        """Changes the state from `seen` to `state`; returns it as written, or None after a concurrent change."""
        fresh = seen.version == 0
        fields = _state_item(state)
        absent = [
            name for name in ("pause", "resumed_at", "probe_until", "refusals", "waived_until") if name not in fields
        ]
        assignments = ", ".join(f"#{name} = :{name}" for name in fields)
        try:
            self._table.update(
                account_key(account),
                f"SET #version = :next, {assignments}"
                + (" REMOVE " + ", ".join(f"#{name}" for name in absent) if absent else ""),
                {**fields, "next": seen.version + 1, **({} if fresh else {"seen": seen.version})},
                condition="attribute_not_exists(#version)" if fresh else "#version = :seen",
                names={name: name for name in ("version", *fields, *absent)},
            )
        except ConditionFailed:
            return None
        return replace(state, version=seen.version + 1)


def _state_item(state: AccountState) -> dict[str, Any]:
    values: dict[str, Any] = {
        "lists": {name: _pause_item(pause) for name, pause in state.lists.items()},
        "pause": _pause_item(state.pause) if state.pause else None,
        "resumed_at": state.resumed_at,
        "probe_until": state.probe_until,
        "refusals": [_refusals_item(one) for one in state.refusals] or None,
        "waived_until": state.waived_until,
    }
    return {name: value for name, value in values.items() if value is not None}


def _pause_item(pause: Pause) -> dict[str, Any]:
    return {
        "until": pause.until,
        "since": pause.since,
        "reason": pause.reason,
        "kind": pause.kind,
        "failures": pause.failures,
        **({"outcome_unknown": True} if pause.outcome_unknown else {}),
        **({"reason_code": pause.reason_code.value} if pause.reason_code else {}),
        **({"configuration": pause.configuration} if pause.configuration else {}),
    }


def _refusals_item(one: RefusedAlike) -> dict[str, Any]:
    item = {"list": one.list, "words": one.words, "refused_at": dict(one.refused_at)}
    return item if one.form is None else {**item, "form": one.form}


def _refusals_from(part: Attributes) -> RefusedAlike:
    refused_at = part.required("refused_at", Attributes)
    return RefusedAlike(
        part.required("list", str),
        part.optional("form", str),
        part.required("words", str),
        {event_id: refused_at.required(event_id, Milliseconds) for event_id in refused_at.names()},
    )


def _pause_from(part: Attributes) -> Pause:
    return Pause(
        part.required("until", Milliseconds),
        part.required("since", Milliseconds),
        part.required("reason", str),
        part.required("kind", str),
        part.required("failures", int),
        part.optional("outcome_unknown", bool) or False,
        ReasonCode.parse(part.optional("reason_code", str)),
        part.optional("configuration", str),
    )


def _state_from(item: Attributes) -> AccountState:
    pause, lists = item.optional("pause", Attributes), item.optional("lists", Attributes)
    return AccountState(
        pause=_pause_from(pause) if pause else None,
        lists={name: _pause_from(lists.required(name, Attributes)) for name in lists.names()} if lists else {},
        resumed_at=item.optional("resumed_at", Milliseconds),
        probe_until=item.optional("probe_until", Milliseconds),
        version=item.required("version", int),
        refusals=tuple(_refusals_from(one) for one in item.optional("refusals", list[Attributes]) or ()),
        waived_until=item.optional("waived_until", Milliseconds),
    )
