"""An account at a provider, as the configuration states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Secret(Protocol):
    """A secret of an account; the configuration knows where its value is kept."""

    def reveal(self, fresh: bool = False) -> str:
        """Return the value; `fresh` reads it again, after the provider refused it. Raises SecretUnavailable."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account at one provider. `options` holds the provider's own keys, checked against its declaration.

    A key that the provider declares as secret is a `Secret` in `secrets`; all others are plain values in `options`.
    """

    name: str
    provider: str
    base_url: str | None = None
    open_base_url: str | None = None
    options: Mapping[str, str | bool] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
