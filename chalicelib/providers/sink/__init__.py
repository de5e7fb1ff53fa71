"""Sink: accepts everything, stores nothing, makes no calls and needs no key. For a form that only Relais fills in.

See docs/providers/sink.md.
"""

from __future__ import annotations

from ..spec import Capabilities, Implementation, ProviderSpec


def _load() -> Implementation:
    from .provider import Sink

    return Implementation((), Sink)


SPEC = ProviderSpec(
    name="sink",
    title="Sink",
    base_url="https://sink.invalid",  # never called
    capabilities=Capabilities(
        has_lists=False, signup_batch=1000, signup_repeat_is_harmless=True, parallel_calls=4, keeps_nothing=True
    ),
    options=(),
    load=_load,
)
