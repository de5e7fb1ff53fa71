"""Using a secret that may have been changed since it was last read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ..domain.errors import Kind, ProviderError, SecretUnavailable
from .transport.exchange import Deadline

if TYPE_CHECKING:
    from .account import Account

T = TypeVar("T")


class KeyRefused(ProviderError):
    """The provider says that the key is wrong: of kind ACCOUNT, and worth one look whether the secret has changed."""

    def __init__(self, message: str, *, provider_code: str | None = None) -> None:
        super().__init__(Kind.ACCOUNT, message, provider_code=provider_code)


def reveal(account: Account, name: str, *, fresh: bool = False) -> str:
    """The value of an account's secret. Raises `ProviderError` (account) when it cannot be had."""
    try:
        return account.secrets[name].reveal(fresh=fresh)
    except SecretUnavailable as error:
        why = str(error)
    raise ProviderError(Kind.ACCOUNT, why)


def with_key(account: Account, name: str, call: Callable[[str, float], T], *, deadline: Deadline) -> T:
    """`call(key, seconds)`; if the key is refused and the secret, read afresh, has changed, the call is repeated once.

    Raises what `call` raises (`KeyRefused` for a refused key), and `ProviderError` when the secret cannot be read.
    """
    key = reveal(account, name)
    try:
        return call(key, deadline.left())
    except KeyRefused as error:
        refused = error
    newer = reveal(account, name, fresh=True)
    if newer == key:
        raise refused
    return call(newer, deadline.left())
