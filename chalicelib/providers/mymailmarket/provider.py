"""Implements `Provider` for myMailMarket."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ...domain.errors import Kind, ProviderError
from ...domain.single_flight import Readings, SingleFlightCache
from ...effects import monotonic_and_wall
from ..concurrency import concurrent_map
from ..functions import declared, dispatch, unsupported
from ..results import address
from ..spec import CampaignFigures, Contact, KnownCampaign, Mail, Occasion, Unsubscribed, Unsubscribes
from ..transport.exchange import Deadline
from . import figures, memberships
from .answers import EmptyAnswer, NotFound
from .api import STATUSES
from .campaigns import CampaignFunctions
from .constants import PARALLEL_CALLS
from .contacts import ContactFunctions
from .rows import Result, Row, address_of, every_row, id_of, named

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

LISTS_SECONDS = 180.0
UNSUBSCRIBED = ("unsubscribed", "blacklist")
MAILED = tuple(status for status in STATUSES if status not in memberships.NOT_MAILED)
SENT = ("sent", "sending", "partial sent")
"""The statuses of campaigns that have figures."""
_ADDRESS_FIELD = "MailAddress"
_OWN_FIELDS = frozenset({_ADDRESS_FIELD.lower(), "groepid"})
_LIST_IDS = ("id", "listid", "groepid")
_PEOPLE_LOOKED_AT = 5
_CHECK_SITE = "Compare the account's site_id with the one that myMailMarket shows: 13 digits, with the leading zero."
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Client(ContactFunctions, CampaignFunctions):
    """Every function of the API V2 as a typed method, which an operator can also call by name.

    Each raises `ProviderError`: caller for a parameter outside the vendor's stated limits, before any call; else by the
    table in `answers`. `budget` is in seconds. Results keep the vendor's field names; dates are aware datetimes.
    """


FUNCTIONS = tuple(function for area in Client.__bases__ for function in declared(area))


class MyMailMarket:
    """One account. Keep it between invocations: it caches the session and, for some minutes, the ids of the lists."""

    def __init__(self, account: Account, transport: Transport, clocks: Readings = monotonic_and_wall) -> None:
        self._client = Client(account, transport, clocks)
        self._lists: SingleFlightCache[tuple[str, ...]] = SingleFlightCache("lists", clocks, seconds=LISTS_SECONDS)

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Adds one contact to a list; if its address is already there, only the profile is changed."""
        if len(contacts) > 1:
            raise ProviderError(Kind.CALLER, f"profile_persist: one contact a call, not {len(contacts)}")
        for contact in contacts:
            given = {name: value for name, value in contact.fields.items() if name.lower() not in _OWN_FIELDS}
            profile = {**given, _ADDRESS_FIELD: contact.email, "Groepid": list_id}
            try:
                self._client.profile_persist(profile, budget=budget)
                continue
            except NotFound as error:
                message, code = f"the list {list_id} is not there ({error.message})", error.provider_code
            raise ProviderError(Kind.ACCOUNT, message, provider_code=code, list_only=True)

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        """Unsubscribes the address from each list that has it; on none is success. `global_scope` changes nothing.

        When the time is up before the last list, the next attempt skips the lists that are done.
        """
        deadline = self._client.deadline(budget)
        for list_id in self._list_ids(deadline):
            memberships.unsubscribe(self._client, list_id, email, deadline)
        return None

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Reactivates the address on the one list of the new signup, if it was unsubscribed there."""
        if list_id is None:
            raise ProviderError(Kind.CALLER, "status_update: a list is required to reactivate the address")
        memberships.reactivate(self._client, list_id, email, self._client.deadline(budget))

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        """Unsubscribes the address from each list that has it, then deletes it from each.

        In this order, so that a half-finished attempt leaves nobody to be mailed; the next one goes on.
        """
        deadline = self._client.deadline(budget)
        lists = self._list_ids(deadline)
        for list_id in [each for each in lists if memberships.unsubscribe(self._client, each, email, deadline)]:
            with suppress(NotFound):
                self._client.subscriber_delete_by_address(email, list_id, budget=deadline.left())

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Not offered: mails go to lists."""
        raise unsupported("myMailMarket", "sending a single mail")

    def probe(self, *, budget: float) -> None:
        """Lists the lists; no delivery asks for it, since a repeated signup leaves one row."""
        self._client.lists(budget=budget)

    def read_lists(self, wanted: Collection[str], *, budget: float) -> Mapping[str, str]:
        """Logs in unless a session is open, and reads the lists of the site."""
        with _account_errors():
            rows = _rows("lists", self._client.lists(budget=budget))
        return {id_of(row, *_LIST_IDS): str(named(row, "name") or "") for row in rows if id_of(row, *_LIST_IDS)}

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Returns whether the list exists now."""
        try:
            self._client.list_get(list_id, budget=budget)
        except ProviderError as error:
            # Not there, or an id that the provider cannot have given.
            if error.kind is Kind.CALLER:
                return False
            raise
        return True

    def address_field(self, list_id: str, *, budget: float) -> str:
        """Returns the same field for every list."""
        return _ADDRESS_FIELD

    def columns(self, list_id: str, *, budget: float) -> Sequence[str]:
        """Returns the fields in the profiles of a few people on the list; none while nobody is."""
        deadline = self._client.deadline(budget)
        found = self._client.subscribers(list_id, 0, _PEOPLE_LOOKED_AT, budget=deadline.left())
        names: dict[str, None] = {}
        for person in filter(None, map(id_of, found if isinstance(found, list) else ())):
            profile = self._client.profile(person, budget=deadline.left())
            names |= dict.fromkeys(profile if isinstance(profile, Mapping) else ())
        return tuple(names)

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Not offered: there is no such call."""
        raise unsupported("myMailMarket", "fetching a file of contacts")

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Reads everybody unsubscribed or blacklisted, once for each list that has the person.

        No time is given: the provider has only that of a row's last change, which need not be the unsubscribe.
        """
        rows = self._in_status(UNSUBSCRIBED, self._client.deadline(budget))
        return Unsubscribes(_unsubscribed(row) for row in rows)

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Reads everybody in a status that may get mail, once for each list."""
        rows = self._in_status(MAILED, self._client.deadline(budget))
        return filter(None, (address(address_of(row)) for row in rows))

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        """Reads the campaigns that were or are being sent, with one call each but for those of `known` not due.

        Unknown campaigns come first, the newest first, then the others in the order of `known`.
        """
        return self._campaigns(known, self._client.deadline(budget))

    def _campaigns(self, known: Sequence[KnownCampaign], deadline: Deadline) -> Iterator[CampaignFigures]:
        listed = {figures.campaign_id(row): row for status in SENT for row in self._listed(status, deadline)}
        if not listed:
            # No campaign yet, or the wrong site: reading its lists fails if it is.
            self._list_ids(deadline)
        due = [listed[each.campaign] for each in known if each.due and each.campaign in listed]
        seen = {"", *(each.campaign for each in known)}
        new = [row for campaign, row in listed.items() if campaign not in seen]
        new.sort(key=lambda row: figures.sent_at(row) or _LONG_AGO, reverse=True)
        found = concurrent_map(lambda row: self._figures(row, deadline), [*new, *due], PARALLEL_CALLS)
        yield from filter(None, found)

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Calls a function of `Client` by its name."""
        return dispatch(self._client, FUNCTIONS, function, params, budget=budget)

    def _list_ids(self, deadline: Deadline) -> tuple[str, ...]:
        def load() -> tuple[str, ...]:
            with _account_errors():
                rows = _rows("lists", self._client.lists(budget=deadline.left()))
            return tuple(dict.fromkeys(filter(None, (id_of(row, *_LIST_IDS) for row in rows))))

        return self._lists.get(load, timeout=deadline.left()).value

    def _in_status(self, statuses: Sequence[str], deadline: Deadline) -> Iterator[Row]:
        """Yields every row of every list in one of these statuses."""
        for list_id in self._list_ids(deadline):
            for status in statuses:
                yield from every_row(partial(self._page, list_id, status, deadline), "subscribers_in_status")

    def _page(self, list_id: str, status: str, deadline: Deadline, start: int) -> Sequence[Row]:
        # Not found: nobody is in this status, or the list was deleted after the look-up.
        with _account_errors(), suppress(NotFound, EmptyAnswer):
            found = self._client.subscribers_in_status(list_id, status, start, budget=deadline.left())
            return _rows("subscribers_in_status", found)
        return []

    def _listed(self, status: str, deadline: Deadline) -> list[Row]:
        with _account_errors(), suppress(NotFound, EmptyAnswer):
            return _rows("campaigns", self._client.campaigns(status, budget=deadline.left()))
        return []

    def _figures(self, row: Row, deadline: Deadline) -> CampaignFigures | None:
        """Reads a campaign's figures; None where the provider has none for this one, so that the others are read."""
        try:
            stats = self._client.campaign_stats(figures.campaign_id(row), budget=deadline.left())
        except EmptyAnswer:
            return None
        except ProviderError as error:
            if error.kind is not Kind.CALLER:
                raise
            return None
        return figures.figures(row, stats) if isinstance(stats, dict | list) else None


@contextmanager
def _account_errors() -> Iterator[None]:
    """Makes the account responsible for a refusal: the calls within contain no event data, so no event is at fault."""
    try:
        yield
    except ProviderError as error:
        if error.kind is not Kind.CALLER:
            raise
        message, code = f"{error.message}; check the account's site_id", error.provider_code
    else:
        return
    raise ProviderError(Kind.ACCOUNT, message, provider_code=code, remedy=_CHECK_SITE)


def _rows(label: str, found: Result) -> list[Row]:
    """Returns the rows of an answer. Raises `ProviderError` (later) for a FeedbackDTO, which has none."""
    if isinstance(found, list):
        return found
    raise ProviderError(Kind.LATER, f"{label}: the answer holds no rows")


def _unsubscribed(row: Row) -> Unsubscribed | None:
    email = address(address_of(row))
    if not email:
        return None
    version = " ".join(filter(None, (str(named(row, name) or "") for name in ("status", "userlastupdate"))))
    return Unsubscribed(email, provider_id=id_of(row) or None, version=version or None)
