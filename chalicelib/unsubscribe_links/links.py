"""Unsubscribe links under the configured keys: the first key makes them, every key recognises them, none expires."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..config.secrets import Secret
from ..domain.errors import SecretUnavailable
from ..domain.validation import trimmed, unsubscribe_mistake
from . import tokens

PATH = "/unsubscribe"


class Links:
    """Makes and reads them. `public_url` is where the world reaches Relais; `random_bytes(n)` gives n of them."""

    def __init__(self, keys: Sequence[Secret], public_url: str, random_bytes: Callable[[int], bytes]) -> None:
        self._keys = tuple(keys)
        self._public_url = public_url
        self._random_bytes = random_bytes

    def url(self, email: str) -> str:
        """A link for this address, another one each time. Raises SecretUnavailable.

        The configuration sees to it that whoever asks for links has a key and a `public_url`.
        """
        token = tokens.seal(trimmed(email), self._keys[0].reveal(), self._random_bytes(tokens.NONCE_BYTES))
        return f"{self._public_url}{PATH}/{token}"

    def address(self, token: str) -> str | None:
        """Whose link it is, None if it is not genuine or holds no address that could be taken off.

        Raises SecretUnavailable when it may have been made under a key that cannot be read just now.
        """
        unreadable: SecretUnavailable | None = None
        for key in self._keys:
            try:
                found = tokens.unseal(token, key.reveal())
            except SecretUnavailable as error:
                unreadable = error
                continue
            if found is not None:
                return None if unsubscribe_mistake(trimmed(found)) else trimmed(found)
        if unreadable is not None:
            raise unreadable
        return None
