"""The parameters of `send`, where they are too large or too many for files of examples."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.functions import Limits
from chalicelib.providers.mailpartner import message

LIMITS = Limits("send")


def attachment(size: int) -> dict[str, str]:
    content = base64.b64encode(b"x" * size).decode()
    return {"base64Content": content, "contentType": "text/plain", "filename": "note"}


def refused(check: Any, value: Any) -> str:
    with pytest.raises(ProviderError) as caught:
        check(LIMITS, value)
    assert caught.value.kind is Kind.CALLER
    return caught.value.message


def test_an_attachment_over_five_megabytes_is_rejected() -> None:
    full = attachment(message.LARGEST_ATTACHMENT)
    assert message.attachments(LIMITS, [full] * 3) == [full] * 3
    assert "at most 5 MB" in refused(message.attachments, [attachment(message.LARGEST_ATTACHMENT + 1)])


def test_more_than_five_hundred_recipients_are_rejected() -> None:
    people = [{"email": f"person{number}@example.com"} for number in range(500)]
    assert message.recipients(LIMITS, people) == {"to": people}
    assert "not 501" in refused(message.recipients, [*people, "last@example.com"])


@pytest.mark.parametrize("minute", range(60))
def test_minutes_must_be_multiples_of_five(minute: int) -> None:
    at = datetime(2026, 3, 1, 9, minute, tzinfo=UTC)
    if minute % 5:
        assert "5 divides" in refused(message.schedule, at)
    else:
        assert message.schedule(LIMITS, at) == {
            "scheduledDeliveryDate": "01/03/2026",
            "time": "10",
            "minute": f"{minute:02d}",
        }


def test_a_time_without_zone_is_rejected() -> None:
    assert "zone" in refused(message.schedule, datetime.fromisoformat("2026-03-01T09:30:00"))


def test_rejected_values_are_not_repeated_in_messages() -> None:
    for check, value in (
        (message.recipients, ["somebody at example.com"]),
        (message.variables, {"firstname": ["placeholder"]}),
        (message.attachments, [{**attachment(1), "filename": "placeholder.pdf"}]),
    ):
        words = refused(check, value)
        assert "somebody" not in words and "placeholder" not in words
