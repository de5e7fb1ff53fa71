"""Sessions end by logging out, by time and by a changed admin key; a forged cookie starts none."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.effects import Effects
from chalicelib.web.http_messages import Request
from chalicelib.web.problems import HttpProblem
from chalicelib.web.session import Session, Sessions, refuse_other_sites, require_csrf
from tests.web.surroundings import ADMIN_KEY, NOW, make_settings


@dataclass
class Stage:
    """The services of a stage, as far as sessions use them."""

    key: str = ADMIN_KEY
    now: datetime = NOW
    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @property
    def sessions(self) -> Sessions:
        services: Any = SimpleNamespace(
            settings=make_settings(admin_key=Secret.plain(self.key)),
            effects=Effects(clock=lambda: self.now),
            table=SimpleNamespace(get=self.items.get, update=self.put),
        )
        return Sessions(services)

    def put(self, key: tuple[str, str], _: str, values: dict[str, Any]) -> None:
        self.items[key] = values

    def log_in(self) -> str:
        return str(SimpleCookie(self.sessions.start(Request("POST")))["relais_session"].value)

    def session(self, token: str) -> Session | None:
        return self.sessions.current(Request("GET", {"cookie": f"other=1; relais_session={token}"}))


def test_a_session_lasts_twelve_hours() -> None:
    stage = Stage()
    token = stage.log_in()
    stage.now += timedelta(hours=12, seconds=-2)
    assert stage.session(token) is not None
    stage.now += timedelta(seconds=2)
    assert stage.session(token) is None


def test_a_changed_admin_key_ends_every_session() -> None:
    stage = Stage()
    token = stage.log_in()
    stage.key = "another-placeholder-key-of-32-characters"
    assert stage.session(token) is None


def test_logging_out_ends_every_copy_of_the_cookie_and_no_other_session() -> None:
    stage = Stage()
    ended, other = stage.log_in(), stage.log_in()
    session = stage.session(ended)
    assert session is not None
    deleted = SimpleCookie(stage.sessions.end(Request("POST"), session))["relais_session"]
    assert (deleted.value, deleted["max-age"]) == ("", "0")
    assert stage.session(ended) is None
    assert stage.session(other) is not None
    assert [item["expires"] for item in stage.items.values()] == [int((NOW + timedelta(hours=13)).timestamp())]


def test_a_forged_cookie_is_no_session() -> None:
    stage = Stage()
    token = stage.log_in()
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    changed = [raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in range(len(raw))]
    forged = [urlsafe_b64encode(each).decode() for each in (*changed, raw[:-1], raw + b"x", b"", b"x" * 56)]
    assert [each for each in (*forged, "ä", "a", "%", token + ";") if stage.session(each)] == [token + ";"]


def test_one_session_of_several_cookies_is_enough() -> None:
    stage = Stage()
    token = stage.log_in()
    assert stage.sessions.current(Request("GET", {"cookie": f"relais_session=old, relais_session={token}"}))


def test_the_cookie_is_for_this_site_alone() -> None:
    cookie = Stage().sessions.start(Request("POST", {"x-forwarded-proto": "https"}, base_path="/api"))
    assert cookie.partition("; ")[2] == "Path=/api; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"
    assert "Secure" not in Stage().sessions.start(Request("POST", {"x-forwarded-proto": "http"}))


def test_a_form_needs_the_token_of_its_own_session() -> None:
    stage = Stage()
    one, other = stage.session(stage.log_in()), stage.session(stage.log_in())
    assert one is not None
    assert other is not None
    require_csrf(one, one.csrf)
    for given in (other.csrf, "", one.csrf[:-1], "ä" * 64, "\ud800"):
        with pytest.raises(HttpProblem) as refused:
            require_csrf(one, given)
        assert refused.value.status == 403
    assert one.mark != other.mark
    assert one.mark not in one.id


@pytest.mark.parametrize(("site", "passes"), [("same-origin", True), ("none", True), ("cross-site", False)])
def test_another_sites_request_is_refused(site: str, passes: bool) -> None:
    refuse_other_sites(Request("POST"))
    if passes:
        refuse_other_sites(Request("POST", {"sec-fetch-site": site}))
    else:
        with pytest.raises(HttpProblem):
            refuse_other_sites(Request("POST", {"sec-fetch-site": site}))
