"""Signs requests as back ends do, by the package of the authors of Standard Webhooks."""

from __future__ import annotations

from datetime import datetime

from standardwebhooks.webhooks import Webhook


def signed(body: str, webhook_id: str, at: datetime, *secrets: str) -> dict[str, str]:
    """Return the headers that sign a body, with a signature for each of the secrets."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(webhook_id, at, body) for secret in secrets),
    }
