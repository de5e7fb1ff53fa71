"""Secret values: read on first use, and never shown by a repr, a format, a serializer or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from ..domain.errors import SecretUnavailable
from ..domain.texts import trimmed
from . import secret_references
from .secret_cache import SHARED, Unreadable, Vault

Rule = Callable[[str], str | None]
"""Returns the correction of an invalid value, without quoting it; None when it is valid."""


class Secret:
    """A secret of the configuration: a reference to its store, or the plain value.

    `secret:NAME#json_key` (Secrets Manager; without `#…` the whole text), `ssm:/path` (Parameter Store, decrypted),
    `env:NAME`, anything else is the value itself. `{stage}` in a name becomes the vault's stage. `key` is its name in
    the configuration, for messages.

    `rule` checks the value as soon as it is known. With `trim`, for keys that the owner of Relais makes, white space
    and invisible characters around the value are dropped. What a provider gave is used as it is, without the line
    breaks that files and consoles add at its ends.
    """

    __slots__ = ("_plain", "_reference", "_revealed", "_rule", "_trim", "_vault", "key")

    def __init__(
        self, text: str, *, key: str = "", rule: Rule | None = None, trim: bool = False, vault: Vault = SHARED
    ) -> None:
        """Raises `MalformedReference` when `text` starts like a reference but is invalid."""
        self._reference = secret_references.parse(text, vault.stage)
        self._plain = "" if self._reference is not None else trimmed(text) if trim else text
        self._rule = rule
        self._trim = trim
        self._vault = vault
        self._revealed: str | None = None
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

    @property
    def is_in_aws(self) -> bool:
        """True when the value is kept in Secrets Manager or Parameter Store."""
        return self._reference is not None and self._reference.kind != "env"

    @property
    def reference(self) -> str:
        """Where the value is kept, as the configuration says it; "" for a plain value."""
        return "" if self._reference is None else str(self._reference)

    def known_problem(self) -> str | None:
        """Returns why the value is invalid where it is known without AWS: plain, or a variable that is set."""
        if self._reference is not None and not (self._reference.kind == "env" and self._vault.has(self._reference)):
            return None
        value, problem = self._look_up(fresh=False)
        problem = problem or (self._rule(value) if self._rule else None)
        return f"{self._reference}: {problem}" if problem and self._reference else problem

    def reveal(self, fresh: bool = False) -> str:
        """Returns the value, and masks it in logs from now on.

        References are resolved on first use and cached for 300 s; while AWS fails, the last known value is used.
        `fresh=True`, for one retry after a provider refused the value, fetches it again (at most once in 30 s).
        Raises `SecretUnavailable`, which names key and reference, when there is no value or an invalid one.
        """
        value, reason = self._look_up(fresh)
        if reason is None and self._reference is not None and self._rule is not None:
            reason = self._rule(value)
        if reason is not None:
            raise SecretUnavailable(self.key, str(self._reference), reason)
        if value != self._revealed:
            from ..observability import hide, logger

            hide(value)
            if self._revealed is None and value != trimmed(value):  # seldom meant, in a provider's secret
                logger.warning("secret begins or ends with white space", extra={"key": self.key})
            self._revealed = value
        return value

    def _look_up(self, fresh: bool) -> tuple[str, str | None]:
        """Returns the value as it is used, and why there is none."""
        if self._reference is None:
            return self._plain, None
        try:
            held = self._vault.read(self._reference, fresh=fresh)
        except Unreadable as error:
            return "", str(error)
        value = trimmed(held) if self._trim else held.strip("\r\n")
        return value, None if trimmed(value) else "it is empty"

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
