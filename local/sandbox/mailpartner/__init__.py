"""MailPartner.fr, as its documentation describes it."""

from __future__ import annotations

from .service import MailPartner

__all__ = ["MailPartner"]
