"""Errors of operators' functions: what is wrong with a call, and the correction."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ..domain.addresses import unsubscribe_address
from ..domain.errors import Kind, ProviderError


def wrong(what: str, remedy: str) -> ProviderError:
    """Return the error of an invalid call."""
    return ProviderError(Kind.CALLER, f"{what}: {remedy}")


def nearest(given: str, known: Iterable[str]) -> str:
    """Return the remedy for a name that is not `known`: the closest known name, else all of them."""
    names = list(known)
    near = difflib.get_close_matches(given, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"


def shown(error: ProviderError) -> dict[str, Any]:
    """Return an error as a function's answer."""
    return {"kind": error.kind.value, "message": error.message, "provider_code": error.provider_code}


def address(event: Any) -> str:
    """Parse the address of `{"email"}`, without decoration. Raises `ProviderError` (caller) with the correction."""
    if not isinstance(event, Mapping) or any(key != "email" for key in event):
        raise wrong("a call is a JSON object", "with the key email and no other")
    given = event.get("email")
    email, field_error = unsubscribe_address(given if isinstance(given, str) else "")
    if field_error is not None:
        raise wrong("email is wrong", f"it {field_error}")
    return email
