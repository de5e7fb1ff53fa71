"""MailPartner as the rest of Relais sees a provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...domain.addresses import normalise
from ...domain.errors import Kind, ProviderError
from ..concurrency import concurrent_map
from ..functions import declared, dispatch, unsupported
from ..spec import CampaignFigures, Contact, KnownCampaign, Unsubscribes
from ..transport.exchange import Deadline
from .campaigns import figures
from .client import Client
from .codes import MESSAGE_NOT_FOUND

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

FUNCTIONS = declared(Client)
PARALLEL_CALLS = 8
"""Calls under way at once for one account and verb."""
_NAME = "MailPartner.fr"
_NO_ID = "unsubscribe_list: the address stands there without an id; take it off in the account's dashboard"


class MailPartner:
    """One account."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._transport = transport
        self._client = Client(account, transport)

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Refused: there are no contact lists."""
        raise unsupported(_NAME, "signups, for it has no contact lists")

    def unsubscribe(self, email: str, *, global_scope: bool, budget: float) -> str | None:
        """Put the address on the account's opt-out list, which is all there is; `global_scope` means the same."""
        return self._client.unsubscribe_add(email, budget=budget).stop_id

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Take the address off the opt-out list, by its row's id where that is known and still right.

        Otherwise the list is read through, for it cannot be asked for one address, and every row of it goes.
        """
        deadline = self._transport.deadline(budget)
        if provider_id and self._client.take_off(provider_id, budget=deadline.left()):
            return
        for number in self._rows_of(email, deadline):
            self._client.take_off(number, budget=deadline.left())

    def _rows_of(self, email: str, deadline: Deadline) -> list[str]:
        """The ids of the rows of an address, in whatever spelling. Raises `ProviderError` for one without an id."""
        wanted = normalise(email)
        found = self._client.unsubscribed(budget=deadline.left())
        ids = [row.provider_id for row in found if normalise(row.email) == wanted]
        if None in ids:
            raise ProviderError(Kind.CONTACT, _NO_ID)
        return [number for number in ids if number is not None]

    def forget(self, email: str, *, budget: float) -> None:
        """Refused: there is nothing to delete but the opt-out, which must stay."""
        raise unsupported(_NAME, "deleting a contact")

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Refused: there are no contact lists."""
        raise unsupported(_NAME, "contact lists")

    def address_field(self, list_id: str, *, budget: float) -> str:
        """Refused: there are no contact lists."""
        raise unsupported(_NAME, "contact lists")

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Refused: there are no contact lists."""
        raise unsupported(_NAME, "contact lists")

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """The opt-out list."""
        return self._client.unsubscribed(budget=budget)

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Refused: it is told whom to mail with each message, and keeps no list of them."""
        raise unsupported(_NAME, "reading whom it mails")

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterator[CampaignFigures]:
        """The figures of those of `known` that are due, a call each; one that MailPartner has forgotten is left out."""
        deadline = self._transport.deadline(budget)
        due = (campaign for campaign in known if campaign.due)
        return filter(None, concurrent_map(lambda campaign: self._status(campaign, deadline), due, PARALLEL_CALLS))

    def _status(self, campaign: KnownCampaign, deadline: Deadline) -> CampaignFigures | None:
        try:
            status = self._client.bulk_status(campaign.campaign, budget=deadline.left())
        except ProviderError as error:
            if error.provider_code != MESSAGE_NOT_FOUND:
                raise
            return None
        return figures(campaign, status)

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Make a function of `Client` by its name."""
        return dispatch(self._client, FUNCTIONS, function, params, budget=budget)
