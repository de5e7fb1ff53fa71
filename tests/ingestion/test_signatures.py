"""Signatures of Standard Webhooks: which requests are accepted, and by which webhook."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from chalicelib.config.model import Webhook
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import SecretUnavailable
from chalicelib.ingestion.signatures import NotSigned, verify
from tests.support import webhooks

NOW = datetime(2026, 3, 1, 9, 30, 0, tzinfo=UTC)
BODY = '{"type": "unsubscribe", "email": "zoé@example.com"}'


def whsec(text: str) -> str:
    """A secret with a fixed value."""
    return "whsec_" + base64.b64encode(f"placeholder-webhook-key-{text}".encode()).decode()


OLD, NEW, OTHER, STRANGE = whsec("old"), whsec("new"), whsec("other"), whsec("strange")
SHOP = Webhook("shop", (Secret.plain(NEW), Secret.plain(OLD)))
CRM = Webhook("crm", (Secret.plain(OTHER),))


def signed_headers(*secrets: str, body: str = BODY, at: datetime = NOW, id: str = "msg_1") -> dict[str, str]:
    return webhooks.signed(body, id, at, *secrets)


def names(headers: Mapping[str, str], body: str = BODY, now: datetime = NOW) -> list[str]:
    return [webhook.name for webhook in verify([SHOP, CRM], headers, body.encode(), now).webhooks]


@pytest.mark.parametrize(
    ("secrets", "found"),
    [
        ([NEW], ["shop"]),
        ([OLD], ["shop"]),
        ([OTHER], ["crm"]),
        ([STRANGE, OTHER], ["crm"]),
        ([OTHER, NEW, STRANGE], ["shop", "crm"]),
    ],
)
def test_any_secret_of_any_webhook_is_accepted(secrets: list[str], found: list[str]) -> None:
    assert names(signed_headers(*secrets)) == found


def test_webhooks_sharing_a_secret_are_both_identified() -> None:
    twin = Webhook("twin", (Secret.plain(OTHER),))
    found = verify([CRM, twin], signed_headers(OTHER), BODY.encode(), NOW)
    assert [webhook.name for webhook in found.webhooks] == ["crm", "twin"]


def test_id_and_time_are_returned() -> None:
    found = verify([SHOP], signed_headers(NEW, at=NOW - timedelta(seconds=9)), BODY.encode(), NOW)
    assert (found.id, found.at) == ("msg_1", NOW - timedelta(seconds=9))


def test_signatures_of_other_versions_are_ignored() -> None:
    headers = signed_headers(NEW)
    headers["webhook-signature"] = f"v1a,AAAA v2, {headers['webhook-signature']} nonsense ,"
    assert names(headers) == ["shop"]


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_timestamp_five_minutes_off_is_accepted(seconds: int) -> None:
    assert names(signed_headers(NEW, at=NOW + timedelta(seconds=seconds))) == ["shop"]


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 10**9])
def test_a_timestamp_over_five_minutes_off_is_rejected(seconds: int) -> None:
    with pytest.raises(NotSigned, match="5 minutes"):
        names(signed_headers(NEW, at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("empty", [False, True])
def test_every_header_is_required(missing: str, empty: bool) -> None:
    headers = signed_headers(NEW)
    headers[missing] = ""
    if not empty:
        del headers[missing]
    with pytest.raises(NotSigned, match="required"):
        names(headers)


STAMP = str(int(NOW.timestamp()))


@pytest.mark.parametrize(
    "timestamp",
    ["now", "-1", f"+{STAMP}", f" {STAMP}", f"{STAMP} ", f"{STAMP}.0", f"{STAMP}\n", "nan", "inf", "1e9", "9" * 5000,
     "".join(chr(0x660 + int(digit)) for digit in STAMP), f"{STAMP}, {STAMP}", "0x69a4", NOW.isoformat()],
)  # fmt: skip
def test_a_timestamp_has_whole_seconds(timestamp: str) -> None:
    """Also when signed as written: Python would read several of these as the number."""
    headers = signed_headers(NEW) | {"webhook-timestamp": timestamp}
    with pytest.raises(NotSigned, match="seconds since 1970"):
        names(headers)


def tampered(signature: str) -> str:
    return signature[:3] + ("B" if signature[3] == "A" else "A") + signature[4:]


RIGHT = signed_headers(NEW)["webhook-signature"]


@pytest.mark.parametrize(
    "signature",
    ["v1", "v1,", "v1,,", RIGHT[3:], tampered(RIGHT), RIGHT[:-1], RIGHT + "=", f"v1,{RIGHT}",
     RIGHT.replace("v1,", "V1,"), RIGHT.replace("v1,", "v2,"),
     RIGHT.replace("v1,", "v1, "), RIGHT + ",", RIGHT + "\n", f"{RIGHT},{RIGHT}",
     "v1,é", "v1,\ud800", "v1,\x00", " ".join(["v1,AAAA"] * 500), NEW, f"v1,{NEW}"],
)  # fmt: skip
def test_a_forged_signature_is_rejected(signature: str) -> None:
    with pytest.raises(NotSigned):
        names(signed_headers(NEW) | {"webhook-signature": signature})


def test_any_change_of_signed_content_is_rejected() -> None:
    headers = signed_headers(NEW)
    later = {"webhook-timestamp": str(int(NOW.timestamp()) + 1)}
    for changed in ({"webhook-id": "msg_2"}, later, {"webhook-id": "msg_1, msg_1"}):
        with pytest.raises(NotSigned):
            names(headers | changed)
    for body in (BODY + " ", "", BODY.replace("zoé", "zoe")):
        with pytest.raises(NotSigned):
            names(headers, body)


def test_an_unknown_secret_and_missing_webhooks_are_rejected() -> None:
    with pytest.raises(NotSigned):
        names(signed_headers(STRANGE))
    with pytest.raises(NotSigned):
        verify([], signed_headers(NEW), BODY.encode(), NOW)


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_any_id_and_body_can_be_signed(id: str, body: str) -> None:
    assert names(signed_headers(OLD, body=body, id=id), body) == ["shop"]


def test_an_unreadable_secret_does_not_block_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAIS_TEST_NO_SUCH_SECRET", raising=False)
    broken = Webhook("broken", (Secret("env:RELAIS_TEST_NO_SUCH_SECRET", key="webhooks.broken.secret"),))
    found = verify([broken, SHOP], signed_headers(NEW), BODY.encode(), NOW)
    assert [webhook.name for webhook in found.webhooks] == ["shop"]
    with pytest.raises(SecretUnavailable):
        verify([broken, SHOP], signed_headers(STRANGE), BODY.encode(), NOW)
    with pytest.raises(NotSigned):
        verify([broken], signed_headers(NEW) | {"webhook-signature": "v2,AAAA"}, BODY.encode(), NOW)
