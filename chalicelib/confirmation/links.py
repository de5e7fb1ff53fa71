"""Makes and reads the links of confirmation mails: an event's id, sealed, and no address."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..config.secrets import Secret
from ..domain.ids import is_valid_id
from ..unsubscribe_links import tokens

PATH = "/confirm"


class ConfirmationLinks:
    """Makes links with the first key of `[unsubscribe]` and reads them with every key, under a purpose of their own.

    `random_bytes(n)` returns n bytes.
    """

    def __init__(self, keys: Sequence[Secret], public_url: str, random_bytes: Callable[[int], bytes]) -> None:
        self._keys = tuple(keys)
        self._public_url = public_url
        self._random_bytes = random_bytes

    def url(self, event_id: str) -> str:
        """Returns a new link for a signup. Raises SecretUnavailable."""
        key, nonce = self._keys[0].reveal(), self._random_bytes(tokens.NONCE_BYTES)
        return f"{self._public_url}{PATH}/{tokens.seal(event_id, key, nonce, tokens.CONFIRM)}"

    def event_id(self, token: str) -> str | None:
        """Returns the id in a token; None if it is not genuine. Text that a mail program appended is cut off.

        Raises SecretUnavailable as `tokens.read_link`.
        """
        found = tokens.read_link(token, self._keys, tokens.CONFIRM)
        return found if found is not None and is_valid_id(found) else None
