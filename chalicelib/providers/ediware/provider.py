"""Implements the `Provider` protocol for Ediware."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...domain.errors import Kind, ProviderError
from ..functions import declared, dispatch, unsupported
from ..spec import CampaignFigures, Contact, KnownCampaign, Mail, Occasion, Unsubscribes
from .address_columns import CachedAddressColumns
from .answers import KeyOrAddressRefused, is_already_unsubscribed
from .client import Client
from .constants import MOST_ROWS

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.exchange import Deadline
    from ..transport.session import Transport

FUNCTIONS = declared(Client)
_NAME = "Ediware"


class Ediware:
    """One account. Keep it between invocations: it caches the lists' address columns."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._transport = transport
        self._client = Client(account, transport)
        self._columns = CachedAddressColumns(self._client)

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Inserts the contacts with one call; looks up the list's address column first where it is not cached."""
        if len(contacts) > MOST_ROWS:
            raise ProviderError(Kind.CALLER, f"list_insert: at most {MOST_ROWS} contacts a call, not {len(contacts)}")
        if not contacts:
            return
        deadline = self._transport.deadline(budget)
        column = self._columns.of(list_id, deadline)
        rows = [{**contact.fields, column: contact.email} for contact in contacts]
        try:
            self._client.list_insert(list_id, rows, budget=deadline.left())
        except ProviderError as error:
            if error.kind is Kind.CONTACT:
                self._columns.forget(list_id)
            raise

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        """Puts the address on the account's unsubscribed list, or on the delisting list of all senders."""
        add = self._client.unsub_global_add if global_scope else self._client.unsub_add
        try:
            add(email, budget=budget)
        except ProviderError as error:
            if not is_already_unsubscribed(error):
                raise
        return None

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Not offered: no call takes an address off the unsubscribed list."""
        raise unsupported(_NAME, "lifting a suppression")

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        """Not offered: no call deletes a contact."""
        raise unsupported(_NAME, "deleting a contact")

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Not offered: mails go to lists."""
        raise unsupported(_NAME, "sending a single mail")

    def probe(self, *, budget: float) -> None:
        """Lists the lists of the account, from the same host and under the same key and IP as a signup."""
        self._client.list_list(budget=budget)

    def read_lists(self, wanted: Collection[str], *, budget: float) -> Mapping[str, str]:
        """Reads the lists of the account, and of its sub-accounts while one of `wanted` is missing.

        After "api_key invalid" it asks for the statistics, which any IP address may read, to tell its two causes apart.
        """
        deadline = self._transport.deadline(budget)
        try:
            return self._columns.read_names(wanted, deadline)
        except KeyOrAddressRefused as error:
            refused = error
        raise self._cause(refused, deadline)

    def _cause(self, refused: KeyOrAddressRefused, deadline: Deadline) -> ProviderError:
        """Returns the error with the one cause that is left, if the statistics can be asked."""
        message, code = refused.provider_message, refused.provider_code
        try:
            self._client.campaigns_stats(budget=deadline.left())
        except KeyOrAddressRefused:
            why = "the key is wrong: it is refused also for the statistics, which any IP address may read"
            remedy = refused.remedy
        except ProviderError:
            return refused
        else:
            why = "the key is right, for the statistics can be read: so the IP address of this call is not declared"
            remedy = refused.declare_ip
        return ProviderError(Kind.ACCOUNT, f"{message} ({why})", provider_code=code, remedy=remedy)

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Asks whether the list is among those of the account or its sub-accounts now."""
        return self._columns.exists(list_id, self._transport.deadline(budget))

    def address_field(self, list_id: str, *, budget: float) -> str:
        """Returns the list's `field_email`."""
        return self._columns.of(list_id, self._transport.deadline(budget))

    def columns(self, list_id: str, *, budget: float) -> Sequence[str]:
        """Returns nothing: Ediware states the address column alone."""
        return ()

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Has Ediware fetch the file, with semicolons between the columns, from its own addresses."""
        self._client.list_insert_url(list_id, url, budget=budget)

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Not offered: Ediware's lists cannot be read."""
        raise unsupported(_NAME, "reading its unsubscribes")

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Not offered: Ediware's lists cannot be read."""
        raise unsupported(_NAME, "reading its subscribers")

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        """Reads all campaigns of the last 30 days with one call."""
        return self._client.campaign_figures(budget=budget)

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Calls a function of `Client` by its name."""
        return dispatch(self._client, FUNCTIONS, function, params, budget=budget)
