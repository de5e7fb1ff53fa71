"""What moto's SES lacks: identities that are verified, and an account that may write to anybody."""

from __future__ import annotations

from importlib import import_module
from typing import Any

ACCOUNT = "/v2/email/account"
"""The path of GetAccount."""
ACCOUNT_ANSWER = b'{"ProductionAccessEnabled": true, "SendingEnabled": true}'


def patch() -> None:
    """Has every identity be verified at once: nobody answers the mail that AWS would send."""
    identity: Any = import_module("moto.ses.models").EmailIdentity
    begun = identity.__init__

    def begin(self: Any, *args: Any, **given: Any) -> None:
        begun(self, *args, **given)
        self.verified_for_sending_status = True

    identity.__init__ = begin
