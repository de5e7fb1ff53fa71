"""How operators' functions say what was wrong with a call, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ..domain import validation
from ..domain.errors import Kind, ProviderError


def wrong(what: str, remedy: str) -> ProviderError:
    """A call that cannot be made as it was asked for."""
    return ProviderError(Kind.CALLER, f"{what}: {remedy}")


def nearest(given: str, known: Iterable[str]) -> str:
    """The remedy for a name that is not `known`: what was probably meant, else all there are."""
    names = list(known)
    near = difflib.get_close_matches(given, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"


def shown(error: ProviderError) -> dict[str, Any]:
    """An error as the answer of a function."""
    return {"kind": error.kind.value, "message": error.message, "provider_code": error.provider_code}


def address(event: Any) -> str:
    """The address of `{"email"}`, trimmed. Raises `ProviderError` (caller) that says what would be right."""
    if not isinstance(event, Mapping) or any(key != "email" for key in event):
        raise wrong("a call is a JSON object", "with the key email and no other")
    given = event.get("email")
    email = validation.trimmed(given) if isinstance(given, str) else ""
    mistake = validation.unsubscribe_mistake(email)
    if mistake is not None:
        raise wrong("email is wrong", f"it {mistake}")
    return email
