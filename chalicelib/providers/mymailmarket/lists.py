"""Lists (M3SubscribeGroup)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from ..functions import Limits, function
from . import answers
from .api import SECONDS, Api, Request
from .parameters import ListId, SiteId, filled_fields, id_part
from .session import encoded
from .values import Result


class Lists(Api):
    """The functions about lists."""

    @function(changes=False)
    def lists(self, site_id: SiteId = None, *, budget: float = SECONDS) -> Result:
        """The lists of a site."""
        return self._ask(Request("lists", "lists", self._site("lists", site_id)), answers.rows, budget)

    @function(changes=False)
    def list_get(self, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """One list."""
        path = f"list/{encoded(id_part(Limits('list_get'), 'list_id', list_id))}"
        return self._ask(Request("list_get", path), answers.row, budget)

    @function(changes=True)
    def list_persist(
        self,
        fields: Annotated[Mapping[str, Any], "fields of M3SubscribeGroup: Name, Description, ReplyTo …; Id to change"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Create a list, or change the one whose Id is given, and return its id."""
        body = filled_fields(Limits("list_persist"), fields)
        return self._ask(
            Request("list_persist", "list/persist", method="POST", body=body, changes=True), answers.done, budget
        )

    @function(changes=True)
    def list_delete(self, list_id: ListId, *, budget: float = SECONDS) -> Result:
        """Delete a list with everybody on it."""
        path = f"list/{encoded(id_part(Limits('list_delete'), 'list_id', list_id))}/delete"
        return self._ask(Request("list_delete", path, method="POST", changes=True), answers.done, budget)
