"""How Ediware says no."""

from __future__ import annotations


class Refused(Exception):
    """A call that the vendor refuses. `bare`: the text stands alone, without JSON round it."""

    def __init__(self, message: str, *, bare: bool = False) -> None:
        self.message, self.bare = message, bare
        super().__init__(message)
