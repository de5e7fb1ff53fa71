"""Makes unsubscribe links with the first configured key and reads them with every key; links never expire."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..config.secrets import Secret
from ..domain.addresses import undecorated, unsubscribe_address
from . import tokens

PATH = "/unsubscribe"


class Links:
    """Makes and reads links. `public_url` is the public URL of Relais; `random_bytes(n)` returns n bytes."""

    def __init__(self, keys: Sequence[Secret], public_url: str, random_bytes: Callable[[int], bytes]) -> None:
        self._keys = tuple(keys)
        self._public_url = public_url
        self._random_bytes = random_bytes

    def url(self, email: str) -> str:
        """Returns a new link for this address, different each time. Raises SecretUnavailable.

        The configuration checks that a form with links has a key and a `public_url`.
        """
        token = tokens.seal(undecorated(email), self._keys[0].reveal(), self._random_bytes(tokens.NONCE_BYTES))
        return f"{self._public_url}{PATH}/{token}"

    def address(self, token: str) -> str | None:
        """Returns the address of a token; None if it is not genuine or has no valid address.

        Text that a mail program appended is cut off. Raises SecretUnavailable as `tokens.read_link`.
        """
        found = tokens.read_link(token, self._keys, tokens.UNSUBSCRIBE)
        checked = unsubscribe_address(found or "")
        return None if checked.error else checked.address
