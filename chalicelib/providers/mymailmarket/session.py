"""Logs in to myMailMarket.

All five parts of the login, and then the session's key in every other call, travel in URLs, so no URL may reach a log
or an error. The key is a secret like the login itself and stays in memory.
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

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

LABEL = "session_create"
SECRETS = ("password", "api_key", "shared_secret")
_COMPARE = (
    "Compare the account's username, password, site, api_key and shared_secret with those of the Mailpartners account "
    "(the last two are under its link API): all five are needed to log in, and the answer does not say which is wrong."
)
HEADERS: Mapping[str, str] = {"Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Session:
    """An open session: its key, and the secrets to mask in the provider's messages while it lasts."""

    key: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Credentials:
    """The path of the login, each part percent-encoded by itself, and the secrets in it."""

    path: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def encoded(value: str) -> str:
    """Percent-encodes a value as one part of a path or of a query: slashes, spaces and non-ASCII letters too."""
    return quote(value, safe="", errors="replace")


class Login:
    """The login of one account. Thread-safe; holds no session."""

    def __init__(self, account: Account, transport: Transport, base: str) -> None:
        self._account = account
        self._transport = transport
        self._base = base

    def open(self, deadline: Deadline, *, fresh: bool) -> Session:
        """Logs in, with secrets read again if `fresh`; after a refusal once more, if the secrets have changed.

        Raises `ProviderError` of kind account or later, never unknown.
        """
        credentials = self._credentials(fresh)
        try:
            return self._log_in(credentials, deadline.left())
        except KeyRefused as error:
            refused = error
        newer = credentials if fresh else self._credentials(True)
        if newer == credentials:
            raise refused
        return self._log_in(newer, deadline.left())

    def _credentials(self, fresh: bool) -> _Credentials:
        options, secrets = self._account.options, [self._account.reveal(name, fresh=fresh) for name in SECRETS]
        password, api_key, shared_secret = secrets
        digest = hashlib.md5(password.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
        parts = (str(options["username"]), digest, str(options["site"]), api_key, shared_secret)
        return _Credentials("/".join(encoded(part) for part in parts), (*secrets, digest))

    def _log_in(self, credentials: _Credentials, budget: float) -> Session:
        call = Call(
            account=self._account.name,
            label=LABEL,
            method="GET",
            url=f"{self._base}/session/create/{credentials.path}",
            # An additional session changes nothing that matters: a lost answer is no unknown outcome.
            changes=False,
            budget=budget,
            headers=HEADERS,
            max_bytes=MEGABYTE,
        )
        key = self._transport.exchange(call, lambda answer: _key(answer, credentials.secrets))
        from ...observability import hide

        hide(key)
        return Session(key, (*credentials.secrets, key))


def _key(answer: Answer, secrets: tuple[str, ...]) -> str:
    """Reads the key of the new session. The call contains no event data, so a refusal is always the account's."""
    try:
        key = answers.read(answer, lambda _: None, refused_as=Kind.ACCOUNT, secrets=secrets)
    except answers.NotFound as error:
        elsewhere = error.provider_code == "404"
        message = f"{error.message}; check the account's base_url" if elsewhere else error.message
        remedy = answer.call.check_address if elsewhere else _COMPARE
        refused = ProviderError(Kind.ACCOUNT, message, provider_code=error.provider_code, remedy=remedy)
    except answers.EmptyAnswer as error:
        # Of another class: callers take an empty answer to their own call for an address that is not there.
        refused = ProviderError(error.kind, error.message, retry_after=error.retry_after)
    except KeyRefused as error:
        refused = KeyRefused(error.message, provider_code=error.provider_code, remedy=_COMPARE)
    except ProviderError as error:
        if error.kind is not Kind.ACCOUNT:
            raise
        # A message about the user, the password or the site, or status 400: the login is wrong.
        refused = KeyRefused(error.message, provider_code=error.provider_code, remedy=_COMPARE)
    else:
        if isinstance(key, str):
            return key
        raise answer.unusable("the answer holds no session key")
    raise refused
