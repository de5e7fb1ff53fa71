"""Which providers there are, found by looking rather than by a list to keep.

Every sub-package of `chalicelib.providers` is a provider; it is imported only when somebody asks for its declaration.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from .. import providers
from .base import ProviderSpec


def names() -> tuple[str, ...]:
    """The providers' names in alphabetical order, without importing any of them."""
    return _packages(tuple(providers.__path__))


@cache
def _packages(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Looked for once: it takes a third of a millisecond, and the engine asks for every account that it delivers to."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(folders) if module.ispkg))


def spec(name: str) -> ProviderSpec:
    """The declaration of the provider `name`.

    Raises `LookupError` when there is no such provider, or when its package declares none (`SPEC`).
    """
    if name not in names():
        raise LookupError(f"there is no provider {name!r}; there are: {', '.join(names())}")
    package = importlib.import_module(f"{providers.__name__}.{name}")
    declared: ProviderSpec | None = getattr(package, "SPEC", None)
    if declared is None:
        raise LookupError(f"the package of provider {name!r} has no SPEC")
    return declared
