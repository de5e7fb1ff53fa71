"""Notifications: what `notify` answers when SQS refuses a part of them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.events import EventType
from chalicelib.notification.notifier import IDS_A_MESSAGE, Notifier


class PartlyRefusing:
    """An SQS client that refuses the last message of each batch."""

    def get_queue_url(self, **_: Any) -> dict[str, str]:
        return {"QueueUrl": "https://sqs.example.com/signups"}

    def send_message_batch(self, *, Entries: list[dict[str, str]], **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Successful": Entries[:-1], "Failed": Entries[-1:]}


def test_a_partly_refused_notification_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    client: Any = PartlyRefusing()
    ids = [f"event-{number}" for number in range(2 * IDS_A_MESSAGE)]
    assert not Notifier(client, "local").notify(EventType.SIGNUP, ids)
    assert [record.message for record in caplog.records] == ["queue notification failed in part"]
