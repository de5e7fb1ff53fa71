"""Calls the functions about lists (M3SubscribeGroup), subscribers (M3Subscriber) and profiles (M3SubscriberProfile).

One subscriber is one address on one list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from ...domain.errors import Kind
from ..functions import Limits, function
from . import answers
from .api import (
    MAX_ADDRESS,
    SECONDS,
    STATUSES,
    Address,
    Api,
    CampaignId,
    ListId,
    PageSize,
    SiteId,
    StartIndex,
    filled_fields,
    one_of,
    page,
    path_id,
)
from .rows import Result
from .session import encoded

MAX_MOBILE = 15
MAX_GSM = 11

SubscriberId = Annotated[str, "id of the subscriber, from subscribers"]
Status = Annotated[str, f"one of: {', '.join(STATUSES)}"]
_MAX_ADDRESS_HELP = f"at most {MAX_ADDRESS} characters"


class ContactFunctions(Api):
    """The functions about lists and those on them."""

    @function(changes=False)
    def lists(self, site_id: SiteId = None, *, budget: float = SECONDS) -> Result:
        """The lists of a site."""
        return self._ask("lists", "lists", self._site("lists", site_id), budget, expect=answers.rows)

    @function(changes=False)
    def list_get(self, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """One list."""
        path = f"list/{path_id(Limits('list_get'), 'list_id', list_id)}"
        return self._ask("list_get", path, {}, budget, expect=answers.row)

    @function(changes=True)
    def list_persist(
        self,
        fields: Annotated[Mapping[str, Any], "fields of M3SubscribeGroup: Name, Description, ReplyTo …; Id to change"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Create a list, or change the one whose Id is given, and return its id."""
        body = filled_fields(Limits("list_persist"), fields)
        return self._ask("list_persist", "list/persist", {}, budget, body=body)

    @function(changes=True)
    def list_delete(self, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """Delete a list with everybody on it."""
        path = f"list/{path_id(Limits('list_delete'), 'list_id', list_id)}/delete"
        return self._ask("list_delete", path, {}, budget, post=True)

    @function(changes=False)
    def subscriber(self, subscriber_id: SubscriberId, *, budget: float = SECONDS) -> Result:
        """One subscriber by id."""
        query = {"subscriber": Limits("subscriber").text("subscriber_id", subscriber_id)}
        return self._ask("subscriber", "Subscriber", query, budget, expect=answers.row)

    @function(changes=False)
    def subscriber_by_address(self, email: Address, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """One subscriber by address and list."""
        query = _address_on_list("subscriber_by_address", email, list_id, "emailaddress", "list")
        return self._ask("subscriber_by_address", "Subscriber", query, budget, expect=answers.row, may_be_absent=True)

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
        path = f"subscribers/group/{path_id(limits, 'list_id', list_id)}/"
        return self._ask("subscribers", path, page(limits, start_index, page_size), budget, expect=answers.rows)

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
        path = f"subscribers/group/{path_id(limits, 'list_id', list_id)}/status/{state}/"
        query = page(limits, start_index, page_size)
        return self._ask("subscribers_in_status", path, query, budget, expect=answers.rows)

    @function(changes=False)
    def profile(self, subscriber_id: SubscriberId, *, budget: float = SECONDS) -> Result:
        """A subscriber's profile by id."""
        path = f"subscriberprofile/{path_id(Limits('profile'), 'subscriber_id', subscriber_id)}/"
        return self._ask("profile", path, {}, budget, expect=answers.row)

    @function(changes=False)
    def profile_by_address(self, email: Address, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """A subscriber's profile by address and list."""
        query = _address_on_list("profile_by_address", email, list_id, "emailaddress", "list")
        return self._ask(
            "profile_by_address", "Subscriberprofile", query, budget, expect=answers.row, may_be_absent=True
        )

    @function(changes=True)
    def subscriber_persist(
        self,
        fields: Annotated[Mapping[str, Any], "fields of M3Subscriber: MailAddress, Groepid (the list), Language …"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Create a subscriber, or change the one whose id is given, and return the id."""
        body = filled_fields(Limits("subscriber_persist"), fields)
        return self._ask("subscriber_persist", "subscriber/persist", {}, budget, body=body, refused_as=Kind.CONTACT)

    @function(changes=True)
    def profile_persist(
        self,
        fields: Annotated[
            Mapping[str, Any], "fields of M3SubscriberProfile: MailAddress, Groepid (the list), the profile's own"
        ],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Add an address to a list; if it is already there, change only its profile."""
        body = filled_fields(Limits("profile_persist"), fields)
        return self._ask("profile_persist", "subscriberprofile/persist", {}, budget, body=body, refused_as=Kind.CONTACT)

    @function(changes=True)
    def address_update(
        self,
        old_email: Annotated[str, f"the present address, {_MAX_ADDRESS_HELP}"],
        new_email: Annotated[str, f"the new address, {_MAX_ADDRESS_HELP}"],
        list_id: ListId,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Change a subscriber's address; fails if the new one is already on the list."""
        limits = Limits("address_update")
        query = {
            "oldemail": limits.address("old_email", old_email, MAX_ADDRESS),
            "newemail": limits.address("new_email", new_email, MAX_ADDRESS),
            "group": limits.text("list_id", list_id),
        }
        return self._ask("address_update", "subscriber/address/update", query, budget)

    @function(changes=True)
    def status_update(self, subscriber_id: SubscriberId, status: Status, *, budget: float = SECONDS) -> Result:
        """Set a subscriber's status, also back to active."""
        limits = Limits("status_update")
        state = encoded(one_of(limits, "status", status, STATUSES))
        path = f"subscriber/{path_id(limits, 'subscriber_id', subscriber_id)}/status/{state}/"
        return self._ask("status_update", path, {}, budget)

    @function(changes=True)
    def subscriber_delete(self, subscriber_id: SubscriberId, *, budget: float = SECONDS) -> Result:
        """Delete a subscriber by id."""
        path = f"subscriber/{path_id(Limits('subscriber_delete'), 'subscriber_id', subscriber_id)}/delete"
        return self._ask("subscriber_delete", path, {}, budget)

    @function(changes=True)
    def subscriber_delete_by_address(self, email: Address, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """Delete a subscriber by address and list."""
        limits = Limits("subscriber_delete_by_address")
        path = f"subscriber/address/{encoded(limits.address('email', email, MAX_ADDRESS))}/delete"
        query = {"list": limits.text("list_id", list_id)}
        return self._ask(limits.function, path, query, budget, may_be_absent=True)

    @function(changes=True)
    def subscriber_delete_by_mobile(
        self,
        mobile: Annotated[str, f"the telephone number, at most {MAX_MOBILE} characters"],
        list_id: ListId,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Delete a subscriber by telephone number and list."""
        limits = Limits("subscriber_delete_by_mobile")
        number = limits.text("mobile", mobile, MAX_MOBILE)
        limits.require(any(char.isdigit() for char in number), "mobile must be a telephone number")
        path = f"subscriber/mobile/{encoded(number)}/delete"
        return self._ask(limits.function, path, {"list": limits.text("list_id", list_id)}, budget)

    @function(changes=True)
    def unsubscribe(self, subscriber_id: SubscriberId, *, budget: float = SECONDS) -> Result:
        """Unsubscribe a subscriber by id."""
        path = f"unsubscribe/{path_id(Limits('unsubscribe'), 'subscriber_id', subscriber_id)}/"
        return self._ask("unsubscribe", path, {}, budget)

    @function(changes=True)
    def unsubscribe_by_address(self, email: Address, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """Unsubscribe an address from one list."""
        query = _address_on_list("unsubscribe_by_address", email, list_id, "address", "groupid")
        return self._ask(
            "unsubscribe_by_address", "unsubscribe/", query, budget, refused_as=Kind.CONTACT, may_be_absent=True
        )

    @function(changes=True)
    def unsubscribe_by_mobile(
        self,
        mobile: Annotated[str, f"the telephone number, at most {MAX_GSM} characters"],
        list_id: ListId,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Unsubscribe a telephone number from one list."""
        limits = Limits("unsubscribe_by_mobile")
        query = {"gsm": limits.text("mobile", mobile, MAX_GSM), "groupid": limits.text("list_id", list_id)}
        return self._ask("unsubscribe_by_mobile", "unsubscribe/mobile/", query, budget)

    @function(changes=False)
    def campaign_unsubscribes(
        self,
        campaign_id: CampaignId,
        start_index: StartIndex = None,
        page_size: PageSize = None,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """A page of the people who unsubscribed through a campaign."""
        limits = Limits("campaign_unsubscribes")
        path = f"unsubscribes/campaign/{path_id(limits, 'campaign_id', campaign_id)}/"
        query = page(limits, start_index, page_size)
        return self._ask("campaign_unsubscribes", path, query, budget, expect=answers.rows)


def _address_on_list(label: str, email: str, list_id: str, email_key: str, list_key: str) -> dict[str, str]:
    limits = Limits(label)
    return {email_key: limits.address("email", email, MAX_ADDRESS), list_key: limits.text("list_id", list_id)}
