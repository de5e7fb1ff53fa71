"""Autoresponders (M3Autoresponder) and their triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from ..functions import Limits, function
from . import answers
from .api import SECONDS, Api, Request
from .parameters import Address, AutoresponderId, SiteId, address, id_part
from .session import encoded
from .values import Result

LONGEST_REFERENCE = 100
LONGEST_TO = 100
LONGEST_CUSTOM_DATA = 255


class Autoresponders(Api):
    """The functions about autoresponders."""

    @function(changes=False)
    def autoresponders(self, site_id: SiteId = None, *, budget: float = SECONDS) -> Result:
        """The autoresponders of a site."""
        query = self._site("autoresponders", site_id)
        return self._ask(Request("autoresponders", "Autoresponders", query), answers.rows, budget)

    @function(changes=True)
    def trigger_link(
        self,
        autoresponder_id: AutoresponderId,
        email: Address,
        reference: Annotated[str | None, f"a word of one's own, at most {LONGEST_REFERENCE} characters"] = None,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Link an address to an autoresponder and return the link's id."""
        limits = Limits("trigger_link")
        path = f"subscriber/trigger/{encoded(id_part(limits, 'autoresponder_id', autoresponder_id))}/create"
        word = limits.text("reference", reference, LONGEST_REFERENCE) if reference else ""
        query = {"email": address(limits, "email", email), "reference": word}
        return self._ask(Request("trigger_link", path, query, changes=True), answers.done, budget)

    @function(changes=True)
    def trigger_unlink(
        self, link_id: Annotated[str, "id of the link, from trigger_link"], *, budget: float = SECONDS
    ) -> Result:
        """Undo a link between an address and an autoresponder."""
        query = {"autosubcrid": Limits("trigger_unlink").text("link_id", link_id)}
        return self._ask(
            Request("trigger_unlink", "subscriber/trigger/remove", query, changes=True), answers.done, budget
        )

    @function(changes=True)
    def trigger_send(
        self,
        autoresponder_id: AutoresponderId,
        to: Annotated[str, f"one e-mail address, at most {LONGEST_TO} characters"],
        custom_data: Annotated[
            Mapping[str, Any] | None, "tag -> value, for the mail's merge fields; no | in either"
        ] = None,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Send an autoresponder to one address now."""
        limits = Limits("trigger_send")
        query = {
            "id": limits.text("autoresponder_id", autoresponder_id),
            "to": address(limits, "to", to, LONGEST_TO),
            "customdata": _custom_data(limits, custom_data or {}),
        }
        request = Request("trigger_send", "autoresponder/sendtrigger", query, method="POST", changes=True)
        return self._ask(request, answers.done, budget)


def _custom_data(limits: Limits, given: Mapping[str, Any]) -> str:
    """`tag|value|tag|value`. There is no way to write a | within one."""
    values = [part for pair in given.items() for part in pair]
    plain = all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in values)
    limits.require(plain, "custom_data must hold texts and numbers only")
    parts = [str(part) for part in values]
    limits.require(all(tag.strip() for tag in parts[::2]), "custom_data must not hold an empty tag")
    limits.require(not any("|" in part for part in parts), "custom_data must not hold a | in a tag or a value")
    joined = "|".join(parts)
    limits.require(
        len(joined) <= LONGEST_CUSTOM_DATA,
        f"custom_data must have at most {LONGEST_CUSTOM_DATA} characters, written as tag|value|tag|value",
    )
    return joined
