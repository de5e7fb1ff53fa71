"""How many examples Hypothesis draws: some in `make test`, many in `make test-all`."""

from __future__ import annotations

import os

import hypothesis

THOROUGH = bool(os.environ.get("RELAIS_THOROUGH"))
"""Set by `make test-all`."""
_FEW = 25
_TIMES_AS_MANY = 10


def examples(few: int) -> int:
    """Return `few` in `make test`, and many times as many in `make test-all`; for tests that need more than others."""
    return few * _TIMES_AS_MANY if THOROUGH else few


def same_examples(few: int) -> hypothesis.settings:
    """Return settings for tests that ask two judges about the same input: the same examples each time.

    `RELAIS_EXAMPLES=20000` draws so many others, from `--hypothesis-seed`: for a search after either judge was changed.
    """
    many = int(os.environ.get("RELAIS_EXAMPLES", "0"))
    quiet = list(hypothesis.HealthCheck)
    return hypothesis.settings(max_examples=many or examples(few), derandomize=not many, suppress_health_check=quiet)


def load_profile() -> None:
    """Select the profile. Nothing in it depends on the speed of the machine.

    CI draws the same examples each time, so that only a change fails it; other runs look for new ones.
    """
    hypothesis.settings.register_profile(
        "relais",
        deadline=None,
        max_examples=_FEW * _TIMES_AS_MANY if THOROUGH else _FEW,
        derandomize=bool(os.environ.get("RELAIS_EVERYTHING")),
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("relais")
