"""Parses calls of operators' functions, and answers a failed call with what to correct."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..domain.addresses import unsubscribe_address
from ..domain.errors import Kind, ProviderError

TOO_LARGE = "the ledger is too large for the function's time; give it a longer timeout or more memory"
CALL_AGAIN = "call again for the rest"
OUT_OF_TIME = f"the time ran out; {CALL_AGAIN}"


def checked(event: Any, keys: Sequence[str]) -> Mapping[str, Any]:
    """Returns a call that is a JSON object with any of `keys`. Raises `ProviderError` (caller) with the correction."""
    if not isinstance(event, Mapping):
        raise wrong("a call is a JSON object", f"with any of the keys {', '.join(keys)}")
    for key in event:
        if key not in keys:
            raise wrong(f"there is no key {str(key)[:60]!r}", nearest(str(key), keys))
    return event


def address(event: Any) -> str:
    """Parses the address of `{"email"}`, without decoration. Raises `ProviderError` (caller) with the correction."""
    given = checked(event, ("email",)).get("email")
    email, field_error = unsubscribe_address(given if isinstance(given, str) else "")
    if field_error is not None:
        raise wrong("email is wrong", f"it {field_error}")
    return email


def wrong(what: str, remedy: str) -> ProviderError:
    """Returns the error of an invalid call."""
    return ProviderError(Kind.CALLER, f"{what}: {remedy}")


def nearest(given: str, known: Iterable[str]) -> str:
    """Returns the remedy for a name that is not `known`: the closest known name, else all of them."""
    names = list(known)
    near = difflib.get_close_matches(given, names, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(names)}" if names else "there is none"


def failed(error: ProviderError | str) -> dict[str, Any]:
    """Returns the answer `{"error"}`; a text is the reason to try again later."""
    if isinstance(error, str):
        error = ProviderError(Kind.LATER, error)
    return {"error": {"kind": error.kind.value, "message": error.message, "provider_code": error.provider_code}}
