"""Unsubscribing, and who unsubscribed."""

from __future__ import annotations

from typing import Annotated

from ...domain.errors import Kind
from ..functions import Limits, function
from . import answers
from .api import SECONDS, Api, Request
from .parameters import Address, CampaignId, ListId, PageSize, StartIndex, SubscriberId, address, id_part, page
from .session import encoded
from .values import Result

LONGEST_GSM = 11


class Unsubscribing(Api):
    """The functions about unsubscribes. All the vendor's calls are GETs."""

    @function(changes=True)
    def unsubscribe(self, subscriber_id: SubscriberId, *, budget: float = SECONDS) -> Result:
        """Unsubscribe a subscriber by id."""
        path = f"unsubscribe/{encoded(id_part(Limits('unsubscribe'), 'subscriber_id', subscriber_id))}/"
        return self._ask(Request("unsubscribe", path, changes=True), answers.done, budget)

    @function(changes=True)
    def unsubscribe_by_address(self, email: Address, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """Unsubscribe an address from one list."""
        limits = Limits("unsubscribe_by_address")
        query = {"address": address(limits, "email", email), "groupid": limits.text("list_id", list_id)}
        request = Request("unsubscribe_by_address", "unsubscribe/", query, changes=True, refused_as=Kind.CONTACT)
        return self._ask(request, answers.done, budget)

    @function(changes=True)
    def unsubscribe_by_mobile(
        self,
        mobile: Annotated[str, f"the telephone number, at most {LONGEST_GSM} characters"],
        list_id: ListId,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Unsubscribe a telephone number from one list."""
        limits = Limits("unsubscribe_by_mobile")
        query = {"gsm": limits.text("mobile", mobile, LONGEST_GSM), "groupid": limits.text("list_id", list_id)}
        return self._ask(
            Request("unsubscribe_by_mobile", "unsubscribe/mobile/", query, changes=True), answers.done, budget
        )

    @function(changes=False)
    def campaign_unsubscribes(
        self,
        campaign_id: CampaignId,
        start_index: StartIndex = None,
        page_size: PageSize = None,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """A page of those who left through a campaign."""
        limits = Limits("campaign_unsubscribes")
        path = f"unsubscribes/campaign/{encoded(id_part(limits, 'campaign_id', campaign_id))}/"
        query = page(limits, start_index, page_size)
        return self._ask(Request("campaign_unsubscribes", path, query), answers.rows, budget)
