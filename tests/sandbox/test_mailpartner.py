"""The simulated MailPartner behaves as documented by the vendor, contradictions included."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from local.sandbox import Control, Sandbox
from local.sandbox.mailpartner.samples import API_KEY
from local.sandbox.mailpartner.service import FUNCTIONS
from local.sandbox.provider import SettingError

Ask = Callable[..., dict[str, Any]]
GOOD: dict[str, Any] = {
    "subject": "Bonjour",
    "htmlContent": "<p>#FIRSTNAME#</p>",
    "params": {"to": [{"email": "a@example.com", "name": "A"}, {"email": "bounce@example.com"}]},
}


@pytest.fixture
def ask(sandbox: Sandbox) -> Iterator[Ask]:
    """Call a function with the sample key, by GET or, with `post=True`, by POST, and give its answer."""
    with requests.Session() as session:

        def call(function: str, *, post: bool = False, **params: Any) -> dict[str, Any]:
            url = f"{sandbox.url}/mailpartner/v1/{function}"
            params = {"apiKey": API_KEY, **params}
            answer = session.post(url, json=params, timeout=10) if post else session.get(url, params=params, timeout=10)
            assert answer.status_code == 200
            found: dict[str, Any] = answer.json()
            assert list(found)[:2] == ["success", "code"]
            assert found["success"] == (found["code"] == 200)
            return found

        yield call


def optouts(control: Control) -> list[str]:
    """The addresses of the opt-out list."""
    rows = control.state()["providers"]["mailpartner"]["accounts"]["lettre"]["optouts"]
    return [row["email"] for row in rows]


def test_there_are_eleven_functions() -> None:
    assert len(FUNCTIONS) == 11


def test_a_missing_and_a_wrong_key_are_two_codes_under_status_200(ask: Ask) -> None:
    assert ask("me", apiKey="")["code"] == 1
    assert ask("me", apiKey="other") == {"success": False, "code": 10, "message": "Clé API incorrecte"}
    assert ask("unsubscribe/add", post=True, apiKey="other", email="a@example.com")["code"] == 10


def test_a_failure_may_come_under_status_400(sandbox: Sandbox, control: Control) -> None:
    control.set("mailpartner", options={"failure_status": 400})
    answer = requests.get(f"{sandbox.url}/mailpartner/v1/me", params={"apiKey": "other"}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, 10)


def test_the_key_of_a_post_is_read_from_its_body(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/mailpartner/v1/unsubscribe/add?apiKey={API_KEY}"
    assert requests.post(url, json={"email": "a@example.com"}, timeout=10).json()["code"] == 1
    assert requests.post(url.replace("unsubscribe/add", "send"), b"{", timeout=10).json()["code"] == 90
    assert requests.get(url, timeout=10).status_code == 405


def test_me_has_integers_and_strings(ask: Ask) -> None:
    credits = ask("me")["credits"]
    assert (type(credits["creditMail"]), type(credits["balance"])) == (int, str)


def test_the_optout_list_is_complete_and_contains_a_telephone_number(ask: Ask) -> None:
    found = ask("unsubscribe/list")
    assert found["nbData"] == len(found["data"]) == 3
    assert any(row["email"].startswith("+33") for row in found["data"])
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row["createdAt"]) for row in found["data"])
    assert [row["id"] for row in found["data"]] != sorted(row["id"] for row in found["data"])


def test_adding_twice_is_code_3(ask: Ask, control: Control) -> None:
    added = ask("unsubscribe/add", post=True, email="a@example.com")
    assert isinstance(added["stopId"], int)
    assert ask("unsubscribe/add", post=True, email="A@example.com")["code"] == 3
    assert ask("unsubscribe/add", post=True)["code"] == 2
    assert ask("unsubscribe/add", post=True, email="nobody")["code"] == 9
    assert optouts(control).count("a@example.com") == 1


@pytest.mark.parametrize("post", [False, True])
def test_a_row_is_deleted_by_get_and_by_post(ask: Ask, control: Control, post: bool) -> None:
    assert ask("unsubscribe/delete", post=post, id=541)["code"] == 200
    assert "parti@example.com" not in optouts(control)
    assert ask("unsubscribe/delete", post=post, id=541)["code"] == 4
    assert ask("unsubscribe/delete", post=post)["code"] == 3


def test_xml_is_positional_with_cdata_and_line_breaks(sandbox: Sandbox, control: Control) -> None:
    url = f"{sandbox.url}/mailpartner/v1/unsubscribe/list"
    control.set("mailpartner", add_optouts=["<[CDATA]]>@example.com"])
    answer = requests.get(url, params={"apiKey": API_KEY, "_format": "xml"}, timeout=10)
    assert "<![CDATA[+33" in answer.text
    success, code, count, rows = ElementTree.fromstring(answer.content)
    assert (success.text, code.text, count.text) == ("true", "200", "6")  # two more than there are
    assert len(rows) == 4
    number, address, created = rows[0]
    assert number.text == "733"
    assert address.text == "\npartie@example.com\n"
    assert (created.text or "").startswith("\n20")
    assert rows[3][1].text == "\n<[CDATA]]>@example.com\n"


def test_an_xml_failure_is_three_entries(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/mailpartner/v1/unsubscribe/list"
    answer = requests.get(url, params={"apiKey": "other", "_format": "xml"}, timeout=10)
    assert [entry.text for entry in ElementTree.fromstring(answer.content)] == ["false", "10", "Clé API incorrecte"]


def test_a_message_is_sent_and_gets_a_status(ask: Ask, control: Control) -> None:
    control.clock(freeze=True)
    sent = ask("send", post=True, **GOOD)
    assert sent["nbMail"] == 2
    first = ask("bulk-status", messageId=sent["messageId"])["StatutResponseList"]
    assert [row["status"] for row in first] == ["Waiting", "Waiting"]
    control.clock(advance=61)
    control.set("mailpartner", add_optouts=["a@example.com"], options={"statut": True})
    rows = ask("bulk-status", messageId=sent["messageId"])["StatutResponseList"]
    assert [(row["statut"], row["stopMail"]) for row in rows] == [("Delivered", True), ("Not delivered", False)]
    assert isinstance(rows[0]["date"], str)
    assert rows[0]["date"].isdecimal()
    assert ask("bulk-status")["code"] == 3
    assert ask("bulk-status", messageId=1)["code"] == 4


PNG = {"base64Content": base64.b64encode(b"x").decode(), "contentType": "image/png", "filename": "x"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"subject": ""}, 2),
        ({"params": {}}, 18),
        ({"params": {"to": [{"email": f"a{n}@example.com"} for n in range(501)]}}, 17),
        ({"params": {"to": [{"email": "nobody"}]}}, 19),
        ({"params": {"to": [{"email": "a@example.com"}, {"email": "A@example.com"}]}}, 15),
        ({"params": {"to": [{"email": "parti@example.com"}]}}, 14),
        ({"replyTo": {"email": "nobody"}}, 25),
        ({"variables": {f"v{n}": "x" for n in range(9)}}, 2),
        ({"attachments": [PNG] * 4}, 8),
        ({"attachments": [{**PNG, "base64Content": base64.b64encode(bytes(5_000_001)).decode()}]}, 9),
        ({"attachments": [{**PNG, "base64Content": "?"}]}, 16),
        ({"tag": "Tag"}, 2),
        ({"scheduledDeliveryDate": "2030-01-01"}, 45),
        ({"scheduledDeliveryDate": "01/01/2020", "time": 1, "minute": 5}, 46),
        ({"scheduledDeliveryDate": "01/01/2090", "time": 25, "minute": 5}, 47),
        ({"scheduledDeliveryDate": "01/01/2090", "time": 5, "minute": 7}, 48),
    ],
)
def test_a_wrong_message_is_refused_with_its_code(ask: Ask, change: dict[str, Any], code: int) -> None:
    assert ask("send", post=True, **{**GOOD, **change})["code"] == code


def test_credit_runs_out_and_test_messages_are_free(ask: Ask, control: Control) -> None:
    control.set("mailpartner", balance=0.001)
    assert ask("send", post=True, **GOOD)["code"] == 11
    assert ask("send", post=True, **GOOD, sandbox=1)["cost"] == 0
    control.set("mailpartner", refuse_send_with=96)
    assert ask("send", post=True, **GOOD)["code"] == 96


def test_a_scheduled_message_can_be_cancelled_in_time(ask: Ask, control: Control) -> None:
    later = {"scheduledDeliveryDate": "15/07/2090", "time": "12", "minute": "00"}
    number = ask("send", post=True, **GOOD, **later)["messageId"]
    assert "annulé" in ask("message-cancel", messageId=number)["message"]
    assert ask("message-cancel", messageId=number)["code"] == 5
    assert ask("message-cancel", messageId=300)["code"] == 7
    control.set("mailpartner", add_message={"id": 9, "due_in_seconds": 200, "recipients": ["a@example.com"]})
    assert ask("message-cancel", messageId=9)["code"] == 6
    shown = control.state()["providers"]["mailpartner"]["accounts"]["lettre"]["messages"][-1]
    assert (shown["id"], shown["recipients"], shown["to"]) == (9, 1, "a@example.com")


def test_a_scheduled_date_is_paris_time(ask: Ask) -> None:
    for date, hour in (("15/01/2090", "12"), ("15/07/2090", "12")):
        sent = ask("send", post=True, **GOOD, scheduledDeliveryDate=date, time=hour, minute="55")
        assert sent["scheduledDeliveryDate"] == f"2090-{date[3:5]}-15 12:55:00"


def test_sub_accounts_and_their_credit(ask: Ask) -> None:
    made = ask("subaccount/create", post=True, type="simple", parameters={"email": "s@example.com"})
    token = made["subaccount"]["token"]
    assert ask("subaccount/credit/add", post=True, tokenSubaccount=token, credit=5)["subaccountCredit"] == 5
    assert ask("subaccount/credit/remove", post=True, tokenSubaccount=token, credit="2")["subaccountCredit"] == 3
    assert ask("subaccount/credit/remove", post=True, tokenSubaccount=token, credit=4)["code"] == 8
    assert ask("subaccount/credit/add", post=True, tokenSubaccount=token)["code"] == 2
    assert ask("subaccount/credit/add", post=True, credit=1)["code"] == 3
    assert ask("subaccount/credit/add", post=True, credit=-1, tokenSubaccount=token)["code"] == 5
    assert ask("subaccount/credit/add", post=True, credit=1, tokenSubaccount="x")["code"] == 7


def test_sub_accounts_have_pages_of_20(ask: Ask) -> None:
    for n in range(24):
        ask("subaccount/create", post=True, type="advanced", parameters={"email": f"s{n}@example.com"})
    assert len(ask("subaccount/list")["data"]) == 20
    second = ask("subaccount/list", page=2)
    assert (second["total"], second["nb_per_page"], second["page"], len(second["data"])) == (25, 20, 2, 5)


def test_too_many_requests_are_code_429(ask: Ask, control: Control) -> None:
    control.set("mailpartner", options={"rate_per_minute": 3})
    assert [ask("me")["code"] for _ in range(5)] == [200, 200, 200, 429, 429]
    control.set("mailpartner", add_account={"name": "second", "api_key": "placeholder"})
    assert ask("me", apiKey="placeholder")["code"] == 429  # the limit is the IP's


def test_faults_have_the_error_format_of_the_vendor(ask: Ask, control: Control) -> None:
    control.fault("refuse_rows", contains="bad")
    control.fault("refuse_key", function="me")
    assert ask("unsubscribe/add", post=True, email="bad@example.com")["code"] == 9
    assert ask("me")["code"] == 10
    assert "bad@example.com" not in optouts(control)


class TestGrownOptOuts:
    """A list too long for memory: generated while it is sent, and otherwise like any other."""

    @pytest.fixture(autouse=True)
    def grown(self, control: Control) -> None:
        control.set("mailpartner", grow_optouts={"count": 2500, "domain": "Far.example.com", "seconds_ago": 60})
        control.set("mailpartner", grow_optouts={"count": 2}, add_optouts=["<&]]>é@example.com"])

    def test_both_formats_contain_every_row_once(self, ask: Ask, sandbox: Sandbox) -> None:
        found = ask("unsubscribe/list")
        rows = found["data"]
        assert found["nbData"] == len(rows) == len({row["id"] for row in rows}) == 3 + 1 + 2502
        assert [row["email"] for row in rows[3:6]] == [
            "<&]]>é@example.com",
            "grown0@far.example.com",
            "grown1@far.example.com",
        ]
        assert rows[-1]["email"] == "grown2501@example.com" and rows[5]["createdAt"] < rows[-1]["createdAt"]
        url = f"{sandbox.url}/mailpartner/v1/unsubscribe/list?apiKey={API_KEY}&_format=xml"
        answer = requests.get(url, timeout=10)
        assert answer.headers["Transfer-Encoding"] == "chunked"
        *_, entries = ElementTree.fromstring(answer.content)
        texts = [[field.text.strip() for field in entry] for entry in entries]
        assert texts == [[str(row["id"]), row["email"], row["createdAt"]] for row in rows]

    def test_rows_can_be_deleted_and_found_by_address(self, ask: Ask, control: Control) -> None:
        row = ask("unsubscribe/list")["data"][1000]
        assert ask("unsubscribe/add", post=True, email=row["email"].upper())["code"] == 3
        assert ask("unsubscribe/add", post=True, email="grown0@example.com")["code"] == 200, "of another domain"
        assert ask("unsubscribe/delete", post=True, id=row["id"])["code"] == 200
        assert ask("unsubscribe/delete", post=True, id=row["id"])["code"] == 4
        control.set("mailpartner", remove_optouts=["grown2501@example.com"])
        left = {each["email"] for each in ask("unsubscribe/list")["data"]}
        assert not left & {row["email"], "grown2501@example.com"} and len(left) == 3 + 2 + 2500
        assert ask("unsubscribe/add", post=True, email=row["email"])["code"] == 200
        assert control.state()["providers"]["mailpartner"]["accounts"]["lettre"]["optouts_grown"] == 2500

    @pytest.mark.parametrize("kind", ["truncated", "truncated_json", "html", "latency"])
    def test_faults_apply_to_generated_rows(self, kind: str, sandbox: Sandbox, control: Control) -> None:
        control.fault(kind, when="after")
        url = f"{sandbox.url}/mailpartner/v1/unsubscribe/list?apiKey={API_KEY}"
        if kind == "truncated":
            with pytest.raises(requests.RequestException):
                requests.get(url, timeout=10)
            return
        text = requests.get(url, timeout=10).text
        assert ("grown1@" in text, text.endswith("]}"), "Maintenance" in text) == {
            "truncated_json": (True, False, False),
            "html": (False, False, True),
            "latency": (True, True, False),
        }[kind]

    def test_a_disconnecting_client_does_not_affect_the_sandbox(
        self, ask: Ask, sandbox: Sandbox, control: Control
    ) -> None:
        control.set("mailpartner", grow_optouts={"count": 1_000_000})
        with requests.get(
            f"{sandbox.url}/mailpartner/v1/unsubscribe/list?apiKey={API_KEY}", timeout=10, stream=True
        ) as answer:
            head, rows = islice(answer.iter_content(100_000), 2)
        assert b"success" in head and b"grown" in rows
        assert ask("me")["code"] == 200


def test_other_lists_cannot_be_generated(control: Control) -> None:
    for wrong in ({"count": 0}, {"count": 1, "domain": "a b"}, {"domain": "example.com"}):
        with pytest.raises(SettingError, match="grow_optouts"):
            control.set("mailpartner", grow_optouts=wrong)
