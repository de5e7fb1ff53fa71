"""Makes and reads the links of confirmation mails: an event's id, sealed, and no address."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..config.secrets import Secret
from ..domain.errors import SecretUnavailable
from ..domain.ids import is_valid_id
from ..unsubscribe_links import tokens

PATH = "/confirm"
_APPENDED = re.compile(r"[^A-Za-z0-9_-]")


class ConfirmationLinks:
    """Makes links with the first key of `[unsubscribe]` and reads them with every key, under a purpose of their own.

    `random_bytes(n)` returns n bytes.
    """

    def __init__(self, keys: Sequence[Secret], public_url: str, random_bytes: Callable[[int], bytes]) -> None:
        self._keys = tuple(keys)
        self._public_url = public_url
        self._random_bytes = random_bytes

    def url(self, event_id: str) -> str:
        """Return a new link for a signup. Raises SecretUnavailable."""
        key, nonce = self._keys[0].reveal(), self._random_bytes(tokens.NONCE_BYTES)
        return f"{self._public_url}{PATH}/{tokens.seal(event_id, key, nonce, tokens.CONFIRM)}"

    def event_id(self, token: str) -> str | None:
        """Return the id in a token; None if it is not genuine. What a mail program appended is cut off.

        Raises SecretUnavailable when the token may be of a key that cannot be read now.
        """
        token = _APPENDED.split(token, maxsplit=1)[0]
        unreadable: SecretUnavailable | None = None
        for key in self._keys:
            try:
                found = tokens.unseal(token, key.reveal(), tokens.CONFIRM)
            except SecretUnavailable as error:
                unreadable = error
                continue
            if found is not None:
                return found if is_valid_id(found) else None
        if unreadable is not None:
            raise unreadable
        return None
