"""Specifics of MailPartner: codes, two formats, key in the query, opt-out list and messages."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.account import Account
from chalicelib.providers.mailpartner import codes
from chalicelib.providers.spec import Contact, Provider, Unsubscribed
from chalicelib.providers.transport.session import Transport
from local.sandbox import Control, Sandbox
from tests.contract.mailpartner import DONE, FUNCTIONS, KEY, PARAMS, WRONG_KEY, account, connect, failure
from tests.contract.provider_kits import MAILPARTNER, forms
from tests.contract.scripted import Scripted, answer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers" / "mailpartner.md"


def cells(columns: int) -> list[list[str]]:
    """The rows of the page's tables of so many columns."""
    lines = [line.strip().strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return [[cell.strip() for cell in line] for line in lines if len(line) == columns]


def statuses() -> list[Any]:
    return [
        pytest.param(int(status), body.strip("`"), name, Kind(kind), id=f"{status}-{body.strip('`')}-{name}")
        for status, body, *kinds in cells(5)
        if status.isdigit()
        for name, kind in zip(PARAMS, kinds, strict=True)
    ]


class TestCodes:
    def test_the_provider_page_documents_every_code_of_every_function(self) -> None:
        reported: dict[str, dict[int, str]] = {name: {} for name in ("every function", *codes.BY_FUNCTION)}
        for name, numbers, kind in cells(3):
            if name.strip("`") in reported and numbers[:1].isdigit():
                reported[name.strip("`")] |= dict.fromkeys(map(int, numbers.split(", ")), kind.split()[0].strip(","))
        message: dict[codes.Interpretation, str] = {
            codes.Meaning.KEY: "account",
            codes.Meaning.PROVIDER_FAILED: "unknown",
        }
        built = {
            name: {number: message.get(meaning, str(meaning.value)) for number, meaning in meanings.items()}
            for name, meanings in {"every function": codes.COMMON, **codes.BY_FUNCTION}.items()
        }
        assert reported == built

    def test_every_function_declares_its_codes(self) -> None:
        assert set(codes.BY_FUNCTION) == {function.name for function in FUNCTIONS}

    @pytest.mark.parametrize("name", [function.name for function in FUNCTIONS])
    def test_missing_credit_and_a_closed_account_are_account_errors(
        self, name: str, server: Scripted, mailpartner: Provider
    ) -> None:
        params = dict(MAILPARTNER.examples)[name]
        for code in (11, 20, 30, 40, 96):
            server.otherwise = answer({"success": False, "code": code, "message": "Refusé"}, 400)
            error = failure(lambda: mailpartner.call(name, params, budget=5))
            assert (error.kind, error.provider_code) == (Kind.ACCOUNT, str(code))

    def test_a_rate_limit_error_passes_retry_after_on(self, server: Scripted, mailpartner: Provider) -> None:
        server.otherwise = answer({"success": False, "code": 429, "message": "Trop"}, 200, {"Retry-After": "17"})
        error = failure(lambda: mailpartner.unsubscribe("a@example.com", global_scope=False, budget=5))
        assert (error.kind, error.retry_after) == (Kind.LATER, 17)


class TestAnswers:
    def test_the_provider_page_lists_every_answer(self) -> None:
        assert len(statuses()) >= 3 * 30
        assert {row.values[3] for row in statuses()} == set(Kind)

    @pytest.mark.parametrize(("status", "body", "name", "kind"), statuses())
    def test_every_answer_has_the_documented_kind(
        self, status: int, body: str, name: str, kind: Kind, server: Scripted, mailpartner: Provider
    ) -> None:
        server.otherwise = answer(body.encode(), status, {"Location": "/elsewhere"} if status < 400 else {})
        assert failure(lambda: mailpartner.call(name, PARAMS[name], budget=5)).kind is kind

    def test_an_exceeded_account_limit_is_an_account_error(
        self, sandbox: Sandbox, played: Provider, control: Control
    ) -> None:
        control.set("mailpartner", options={"rate_per_minute": 2, "failure_status": 400})
        for number in range(2):
            played.unsubscribe(f"person{number}@example.com", global_scope=False, budget=5)
        error = failure(lambda: played.unsubscribe("person2@example.com", global_scope=False, budget=5))
        assert (error.kind, error.provider_code) == (Kind.LATER, "429")


class TestKey:
    ODD = "pa/ss wörd&x=1#?%"

    def test_the_key_is_sent_unchanged_in_query_and_body(self, server: Scripted) -> None:
        server.script = [answer({**DONE, "user": {"username": "a"}}), answer(DONE)]
        client = connect(account(server.url, self.ODD))
        client.call("me", {}, budget=5)
        client.call("unsubscribe_add", {"email": "a@example.com"}, budget=5)
        read, change = server.received
        assert parse_qs(urlsplit(read.path).query)["apiKey"] == [self.ODD] and read.body == b""
        assert change.json()["apiKey"] == self.ODD and "apiKey" not in change.path

    def test_the_key_is_never_shown(self, server: Scripted, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        message = f"refusé: {self.ODD} {' '.join(forms(self.ODD))}"
        server.otherwise = answer({"success": False, "code": 40, "message": message})
        client = connect(account(server.url, self.ODD))
        seen = [repr(client), repr(vars(client))]
        for function in FUNCTIONS:
            error = failure(lambda name=function.name: client.call(name, dict(MAILPARTNER.examples)[name], budget=5))
            seen += [repr(error), *traceback.format_exception(error)]
        everything = "\n".join([*seen, caplog.text])
        assert "refusé" in everything
        assert not [form for form in forms(self.ODD) if form in everything]

    def test_a_refused_key_is_fetched_once_more(self, server: Scripted) -> None:
        class Rotated(Secret):
            def reveal(self, fresh: bool = False) -> str:
                return "placeholder-new" if fresh else "placeholder-old"

        server.script = [WRONG_KEY, answer({**DONE, "nbData": 0, "data": []})]
        made = Account("lettre", "mailpartner", server.url, None, {}, {"api_key": Rotated("")})
        assert connect(made).call("unsubscribe_list", {}, budget=5)["data"] == []
        keys = [parse_qs(urlsplit(request.path).query)["apiKey"][0] for request in server.received]
        assert keys == ["placeholder-old", "placeholder-new"]

    def test_the_vendor_server_is_the_default(self) -> None:
        asked: list[str] = []

        class Deaf(Transport):
            def exchange(self, call: Any, read: Any) -> Any:
                asked.append(call.url)
                raise ProviderError(Kind.LATER, "nobody there")

        made = Account("lettre", "mailpartner", None, None, {}, {"api_key": Secret.plain(KEY)})
        failure(lambda: connect(made, Deaf()).unsubscribe("a@example.com", global_scope=False, budget=5))
        assert asked == ["https://api.mailpartner.fr/v1/unsubscribe/add"]


class TestNoLists:
    def test_signups_and_list_operations_are_rejected_without_a_call(
        self, server: Scripted, mailpartner: Provider
    ) -> None:
        for ask in (
            lambda: mailpartner.sign_up("4781", [Contact("a@example.com")], budget=5),
            lambda: mailpartner.list_exists("4781", budget=5),
        ):
            error = failure(ask)
            assert error.kind is Kind.CALLER and error.message.startswith("MailPartner.fr does not offer")
        assert server.received == []


class TestOptOutList:
    def rows(self, *rows: Any) -> Any:
        return answer(json.dumps({**DONE, "nbData": 99, "data": list(rows)}).encode())

    def test_opt_outs_are_read_with_time_and_rows_without_address_are_skipped(
        self, server: Scripted, mailpartner: Provider
    ) -> None:
        server.script = [
            self.rows(
                {"id": 19, "email": " Zoé+tag@example.com ", "createdAt": "2026-07-20 10:19:45"},
                {"id": 20, "email": "+33000000000", "createdAt": "2026-07-20 10:19:45"},
                {"id": "21", "email": "winter@example.com", "createdAt": "2026-01-20T10:19:45+01:00"},
                {"id": None, "email": "never@example.com", "createdAt": "0000-00-00 00:00:00"},
                {"id": 22, "email": "two@@example.com"},
                {"id": 23, "email": "line\nbreak@example.com"},
                {"id": 24, "email": "a" * 250 + "@example.com"},
                {"id": 25, "email": "half\ud800@example.com"},
                {"id": "2\ud8006", "email": "odd@example.com"},
                {"id": 26},
                {"id": 27, "email": "epoch@example.com", "createdAt": "1970-01-01 00:00:00"},
                None,
            )
        ]
        found = mailpartner.unsubscribed(budget=5)
        assert list(found) == [
            # As late as it may be meant: 10:19:45 UTC, two hours after 10:19:45 in Paris.
            Unsubscribed("Zoé+tag@example.com", datetime(2026, 7, 20, 10, 19, 45, tzinfo=UTC), "19"),
            Unsubscribed("winter@example.com", datetime(2026, 1, 20, 9, 19, 45, tzinfo=UTC), "21"),
            Unsubscribed("never@example.com", None, None),
            Unsubscribed("odd@example.com", None, "2?6"),
            Unsubscribed("epoch@example.com", None, "27"),
        ]
        assert found.skipped == 7

    def test_a_truncated_list_raises_after_the_rows_that_were_read(
        self, server: Scripted, mailpartner: Provider
    ) -> None:
        server.script = [answer(b'{"success":true,"code":200,"data":[{"id":1,"email":"a@example.com"},{"id":2,')]
        found = mailpartner.unsubscribed(budget=5)
        assert next(found).email == "a@example.com"
        assert failure(lambda: next(found)).kind is Kind.LATER

    @pytest.mark.parametrize("form", ["json", "xml"])
    def test_json_and_xml_give_the_same_rows(self, form: str, sandbox: Sandbox, transport: Transport) -> None:
        made = Account(
            "lettre",
            "mailpartner",
            f"{sandbox.url}/mailpartner/v1",
            None,
            {"format": form},
            MAILPARTNER.account("").secrets,
        )
        client = connect(made, transport)
        client.unsubscribe("<&]]>@example.com", global_scope=True, budget=5)
        found = client.unsubscribed(budget=5)
        by_address = {each.email: each.provider_id for each in found}
        assert set(by_address) == {"partie@example.com", "parti@example.com", "<&]]>@example.com"}
        assert by_address["partie@example.com"] == "733" and found.skipped == 1
        sent = [call["params"].get("_format") for call in Control(sandbox.url).calls()]
        assert sent == [None, "xml" if form == "xml" else None]

    def test_adding_and_deleting_are_idempotent(self, played: Provider, control: Control) -> None:
        added = played.call("unsubscribe_add", {"email": "person@example.com"}, budget=5)
        assert played.call("unsubscribe_add", {"email": "person@example.com"}, budget=5) == {"stop_id": None}
        for _ in range(2):
            assert played.call("unsubscribe_delete", {"id": added["stop_id"]}, budget=5) is True
        optouts = control.state()["providers"]["mailpartner"]["accounts"]["lettre"]["optouts"]
        assert "person@example.com" not in [row["email"] for row in optouts]


class TestResubscription:
    def listed(self, control: Control) -> list[str]:
        optouts = control.state()["providers"]["mailpartner"]["accounts"]["lettre"]["optouts"]
        return [row["email"] for row in optouts]

    def test_a_known_row_id_takes_one_call(self, played: Provider, control: Control) -> None:
        number = played.unsubscribe("a@example.com", global_scope=False, budget=5)
        assert number in {row.provider_id for row in played.unsubscribed(budget=5) if row.email == "a@example.com"}
        assert played.unsubscribe("a@example.com", global_scope=False, budget=5) is None, "it was there before"
        control.forget_calls()
        played.lift_suppression("a@example.com", list_id=None, provider_id=number, budget=5)
        assert [call["function"] for call in control.calls()] == ["unsubscribe/delete"]
        assert "a@example.com" not in self.listed(control)

    @pytest.mark.parametrize("number", [None, "", "999"])
    def test_without_a_row_id_every_row_of_the_address_is_deleted(
        self, number: str | None, played: Provider, control: Control
    ) -> None:
        before = self.listed(control)
        spellings = ["Zo\u00e9@Exämple.com", "zoe\u0301@exämple.com", "ZOÉ@xn--exmple-cua.com"]
        control.set("mailpartner", add_optouts=[*spellings, "zoé+tag@exämple.com"])
        played.lift_suppression("zoé@exämple.com ", list_id=None, provider_id=number, budget=5)
        assert self.listed(control) == [*before, "zoé+tag@exämple.com"]

    def test_a_row_without_an_id_needs_manual_deletion(self, server: Scripted, mailpartner: Provider) -> None:
        server.script = [answer({**DONE, "data": [{"email": "a@example.com"}, {"id": 1, "email": "b@example.com"}]})]
        error = failure(lambda: mailpartner.lift_suppression("a@example.com", list_id=None, provider_id=None, budget=5))
        assert error.kind is Kind.CONTACT and "dashboard" in error.message
        assert len(server.received) == 1

    def test_a_truncated_list_deletes_nothing(self, server: Scripted, mailpartner: Provider) -> None:
        server.script = [answer(b'{"success":true,"code":200,"data":[{"id":1,"email":"a@example.com"},{"id":2,')]
        error = failure(lambda: mailpartner.lift_suppression("a@example.com", list_id=None, provider_id=None, budget=5))
        assert error.kind is Kind.LATER and len(server.received) == 1

    def test_with_get_only_a_missing_row_is_still_searched_for(self, server: Scripted, mailpartner: Provider) -> None:
        no_post, not_there = answer(b"<html>", 405), answer({"success": False, "code": 4, "message": "Introuvable"})
        listing = answer({**DONE, "data": [{"id": 7, "email": "a@example.com"}]})
        server.script = [no_post, not_there, listing, no_post, answer(DONE)]
        mailpartner.lift_suppression("a@example.com", list_id=None, provider_id="5", budget=5)
        assert [(each.method, each.path.rpartition("&")[2]) for each in server.received[1::3]] == [
            ("GET", "id=5"),
            ("GET", "id=7"),
        ]


class TestDeletion:
    @pytest.mark.parametrize(
        "refused",
        [
            answer(b"<html>Method Not Allowed</html>", 405),
            answer(b"<html>Not found</html>", 404),
            answer({"success": False, "code": 1, "message": "La clé API est requise"}),
            answer({"success": False, "code": 3, "message": "L'identifiant est requis"}),
        ],
        ids=["405", "404", "key not seen", "id not seen"],
    )
    def test_deletion_falls_back_to_get(self, refused: Any, server: Scripted, mailpartner: Provider) -> None:
        server.script = [refused, answer(DONE)]
        assert mailpartner.call("unsubscribe_delete", {"id": "19"}, budget=5) is True
        assert [(request.method, request.path) for request in server.received] == [
            ("POST", "/v1/unsubscribe/delete"),
            ("GET", f"/v1/unsubscribe/delete?apiKey={KEY}&id=19"),
        ]

    def test_other_failures_do_not_fall_back_to_get(self, server: Scripted, mailpartner: Provider) -> None:
        server.otherwise = answer(b"", 500)
        assert failure(lambda: mailpartner.call("unsubscribe_delete", {"id": "19"}, budget=5)).kind is Kind.UNKNOWN
        assert len(server.received) == 1
