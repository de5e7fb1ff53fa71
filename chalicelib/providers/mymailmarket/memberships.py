"""Changes one address on one list: unsubscribes, reactivates, deletes."""

from __future__ import annotations

from contextlib import suppress

from ...domain.errors import Kind, ProviderError
from ..results import text
from ..transport.exchange import Deadline
from .answers import NOK, EmptyAnswer, NotFound, is_already_unsubscribed
from .contacts import ContactFunctions
from .rows import Row, address_of, id_of, named

BLACKLISTED = frozenset({"blacklist", "blacklisted"})
NOT_MAILED = frozenset({"unsubscribed", *BLACKLISTED, "deleted"})
"""The statuses of addresses that get no mail, so that there is nothing to unsubscribe."""
_BLACKLIST = (
    "subscriber_by_address: the address is on the list's blacklist, which only somebody in myMailMarket can undo: set "
    "its status there, then send the event again with `resend`"
)


def unsubscribe(client: ContactFunctions, list_id: str, email: str, deadline: Deadline) -> bool:
    """Unsubscribes the address from the list if it may get mail. Returns whether it is on the list, mailed or not."""
    try:
        statuses = [_status(row) for row in _look_up(client, list_id, email, deadline)]
    except EmptyAnswer:
        # Most likely the address is not there, perhaps the server is broken. A refusal then means that it is not there.
        try:
            _unsubscribe(client, list_id, email, deadline)
        except ProviderError as error:
            if error.kind not in (Kind.CALLER, Kind.CONTACT):
                raise
            return False
        return True
    except ProviderError as error:
        if error.kind is not Kind.CALLER or error.provider_code != NOK:
            raise
        # An unknown message, perhaps "not there". Unsubscribing does no harm and finds out.
        statuses = [""]
    if any(status not in NOT_MAILED for status in statuses):
        _unsubscribe(client, list_id, email, deadline)
    return any(status != "deleted" for status in statuses)


def reactivate(client: ContactFunctions, list_id: str, email: str, deadline: Deadline) -> None:
    """Sets the address to active on the list if it was unsubscribed there.

    Raises `ProviderError`: contact for one on the vendor's blacklist, which Relais may not undo; later where the
    answer has no status.
    """
    try:
        rows = _look_up(client, list_id, email, deadline)
    except EmptyAnswer:
        return  # not on the list: the signup that follows creates the subscriber
    statuses = {_status(row) for row in rows}
    if statuses & BLACKLISTED:
        raise ProviderError(Kind.CONTACT, _BLACKLIST)
    if "" in statuses:
        raise ProviderError(Kind.LATER, "subscriber_by_address: the answer has no status")
    for row in rows:
        if _status(row) == "unsubscribed":
            # Not found: deleted since the look-up; the signup that follows creates the subscriber.
            with suppress(NotFound):
                client.status_update(id_of(row), "active", budget=deadline.left())


def _unsubscribe(client: ContactFunctions, list_id: str, email: str, deadline: Deadline) -> None:
    try:
        client.unsubscribe_by_address(email, list_id, budget=deadline.left())
    except NotFound:
        return
    except ProviderError as error:
        if not is_already_unsubscribed(error):
            raise


def _look_up(client: ContactFunctions, list_id: str, email: str, deadline: Deadline) -> list[Row]:
    """Returns the rows of the address on the list, usually one or none. Raises `EmptyAnswer`, too."""
    try:
        found = client.subscriber_by_address(email, list_id, budget=deadline.left())
    except NotFound:
        return []
    # A FeedbackDTO in a row's place says that there is a row, without its fields; WCF writes nobody as an object of
    # nulls.
    rows = [row if isinstance(row, dict) else None for row in (found if isinstance(found, list) else [found])]
    return [row or {} for row in rows if row is None or id_of(row) or address_of(row)]


def _status(row: Row) -> str:
    return text(named(row, "status")).strip().lower()
