"""The interface of a simulated provider to the server, the control API and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol

from .exchange import Call, Reply, Request

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class SettingError(ValueError):
    """A control command that cannot be carried out; the text says why."""


class SimulatedProvider(Protocol):
    """One vendor's API with all its accounts. Thread-safe."""

    name: str

    def recognise(self, request: Request) -> Call:
        """Recognises the function, account and contacts of a request. Changes nothing."""

    def answer(self, request: Request, call: Call) -> Reply:
        """Does the work and answers as the vendor does."""

    def up_to_row(self, request: Request, call: Call, row: int) -> tuple[Request, Call] | None:
        """Returns the call with only the contacts before index `row`; None when there are none."""

    def refusal(self, call: Call, message: str) -> Reply:
        """Returns the vendor's refusal of a call's contact, with this message."""

    def wrong_key(self, call: Call) -> Reply:
        """Returns the vendor's answer to an unknown key."""

    def state(self, newest: int | None = None) -> dict[str, Any]:
        """Returns the provider's state as JSON values without secrets; at most `newest` rows of each list."""

    def change(self, command: Mapping[str, Any]) -> None:
        """Carries out one control command. Raises `SettingError`."""

    def reset(self) -> None:
        """Restores the sample accounts."""


def set_options(options: DataclassInstance, values: Mapping[str, Any]) -> None:
    """Sets options. Raises `SettingError` with the known names for an unknown one."""
    known = [option.name for option in fields(options)]
    for name, value in values.items():
        if name not in known:
            raise SettingError(f"unknown option {name}; known are {', '.join(known)}")
        setattr(options, name, value)
