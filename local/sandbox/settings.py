"""Options of a simulated provider, as the control API sets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from .provider import SettingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def set_options(options: DataclassInstance, values: Mapping[str, Any]) -> None:
    """Give options new values. Raises `SettingError` that names the known ones when one is not among them."""
    known = [option.name for option in fields(options)]
    for name, value in values.items():
        if name not in known:
            raise SettingError(f"unknown option {name}; known are {', '.join(known)}")
        setattr(options, name, value)
