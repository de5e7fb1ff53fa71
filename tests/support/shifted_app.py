"""What function processes of the test stack load in place of `app`: the same `app`, by a clock that the test owns.

The stack imports this module once and forks every function process from there, so it also imports all of the product.
"""

from __future__ import annotations

import importlib
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib import container as product, names
from chalicelib.config.load import find_path, load
from chalicelib.container import Container
from chalicelib.effects import Effects
from tests.support import rights
from tests.support.preload import import_product
from tests.support.shifted_clock import VARIABLE, MovedClock

LONGEST_SLEEP = 0.01
"""Fraction that remains of a pause before a retry."""

_clock = MovedClock(Path(os.environ[VARIABLE]))


def _sleep(seconds: float) -> None:
    time.sleep(min(seconds, LONGEST_SLEEP))


@cache
def _container() -> Container:
    effects = Effects(clock=_clock.now, sleep=_sleep)
    return Container(load(find_path(os.environ), os.environ), names.stage(os.environ), effects)


def __getattr__(handler: str) -> Any:
    """Return a handler of `app`, by the name that the template gives it."""
    return getattr(_app, handler)


rights.enforce(_clock.path.parent)
import_product()
product.container = _container
_app = importlib.import_module("app")
