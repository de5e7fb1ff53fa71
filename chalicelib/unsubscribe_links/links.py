"""Makes unsubscribe links with the first configured key and reads them with every key; links never expire."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..config.secrets import Secret
from ..domain.addresses import undecorated, unsubscribe_address
from ..domain.errors import SecretUnavailable
from . import tokens

PATH = "/unsubscribe"
_APPENDED = re.compile(r"[^A-Za-z0-9_-]")


class Links:
    """Makes and reads links. `public_url` is the public URL of Relais; `random_bytes(n)` returns n bytes."""

    def __init__(self, keys: Sequence[Secret], public_url: str, random_bytes: Callable[[int], bytes]) -> None:
        self._keys = tuple(keys)
        self._public_url = public_url
        self._random_bytes = random_bytes

    def url(self, email: str) -> str:
        """Return a new link for this address, different each time. Raises SecretUnavailable.

        The configuration checks that a form with links has a key and a `public_url`.
        """
        token = tokens.seal(undecorated(email), self._keys[0].reveal(), self._random_bytes(tokens.NONCE_BYTES))
        return f"{self._public_url}{PATH}/{token}"

    def address(self, token: str) -> str | None:
        """Return the address of a token; None if it is not genuine or has no valid address.

        What a mail program took for a part of the link, such as a full stop or a bracket, is cut off.
        Raises SecretUnavailable when the token may be of a key that cannot be read now.
        """
        token = _APPENDED.split(token, maxsplit=1)[0]
        unreadable: SecretUnavailable | None = None
        for key in self._keys:
            try:
                found = tokens.unseal(token, key.reveal())
            except SecretUnavailable as error:
                unreadable = error
                continue
            if found is not None:
                checked = unsubscribe_address(found)
                return None if checked.error else checked.address
        if unreadable is not None:
            raise unreadable
        return None
