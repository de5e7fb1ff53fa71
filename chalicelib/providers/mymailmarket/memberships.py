"""One address on one list: leaving it, coming back to it, being deleted from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...domain.errors import Kind, ProviderError
from ..results import text
from ..transport.exchange import Deadline
from .answers import NOK, NotFound, NothingSaid, is_already_so
from .values import Row, address_of, id_of, named

if TYPE_CHECKING:
    from .client import Client

BLACKLISTED = frozenset({"blacklist", "blacklisted"})
GONE = frozenset({"unsubscribed", *BLACKLISTED, "deleted"})
"""The statuses in which nobody is mailed, so that there is nothing to unsubscribe."""


def leave(client: Client, list_id: str, email: str, deadline: Deadline) -> bool:
    """Unsubscribe the address from the list if it is there and mailed; says whether it is there, mailed or not."""
    try:
        found = [_status(row) for row in _found(client, list_id, email, deadline)]
    except NothingSaid:
        return _leave_unseen(client, list_id, email, deadline)
    except ProviderError as error:
        if error.kind is not Kind.CALLER or error.provider_code != NOK:
            raise
        # Its words are not among those known for "not there". Unsubscribing will tell, and does no harm.
        found = [""]
    if any(status not in GONE for status in found):
        _take_off(client, list_id, email, deadline)
    return any(status != "deleted" for status in found)


def _leave_unseen(client: Client, list_id: str, email: str, deadline: Deadline) -> bool:
    """Unsubscribe an address after a look-up with an empty answer: most likely nobody, perhaps a broken server.

    Whoever is not there cannot be unsubscribed, in whatever words that is said.
    """
    try:
        _take_off(client, list_id, email, deadline)
    except ProviderError as error:
        if error.kind not in (Kind.CALLER, Kind.CONTACT):
            raise
        return False
    return True


def come_back(client: Client, list_id: str, email: str, deadline: Deadline) -> None:
    """Make the address active on the list if it was unsubscribed there.

    Raises `ProviderError`: contact for one on the vendor's blacklist, which is not Relais' to undo; later where the
    answer does not say how the address stands.
    """
    try:
        rows = _found(client, list_id, email, deadline)
    except NothingSaid:
        return  # nobody: the signup that follows makes the address anew
    statuses = {_status(row) for row in rows}
    if statuses & BLACKLISTED:
        raise ProviderError(Kind.CONTACT, _BLACKLIST)
    if "" in statuses:
        raise ProviderError(Kind.LATER, "subscriber_by_address: the answer tells no status")
    for row in rows:
        if _status(row) == "unsubscribed":
            _activate(client, id_of(row), deadline)


def delete(client: Client, list_id: str, email: str, deadline: Deadline) -> None:
    """Delete the address from the list; it is as well if it is not there."""
    try:
        client.subscriber_delete_by_address(email, list_id, budget=deadline.left())
    except NotFound:
        return


_BLACKLIST = (
    "subscriber_by_address: the address is on the list's blacklist, which only somebody in myMailMarket can undo: set "
    "its status there, then send the event again with `resend`"
)


def _activate(client: Client, subscriber_id: str, deadline: Deadline) -> None:
    try:
        client.status_update(subscriber_id, "active", budget=deadline.left())
    except NotFound:
        # Deleted since it was looked up: the signup that follows makes it anew.
        return


def _take_off(client: Client, list_id: str, email: str, deadline: Deadline) -> None:
    try:
        client.unsubscribe_by_address(email, list_id, budget=deadline.left())
    except NotFound:
        return
    except ProviderError as error:
        if not is_already_so(error):
            raise


def _found(client: Client, list_id: str, email: str, deadline: Deadline) -> list[Row]:
    """The rows of the address on the list: none, or one, for all that is known. Raises NothingSaid, too."""
    try:
        found = client.subscriber_by_address(email, list_id, budget=deadline.left())
    except NotFound:
        return []
    rows = found if isinstance(found, list) else [found]
    # A FeedbackDTO in a row's place says that there is something and not what; WCF writes nobody as an object of nulls.
    return [row if isinstance(row, dict) else {} for row in rows if not isinstance(row, dict) or _is_somebody(row)]


def _is_somebody(row: Row) -> bool:
    return bool(id_of(row) or address_of(row))


def _status(row: Row) -> str:
    return text(named(row, "status")).strip().lower()
