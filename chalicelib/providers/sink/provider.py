"""Implements the `Provider` protocol without a provider: signups and unsubscribes succeed, and nothing is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...domain.errors import Kind, ProviderError
from ..account import Account
from ..spec import CampaignFigures, Contact, KnownCampaign, Mail, Occasion, Unsubscribes
from ..transport.session import Transport


class Sink:
    """Accepts signups and unsubscribes. There is nothing to read, and other calls are not offered."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._name = account.name

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Does nothing: the contacts are accepted."""

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        """Does nothing: the unsubscribe is accepted."""
        return None

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Not offered: nothing is suppressed here."""
        raise self._unsupported("lift_suppression")

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        """Not offered: nobody is stored here."""
        raise self._unsupported("forget")

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Not offered."""
        raise self._unsupported("send_mail")

    def probe(self, *, budget: float) -> None:
        """Does nothing: the account always answers."""

    def read_lists(self, wanted: Collection[str], *, budget: float) -> Mapping[str, str]:
        """Returns nothing: there are no lists."""
        return {}

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Returns True: any list is accepted."""
        return True

    def address_field(self, list_id: str, *, budget: float) -> str:
        """Returns `email`."""
        return "email"

    def columns(self, list_id: str, *, budget: float) -> Sequence[str]:
        """Returns nothing: any field is accepted."""
        return ()

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Not offered."""
        raise self._unsupported("fetch_list")

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Not offered."""
        raise self._unsupported("unsubscribed")

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Not offered."""
        raise self._unsupported("subscribed")

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        """Returns nothing: there are no campaigns."""
        return ()

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Not offered: there are no functions."""
        raise self._unsupported(function)

    def _unsupported(self, what: str) -> ProviderError:
        return ProviderError(Kind.CALLER, f"account {self._name} takes everything and keeps nothing: it has no {what}")
