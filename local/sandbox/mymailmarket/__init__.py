"""myMailMarket (Mailpartners), as its documentation describes it."""

from __future__ import annotations

from .service import MyMailMarket

__all__ = ["MyMailMarket"]
