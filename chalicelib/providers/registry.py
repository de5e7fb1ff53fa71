"""Finds the providers: every sub-package of `chalicelib.providers` but `transport` is one.

A provider's package is imported only when its declaration is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from .. import providers
from .account import Account
from .spec import ProviderSpec

_SHARED = frozenset({"transport"})
"""Sub-packages that are not providers."""


def names() -> tuple[str, ...]:
    """Returns the providers' names in alphabetical order, without importing any of them."""
    found = {module.name for module in pkgutil.iter_modules(providers.__path__) if module.ispkg}
    return tuple(sorted(found - _SHARED))


def takes_signups(name: str) -> bool:
    """Returns whether the provider `name` takes signups."""
    return spec(name).capabilities.signup_batch > 0


def keeps_nothing(accounts: Mapping[str, Account], account: str) -> bool:
    """Returns whether an account is one that takes everything and keeps nothing; False if it is not configured."""
    return account in accounts and spec(accounts[account].provider).capabilities.keeps_nothing


def title(name: str) -> str:
    """Returns the title of the provider `name` for people; the name itself if there is no such provider any more."""
    return spec(name).title if name in names() else name


@cache
def spec(name: str) -> ProviderSpec:
    """Returns the declaration of the provider `name`.

    Raises `LookupError` when there is no such provider, or when its package declares none (`SPEC`).
    """
    if name not in names():
        raise LookupError(f"there is no provider {name!r}; there are: {', '.join(names())}")
    package = importlib.import_module(f"{providers.__name__}.{name}")
    declared: ProviderSpec | None = getattr(package, "SPEC", None)
    if declared is None:
        raise LookupError(f"the package of provider {name!r} has no SPEC")
    return declared
