"""The calls of an account that keeps nothing: all succeed at once, and none leaves the process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...domain.errors import Kind, ProviderError
from ..account import Account
from ..spec import CampaignFigures, Contact, KnownCampaign, Mail, Occasion, Unsubscribes
from ..transport.session import Transport


class Sink:
    """Takes signups and unsubscribes; there is nothing to read, and no other call."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._name = account.name

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Takes the contacts."""

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        """Takes the unsubscribe."""
        return None

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Is not offered: nothing is suppressed here."""
        raise self._unsupported("lift_suppression")

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        """Is not offered: nobody is stored here."""
        raise self._unsupported("forget")

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Is not offered."""
        raise self._unsupported("send_mail")

    def probe(self, *, budget: float) -> None:
        """Succeeds."""

    def read_lists(self, wanted: Collection[str], *, budget: float) -> Mapping[str, str]:
        """Has no lists."""
        return {}

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Has whatever list is asked for."""
        return True

    def address_field(self, list_id: str, *, budget: float) -> str:
        """Calls the address `email`."""
        return "email"

    def columns(self, list_id: str, *, budget: float) -> Sequence[str]:
        """Takes any field."""
        return ()

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Is not offered."""
        raise self._unsupported("fetch_list")

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Is not offered."""
        raise self._unsupported("unsubscribed")

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Is not offered."""
        raise self._unsupported("subscribed")

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        """Has no campaigns."""
        return ()

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Has no functions."""
        raise self._unsupported(function)

    def _unsupported(self, what: str) -> ProviderError:
        return ProviderError(Kind.CALLER, f"account {self._name} takes everything and keeps nothing: it has no {what}")
