"""An account at a provider, as the configuration states it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..domain.errors import Kind, ProviderError, SecretUnavailable
from ..domain.reasons import ReasonCode


class Secret(Protocol):
    """A secret of an account; the configuration resolves where its value is stored."""

    def reveal(self, fresh: bool = False) -> str:
        """Returns the value; `fresh` reads it again, after the provider refused it. Raises `SecretUnavailable`."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account at one provider. `options` holds the provider's own keys, checked against its declaration.

    A key that the provider declares as secret is a `Secret` in `secrets`; all others are plain values in `options`,
    which are not in the repr: a URL among them may contain a key in its query.
    """

    name: str
    provider: str
    base_url: str | None = None
    open_base_url: str | None = None
    options: Mapping[str, str | bool] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    def reveal(self, name: str, *, fresh: bool = False) -> str:
        """Returns the value of a secret. Raises `ProviderError` (account) when it is unavailable."""
        try:
            return self.secrets[name].reveal(fresh=fresh)
        except SecretUnavailable as error:
            reason = str(error)
        raise ProviderError(Kind.ACCOUNT, reason, reason_code=ReasonCode.SECRET_UNAVAILABLE)

    def keys(self, name: str) -> Iterator[str]:
        """Yields a secret's value; if asked on because the provider refused it, the newer one if it has changed.

        Raises `ProviderError` (account) when the secret is unavailable.
        """
        key = self.reveal(name)
        yield key
        newer = self.reveal(name, fresh=True)
        if newer != key:
            yield newer
