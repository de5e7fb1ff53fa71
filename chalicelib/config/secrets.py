"""Secret values: read on first use, and never shown by a repr, a format, a serializer or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from ..domain.errors import SecretUnavailable
from . import secret_references
from .secret_cache import SHARED, Unreadable, Vault

Rule = Callable[[str], str | None]
"""Returns the correction of an invalid value, without quoting it; None when it is valid."""


class Secret:
    """A secret of the configuration: a reference to its store, or the plain value.

    `secret:NAME#json_key` (Secrets Manager; without `#…` the whole text), `ssm:/path` (Parameter Store, decrypted),
    `env:NAME`, anything else is the value itself. `key` is its name in the configuration, for messages.
    """

    __slots__ = ("_plain", "_reference", "_rule", "_vault", "key")

    def __init__(self, text: str, *, key: str = "", rule: Rule | None = None, vault: Vault = SHARED) -> None:
        """Raises `MalformedReference` when `text` starts like a reference but is invalid."""
        self._reference = secret_references.parse(text)
        self._plain = text if self._reference is None else ""
        self._rule = rule
        self._vault = vault
        self.key = key

    @classmethod
    def plain(cls, value: str, *, key: str = "") -> Secret:
        """Makes a secret of `value` itself, even if it looks like a reference."""
        made = cls("", key=key)
        made._plain = value
        return made

    @property
    def is_plain(self) -> bool:
        """True when the configuration holds the value itself rather than a reference to it."""
        return self._reference is None

    def reveal(self, fresh: bool = False) -> str:
        """Returns the value, and masks it in logs from now on.

        References are resolved on first use and cached for 300 s; while AWS fails, the last known value is used.
        `fresh=True`, for one retry after a provider refused the value, fetches it again (at most once in 30 s).
        Raises `SecretUnavailable`, which names key and reference, when there is no value or an invalid one.
        """
        value, reason = self._plain, None
        if self._reference is not None:
            try:
                value = self._vault.read(self._reference, fresh=fresh)
                reason = self._rule(value) if self._rule is not None else None
            except Unreadable as error:
                reason = str(error)
        if reason is not None:
            raise SecretUnavailable(self.key, str(self._reference), reason)
        from ..observability import hide

        hide(value)
        return value

    def __repr__(self) -> str:
        return f"Secret({self._reference or '…'})"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be written out")
