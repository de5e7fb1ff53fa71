"""Subscribers (M3Subscriber) and their profiles (M3SubscriberProfile). One subscriber is one address on one list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from ...domain.errors import Kind
from ..functions import Limits, function
from . import answers
from .api import SECONDS, Api, Request
from .parameters import (
    LONGEST_ADDRESS,
    STATUSES,
    Address,
    ListId,
    PageSize,
    StartIndex,
    Status,
    SubscriberId,
    address,
    filled_fields,
    id_part,
    one_of,
    page,
)
from .session import encoded
from .values import Result

LONGEST_MOBILE = 15


class Subscribers(Api):
    """The functions about subscribers."""

    @function(changes=False)
    def subscriber(self, subscriber_id: SubscriberId, *, budget: float = SECONDS) -> Result:
        """One subscriber by id."""
        query = {"subscriber": Limits("subscriber").text("subscriber_id", subscriber_id)}
        return self._ask(Request("subscriber", "Subscriber", query), answers.row, budget)

    @function(changes=False)
    def subscriber_by_address(self, email: Address, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """One subscriber by address and list."""
        query = _address_on_list("subscriber_by_address", email, list_id)
        return self._ask(Request("subscriber_by_address", "Subscriber", query), answers.row, budget)

    @function(changes=False)
    def subscribers(
        self,
        list_id: ListId,
        start_index: StartIndex = None,
        page_size: PageSize = None,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """A page of a list's subscribers."""
        limits = Limits("subscribers")
        path = f"subscribers/group/{encoded(id_part(limits, 'list_id', list_id))}/"
        return self._ask(Request("subscribers", path, page(limits, start_index, page_size)), answers.rows, budget)

    @function(changes=False)
    def subscribers_in_status(
        self,
        list_id: ListId,
        status: Status,
        start_index: StartIndex = None,
        page_size: PageSize = None,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """A page of a list's subscribers in one status; bounces are read by the status bounced."""
        limits = Limits("subscribers_in_status")
        state = encoded(one_of(limits, "status", status, STATUSES))
        path = f"subscribers/group/{encoded(id_part(limits, 'list_id', list_id))}/status/{state}/"
        query = page(limits, start_index, page_size)
        return self._ask(Request("subscribers_in_status", path, query), answers.rows, budget)

    @function(changes=False)
    def profile(self, subscriber_id: SubscriberId, *, budget: float = SECONDS) -> Result:
        """A subscriber's profile by id."""
        path = f"subscriberprofile/{encoded(id_part(Limits('profile'), 'subscriber_id', subscriber_id))}/"
        return self._ask(Request("profile", path), answers.row, budget)

    @function(changes=False)
    def profile_by_address(self, email: Address, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """A subscriber's profile by address and list."""
        query = _address_on_list("profile_by_address", email, list_id)
        return self._ask(Request("profile_by_address", "Subscriberprofile", query), answers.row, budget)

    @function(changes=True)
    def subscriber_persist(
        self,
        fields: Annotated[Mapping[str, Any], "fields of M3Subscriber: MailAddress, Groepid (the list), Language …"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Create a subscriber, or change the one whose id is given, and return the id."""
        return self._persist("subscriber_persist", "subscriber/persist", fields, budget)

    @function(changes=True)
    def profile_persist(
        self,
        fields: Annotated[
            Mapping[str, Any], "fields of M3SubscriberProfile: MailAddress, Groepid (the list), the profile's own"
        ],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Put an address on a list; of one that is there already only the profile is changed."""
        return self._persist("profile_persist", "subscriberprofile/persist", fields, budget)

    @function(changes=True)
    def address_update(
        self,
        old_email: Annotated[str, "the address as it is, at most 255 characters"],
        new_email: Annotated[str, "the address as it shall be, at most 255 characters"],
        list_id: ListId,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Change a subscriber's address; fails if the new one is on the list already."""
        limits = Limits("address_update")
        query = {
            "oldemail": address(limits, "old_email", old_email),
            "newemail": address(limits, "new_email", new_email),
            "group": limits.text("list_id", list_id),
        }
        return self._ask(
            Request("address_update", "subscriber/address/update", query, changes=True), answers.done, budget
        )

    @function(changes=True)
    def status_update(self, subscriber_id: SubscriberId, status: Status, *, budget: float = SECONDS) -> Result:
        """Put a subscriber into a status, also back to active."""
        limits = Limits("status_update")
        state = encoded(one_of(limits, "status", status, STATUSES))
        path = f"subscriber/{encoded(id_part(limits, 'subscriber_id', subscriber_id))}/status/{state}/"
        return self._ask(Request("status_update", path, changes=True), answers.done, budget)

    @function(changes=True)
    def subscriber_delete(self, subscriber_id: SubscriberId, *, budget: float = SECONDS) -> Result:
        """Delete a subscriber by id."""
        path = f"subscriber/{encoded(id_part(Limits('subscriber_delete'), 'subscriber_id', subscriber_id))}/delete"
        return self._ask(Request("subscriber_delete", path, changes=True), answers.done, budget)

    @function(changes=True)
    def subscriber_delete_by_address(self, email: Address, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """Delete a subscriber by address and list."""
        limits = Limits("subscriber_delete_by_address")
        path = f"subscriber/address/{encoded(address(limits, 'email', email))}/delete"
        query = {"list": limits.text("list_id", list_id)}
        return self._ask(Request("subscriber_delete_by_address", path, query, changes=True), answers.done, budget)

    @function(changes=True)
    def subscriber_delete_by_mobile(
        self,
        mobile: Annotated[str, f"the telephone number, at most {LONGEST_MOBILE} characters"],
        list_id: ListId,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Delete a subscriber by telephone number and list."""
        limits = Limits("subscriber_delete_by_mobile")
        number = limits.text("mobile", mobile, LONGEST_MOBILE)
        limits.require(any(char.isdigit() for char in number), "mobile must be a telephone number")
        query = {"list": limits.text("list_id", list_id)}
        path = f"subscriber/mobile/{encoded(number)}/delete"
        return self._ask(Request("subscriber_delete_by_mobile", path, query, changes=True), answers.done, budget)

    def _persist(self, label: str, path: str, fields: Mapping[str, Any], budget: float) -> Result:
        body = filled_fields(Limits(label), fields)
        request = Request(label, path, method="POST", body=body, changes=True, refused_as=Kind.CONTACT)
        return self._ask(request, answers.done, budget)


def _address_on_list(label: str, email: str, list_id: str) -> dict[str, str]:
    limits = Limits(label)
    return {
        "emailaddress": address(limits, "email", email, LONGEST_ADDRESS),
        "list": limits.text("list_id", list_id),
    }
