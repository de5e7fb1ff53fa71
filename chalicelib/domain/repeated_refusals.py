"""Counts signups of one form that a provider refuses in the same words, and decides when the list must be paused.

One refused contact is a contact's own fault. Several of a form, one after the other and in the same words, are a wrong
field name or a list that changed: the owner must act, and nobody else may be refused for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

MOST_REFUSED_ALIKE = 5
"""People whose signups by one form are refused in the same words, without a success between, before its list is paused.
"""
WITHIN_MILLISECONDS = 24 * 3600 * 1000
MOST_COUNTED = 10
"""Combinations of list, form and words that are counted for an account, at most about 10 KB: the latest stay."""
_QUOTED = re.compile(r"\"[^\"]*\"|«[^»]*»|“[^”]*”|`[^`]*`|(?<!\w)'[^']*'(?!\w)")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class RefusedAlike:
    """Signups of one form to one list that were refused in the same words, without a success between."""

    list: str
    form: str | None
    """None for signups that named account and list."""
    words: str
    refused_at: Mapping[str, int]
    """Person (the beginning of the keyed hash of the address) -> time (ms). Each person counts once."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A signup that the provider refused alone in a call."""

    person: str
    form: str | None
    message: str


@dataclass(frozen=True, slots=True)
class RefusalDecision:
    """The decision on the refusals of a batch: `final` for each of them; the list is paused if there is a `reason`."""

    counted: tuple[RefusedAlike, ...]
    final: tuple[bool, ...]
    reason: str | None


def same_words(message: str) -> str:
    """Returns a provider's message without what differs from contact to contact: numbers and quoted values."""
    return _DIGITS.sub("#", _QUOTED.sub("“…”", message))


def decide(
    counted: Sequence[RefusedAlike],
    list_id: str,
    refusals: Sequence[Refusal],
    accepted_forms: Collection[str | None],
    now: int,
    *,
    paused: bool,
    list_at_fault: bool = False,
) -> RefusalDecision:
    """Decides about the refusals of one batch to a list, and counts them (ms since 1970).

    The refusals of the first five people of a form within a day are final, and pause the list; later ones in the same
    words wait. A form of which the same batch accepted a signup is not at fault: its refusals are final. While the list
    is `paused`, the five do not expire: it stays paused until a signup succeeds. With `list_at_fault` all refusals
    wait, and are counted.
    """
    known = {(one.list, one.form, one.words): dict(one.refused_at) for one in counted}
    final, reason = [], None
    for refusal in refusals:
        if refusal.form in accepted_forms:
            final.append(True)
            continue
        key = (list_id, refusal.form, same_words(refusal.message))
        refused_at = known.pop(key, {})
        if not (paused and len(refused_at) >= MOST_REFUSED_ALIKE):
            refused_at = {one: at for one, at in refused_at.items() if at > now - WITHIN_MILLISECONDS}
        known[key] = refused_at  # the latest comes last
        full = len(refused_at) >= MOST_REFUSED_ALIKE
        final.append(not (full or list_at_fault))
        if not full:
            refused_at[refusal.person] = now
        if list_at_fault or len(refused_at) >= MOST_REFUSED_ALIKE:
            which = f"every signup of the form {refusal.form}" if refusal.form else "every contact"
            reason = f"{which} is refused: {refusal.message}"
    latest = [RefusedAlike(*key, refused_at) for key, refused_at in known.items()][-MOST_COUNTED:]
    return RefusalDecision(tuple(latest), tuple(final), reason)


def without_forms(
    counted: Sequence[RefusedAlike], list_id: str, forms: Collection[str | None]
) -> tuple[RefusedAlike, ...]:
    """Returns the counts after signups of these forms to the list succeeded."""
    return tuple(one for one in counted if one.list != list_id or one.form not in forms)
