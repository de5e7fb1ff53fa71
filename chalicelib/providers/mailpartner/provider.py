"""Implements the `Provider` protocol for MailPartner."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...domain.addresses import normalise
from ...domain.errors import Kind, ProviderError
from ..concurrency import concurrent_map
from ..functions import declared, dispatch, unsupported
from ..spec import CampaignFigures, Contact, KnownCampaign, Mail, Occasion, Unsubscribes
from ..transport.exchange import Deadline
from .client import Client
from .codes import MESSAGE_NOT_FOUND
from .constants import PARALLEL_CALLS
from .figures import figures

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

FUNCTIONS = declared(Client)
_NAME = "MailPartner.fr"
_NO_ID = "unsubscribe_list: the address is listed without an id; remove it in the account's dashboard"


class MailPartner:
    """One account."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._transport = transport
        self._client = Client(account, transport)

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Not offered: there are no contact lists."""
        raise unsupported(_NAME, "signups: it has no contact lists")

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        """Puts the address on the account's opt-out list, the only one there is, whatever `global_scope` says."""
        return self._client.unsubscribe_add(email, budget=budget).stop_id

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Removes the address from the opt-out list, by its row's id where that is known and still valid.

        Otherwise reads the whole list, since it cannot be asked for one address, and removes every row of the address,
        in any spelling. Raises `ProviderError` (contact) for a row without an id.
        """
        deadline = self._transport.deadline(budget)
        if provider_id and self._client.remove_opt_out(provider_id, budget=deadline.left()):
            return
        wanted = normalise(email)
        opt_outs = self._client.unsubscribed(budget=deadline.left())
        row_ids = [row.provider_id or "" for row in opt_outs if normalise(row.email) == wanted]
        if "" in row_ids:
            raise ProviderError(Kind.CONTACT, _NO_ID)
        for row_id in row_ids:
            self._client.remove_opt_out(row_id, budget=deadline.left())

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        """Not offered: there is nothing to delete but the opt-out, which must stay."""
        raise unsupported(_NAME, "deleting a contact")

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Sends by `send`, which has no text part. An address on the opt-out list is refused (contact, code 14)."""
        reply_to = {"email": mail.reply_to} if mail.reply_to else None
        self._client.send(mail.subject, mail.html, [mail.to], reply_to, budget=budget)

    def probe(self, *, budget: float) -> None:
        """Not needed: it takes no signups."""
        raise unsupported(_NAME, "a probe")

    def read_lists(self, wanted: Collection[str], *, budget: float) -> Mapping[str, str]:
        """Asks whose key it is; there are no contact lists to return."""
        self._client.me(budget=budget)
        return {}

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Not offered: there are no contact lists."""
        raise unsupported(_NAME, "contact lists")

    def address_field(self, list_id: str, *, budget: float) -> str:
        """Not offered: there are no contact lists."""
        raise unsupported(_NAME, "contact lists")

    def columns(self, list_id: str, *, budget: float) -> Sequence[str]:
        """Returns nothing: there are no contact lists."""
        return ()

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Not offered: there are no contact lists."""
        raise unsupported(_NAME, "contact lists")

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Returns the opt-out list."""
        return self._client.unsubscribed(budget=budget)

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Not offered: recipients are given with each message, and no list of them is kept."""
        raise unsupported(_NAME, "reading its subscribers")

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterator[CampaignFigures]:
        """Reads the figures of those of `known` that are due, a call each; omits those that MailPartner has dropped."""
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
        """Calls a function of `Client` by its name."""
        return dispatch(self._client, FUNCTIONS, function, params, budget=budget)
