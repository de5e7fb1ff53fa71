"""myMailMarket's session: made when first needed, kept between warm invocations, renewed in good time.

All five parts of the login, and then the session's key in every other call, travel in URLs; nothing here lets one near
a log or an error. The key counts as a secret like the login itself, and is kept in memory only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...domain.errors import Kind, ProviderError
from ..transport.exchange import MEGABYTE, Answer, Call, Deadline, KeyRefused
from . import answers
from .kept import Clocks, Kept, Made, both_clocks

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

LABEL = "session_create"
SECRETS = ("password", "api_key", "shared_secret")
RENEWED_AFTER = 110 * 60.0
"""Seconds. The vendor ends a session after two hours; no call that takes minutes may live to see that."""
HEADERS: Mapping[str, str] = {"Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Login:
    """The five parts of the login, in the order of the URL; the password as its MD5."""

    username: str
    password_md5: str
    site: str
    api_key: str
    shared_secret: str
    secrets: tuple[str, ...] = field(repr=False)
    """What must be taken out of the provider's words."""

    def __repr__(self) -> str:
        return "Login(…)"

    def path(self) -> str:
        """The path of the call that makes a session, each part percent-encoded by itself."""
        parts = (self.username, self.password_md5, self.site, self.api_key, self.shared_secret)
        return "/".join(("session", "create", *(encoded(part) for part in parts)))


@dataclass(frozen=True, slots=True)
class Opened:
    """A session: its key, and all that must be taken out of the provider's words while it lasts."""

    key: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def encoded(value: str) -> str:
    """A value as one part of a path or of a query, whatever it holds: slashes, spaces and letters beyond ASCII too."""
    return quote(value, safe="", errors="replace")


class Session:
    """The session of one account. Safe to use from several threads."""

    def __init__(self, account: Account, transport: Transport, base: str, clocks: Clocks = both_clocks) -> None:
        self._account = account
        self._transport = transport
        self._base = base
        self._kept: Kept[Opened] = Kept(LABEL, self._create, seconds=RENEWED_AFTER, clocks=clocks)

    def current(self, deadline: Deadline) -> Made[Opened]:
        """A session that is good now. Raises `ProviderError` of kind account or later, never unknown."""
        return self._kept.get(deadline)

    def instead_of(self, refused: Made[Opened], deadline: Deadline) -> Made[Opened]:
        """Another session than `refused`; made with secrets read afresh, unless another thread has made one already."""
        return self._kept.anew(refused, deadline)

    def _create(self, fresh: bool, deadline: Deadline) -> Opened:
        """Log in; after a refusal once more, if the secrets, read afresh, are others now."""
        login = self._login(fresh)
        try:
            return self._log_in(login, deadline.left())
        except KeyRefused as error:
            refused = error
        newer = login if fresh else self._login(True)
        if newer == login:
            raise refused
        return self._log_in(newer, deadline.left())

    def _login(self, fresh: bool) -> Login:
        options, secrets = self._account.options, [self._account.reveal(name, fresh=fresh) for name in SECRETS]
        password, api_key, shared_secret = secrets
        digest = hashlib.md5(password.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
        return Login(str(options["username"]), digest, str(options["site"]), api_key, shared_secret, (*secrets, digest))

    def _log_in(self, login: Login, budget: float) -> Opened:
        call = Call(
            account=self._account.name,
            label=LABEL,
            method="GET",
            url=f"{self._base}/{login.path()}",
            # A session more or less changes nothing that matters: a lost answer leaves no outcome unknown.
            changes=False,
            budget=budget,
            headers=HEADERS,
            max_bytes=MEGABYTE,
        )
        key = self._transport.exchange(call, lambda answer: _key(answer, login.secrets))
        from ...observability import hide

        hide(key)
        return Opened(key, (*login.secrets, key))


def _key(answer: Answer, secrets: tuple[str, ...]) -> str:
    """The key of the new session. Nothing that an event holds is in this call: no refusal of it is laid at its door."""
    try:
        key = answers.read(answer, lambda _: None, refused_as=Kind.ACCOUNT, secrets=secrets)
    except answers.NotFound as error:
        message = f"{error.message}; check the account's base_url" if error.provider_code == "404" else error.message
        refused = ProviderError(Kind.ACCOUNT, message, provider_code=error.provider_code)
    except answers.NothingSaid as error:
        # Not as itself: of the call that this session is for, an empty answer may mean that somebody is not there.
        refused = ProviderError(error.kind, error.message, retry_after=error.retry_after)
    except KeyRefused:
        raise
    except ProviderError as error:
        if error.kind is not Kind.ACCOUNT:
            raise
        # Words about the user, the password or the site, or status 400: the login is wrong in some way.
        refused = KeyRefused(error.message, provider_code=error.provider_code)
    else:
        if isinstance(key, str):
            return key
        raise answer.unusable("the answer holds no session key")
    raise refused
