"""Ediware/MDWorks, as its documentation describes it."""

from __future__ import annotations

from .service import Ediware

__all__ = ["Ediware"]
