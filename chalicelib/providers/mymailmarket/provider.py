"""myMailMarket as the rest of Relais sees a provider."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ...domain.errors import Kind, ProviderError
from ..concurrency import concurrent_map
from ..functions import dispatch, unsupported
from ..results import address
from ..spec import CampaignFigures, Contact, KnownCampaign, Unsubscribed, Unsubscribes
from ..transport.exchange import Deadline
from . import figures
from .answers import NotFound, NothingSaid
from .client import FUNCTIONS, Client
from .kept import Clocks, Kept, both_clocks
from .memberships import GONE, come_back, delete, leave
from .pages import every_row
from .parameters import STATUSES
from .values import Result, Row, address_of, id_of, named

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

LISTS_KEPT_SECONDS = 180.0
PARALLEL_CALLS = 8
"""Calls under way at once for one account and verb."""
LEFT = ("unsubscribed", "blacklist")
"""The statuses of those who left."""
MAY_BE_MAILED = tuple(status for status in STATUSES if status not in GONE)
MAILED = ("sent", "sending", "partial sent")
"""The statuses of campaigns that have figures."""
_ADDRESS_FIELD = "MailAddress"
_OWN_FIELDS = frozenset({_ADDRESS_FIELD.lower(), "groepid"})
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class MyMailMarket:
    """One account. Keep it between invocations: it holds the session and, for some minutes, which lists there are."""

    def __init__(self, account: Account, transport: Transport, clocks: Clocks = both_clocks) -> None:
        self._client = Client(account, transport, clocks)
        self._lists = Kept("lists", self._read_lists, seconds=LISTS_KEPT_SECONDS, clocks=clocks)

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Put one contact on a list; of an address that is there already only the profile is changed."""
        if len(contacts) > 1:
            raise ProviderError(Kind.CALLER, f"profile_persist: one contact a call, not {len(contacts)}")
        for contact in contacts:
            given = {name: value for name, value in contact.fields.items() if name.lower() not in _OWN_FIELDS}
            self._put(list_id, {**given, _ADDRESS_FIELD: contact.email, "Groepid": list_id}, budget)

    def _put(self, list_id: str, profile: Mapping[str, Any], budget: float) -> None:
        try:
            self._client.profile_persist(profile, budget=budget)
        except NotFound as error:
            missing = f"the list {list_id} is not there ({error.message})"
            code = error.provider_code
        else:
            return
        raise ProviderError(Kind.ACCOUNT, missing, provider_code=code, list_only=True)

    def unsubscribe(self, email: str, *, global_scope: bool, budget: float) -> str | None:
        """Unsubscribe the address from each list that has it; being on none is fine. `global_scope` means no more here.

        What is done stays done when the time is up before the last list; the next attempt passes over it.
        """
        deadline = self._client.deadline(budget)
        for list_id in self._lists.get(deadline).value:
            leave(self._client, list_id, email, deadline)
        return None

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Put the address back to active on the one list that the person comes back to, if it was unsubscribed there.

        An unsubscribe covers every list, coming back only the one that was asked for.
        """
        if list_id is None:
            raise ProviderError(Kind.CALLER, "status_update: it takes a list to come back to")
        come_back(self._client, list_id, email, self._client.deadline(budget))

    def forget(self, email: str, *, budget: float) -> None:
        """Unsubscribe the address from each list that has it and only then delete it from each.

        So whatever is left undone when the time is up, nobody is mailed meanwhile; the next attempt goes on.
        """
        deadline = self._client.deadline(budget)
        lists = self._lists.get(deadline).value
        held = [list_id for list_id in lists if leave(self._client, list_id, email, deadline)]
        for list_id in held:
            delete(self._client, list_id, email, deadline)

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Is the list there now?"""
        try:
            self._client.list_get(list_id, budget=budget)
        except ProviderError as error:
            # Not there, or no id that the provider could have given.
            if error.kind is Kind.CALLER:
                return False
            raise
        return True

    def address_field(self, list_id: str, *, budget: float) -> str:
        """The same for every list."""
        return _ADDRESS_FIELD

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Refused: there is no such call."""
        raise unsupported("myMailMarket", "fetching a file of contacts")

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Everybody unsubscribed or blacklisted on any list; somebody who left several lists comes once for each.

        The provider tells only when a row was last changed, which need not be when the person left, so no time is told.
        """
        return Unsubscribes(self._who_left(self._client.deadline(budget)))

    def _who_left(self, deadline: Deadline) -> Iterator[Unsubscribed | None]:
        for row in self._in_status(LEFT, deadline):
            yield _leaver(row)

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Everybody on any list in a status in which somebody may be mailed, once for each list."""
        rows = self._in_status(MAY_BE_MAILED, self._client.deadline(budget))
        return filter(None, (address(address_of(row)) for row in rows))

    def _in_status(self, statuses: Sequence[str], deadline: Deadline) -> Iterator[Row]:
        """Every row of every list in one of these statuses."""
        for list_id in self._lists.get(deadline).value:
            for status in statuses:
                yield from every_row(partial(self._page, list_id, status, deadline), "subscribers_in_status")

    def _page(self, list_id: str, status: str, deadline: Deadline, start: int) -> Sequence[Row]:
        label = "subscribers_in_status"
        # Not found: nobody is in this status, or the list was deleted after it was looked up.
        with _nobodys_event(), suppress(NotFound, NothingSaid):
            found = self._client.subscribers_in_status(list_id, status, start, budget=deadline.left())
            return _rows(label, found)
        return []

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        """The campaigns that were or are being sent, with one call each but for those of `known` that are not due.

        Those that are not known come first, the newest first, then the others in the order of `known`.
        """
        return self._figures(known, self._client.deadline(budget))

    def _figures(self, known: Sequence[KnownCampaign], deadline: Deadline) -> Iterator[CampaignFigures]:
        listed = {figures.campaign_id(row): row for status in MAILED for row in self._listed(status, deadline)}
        if not listed:
            # None yet, or the wrong site: that its lists can be read tells.
            self._lists.get(deadline)
        due = [listed[each.campaign] for each in known if each.due and each.campaign in listed]
        seen = {"", *(each.campaign for each in known)}
        new = [row for campaign, row in listed.items() if campaign not in seen]
        new.sort(key=lambda row: figures.sent_at(row) or _LONG_AGO, reverse=True)
        found = concurrent_map(lambda row: self._figures_of(row, deadline), [*new, *due], PARALLEL_CALLS)
        yield from filter(None, found)

    def _figures_of(self, row: Row, deadline: Deadline) -> CampaignFigures | None:
        stats = self._stats(figures.campaign_id(row), deadline)
        return None if stats is None else figures.figures(row, stats)

    def _listed(self, status: str, deadline: Deadline) -> list[Row]:
        with _nobodys_event(), suppress(NotFound, NothingSaid):
            return _rows("campaigns", self._client.campaigns(status, budget=deadline.left()))
        return []

    def _stats(self, campaign: str, deadline: Deadline) -> Row | list[Row] | None:
        """The answer of `campaign_stats`; None where the provider has no figures for this one."""
        try:
            found = self._client.campaign_stats(campaign, budget=deadline.left())
        except NothingSaid:
            return None
        except ProviderError as error:
            # One campaign without figures must not cost the others theirs.
            if error.kind is not Kind.CALLER:
                raise
            return None
        return found if isinstance(found, dict | list) else None

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Make a function of `Client` by its name."""
        return dispatch(self._client, FUNCTIONS, function, params, budget=budget)

    def _read_lists(self, fresh: bool, deadline: Deadline) -> tuple[str, ...]:
        with _nobodys_event():
            rows = _rows("lists", self._client.lists(budget=deadline.left()))
        return tuple(dict.fromkeys(filter(None, (id_of(row, "id", "listid", "groepid") for row in rows))))


@contextmanager
def _nobodys_event() -> Iterator[None]:
    """Calls that hold nothing of an event: a refusal of one must never be laid at an event's door."""
    try:
        yield
    except ProviderError as error:
        if error.kind is not Kind.CALLER:
            raise
        message, code = f"{error.message}; check the account's site_id", error.provider_code
    else:
        return
    raise ProviderError(Kind.ACCOUNT, message, provider_code=code)


def _rows(label: str, found: Result) -> list[Row]:
    """The rows of an answer. Raises `ProviderError` (later) for a FeedbackDTO, which says nothing about any."""
    if isinstance(found, list):
        return found
    raise ProviderError(Kind.LATER, f"{label}: the answer holds no rows")


def _leaver(row: Row) -> Unsubscribed | None:
    email = address(address_of(row))
    if not email:
        return None
    version = " ".join(filter(None, (str(named(row, name) or "") for name in ("status", "userlastupdate"))))
    return Unsubscribed(email, provider_id=id_of(row) or None, version=version or None)
