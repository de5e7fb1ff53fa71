"""What every simulated provider offers to the server, the control API and the page."""

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
    """One vendor's API with all its accounts. Safe to use from several threads."""

    name: str

    def recognise(self, request: Request) -> Call:
        """Which function a request calls, for which account, with which contacts. Changes nothing."""

    def answer(self, request: Request, call: Call) -> Reply:
        """Do the work and answer as the vendor does."""

    def up_to_row(self, request: Request, call: Call, row: int) -> tuple[Request, Call] | None:
        """The same call with only the contacts before `row` (from 0); None when nothing would be left of it."""

    def refusal(self, call: Call, message: str) -> Reply:
        """The vendor's way to say that a call's contact is refused, in the words `message`."""

    def wrong_key(self, call: Call) -> Reply:
        """The vendor's answer to a key that it does not know."""

    def state(self, newest: int | None = None) -> dict[str, Any]:
        """All that the provider holds, as JSON values without secrets; at most `newest` rows of each list."""

    def change(self, command: Mapping[str, Any]) -> None:
        """Carry out one control command. Raises `SettingError`."""

    def reset(self) -> None:
        """Back to the sample accounts."""


def set_options(options: DataclassInstance, values: Mapping[str, Any]) -> None:
    """Give options new values. Raises `SettingError` that names the known ones when one is not among them."""
    known = [option.name for option in fields(options)]
    for name, value in values.items():
        if name not in known:
            raise SettingError(f"unknown option {name}; known are {', '.join(known)}")
        setattr(options, name, value)
