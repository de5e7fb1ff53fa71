"""Users (M3User) and templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from ..functions import Limits, function
from . import answers
from .api import SECONDS, Api, Request
from .parameters import SiteId, filled_fields, id_part
from .session import encoded
from .values import Result


class Users(Api):
    """The functions about users and templates. Users come with their passwords, which are masked in what is shown."""

    @function(changes=True)
    def user_persist(
        self,
        fields: Annotated[Mapping[str, Any], "fields of M3User: UserName, UserPass, EmailAddress …; UserId to change"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Create a user, or change the one whose UserId is given, and return the id."""
        body = filled_fields(Limits("user_persist"), fields)
        return self._ask(
            Request("user_persist", "users/persist", method="POST", body=body, changes=True), answers.done, budget
        )

    @function(changes=False)
    def user(self, user_id: Annotated[str, "id of the user"], *, budget: float = SECONDS) -> Result:
        """One user by id."""
        query = {"id": Limits("user").text("user_id", user_id)}
        return self._ask(Request("user", "user", query), answers.row, budget)

    @function(changes=False)
    def user_by_name(
        self,
        username: Annotated[str, "name of the user"],
        site_name: Annotated[str, "name of the user's site"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """One user by name and site."""
        limits = Limits("user_by_name")
        query = {"username": limits.text("username", username), "sitename": limits.text("site_name", site_name)}
        return self._ask(Request("user_by_name", "user", query), answers.row, budget)

    @function(changes=False)
    def templates(self, site_id: SiteId = None, *, budget: float = SECONDS) -> Result:
        """The templates of a site."""
        return self._ask(Request("templates", "templates", self._site("templates", site_id)), answers.rows, budget)

    @function(changes=False)
    def template(
        self, template_id: Annotated[str, "id of the template, from templates"], *, budget: float = SECONDS
    ) -> Result:
        """One template."""
        path = f"template/{encoded(id_part(Limits('template'), 'template_id', template_id))}"
        return self._ask(Request("template", path), answers.row, budget)
