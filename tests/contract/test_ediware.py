"""Specifics of Ediware: classification of answers, address columns, two base URLs, campaigns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers import registry
from chalicelib.providers.account import Account
from chalicelib.providers.ediware import address_columns
from chalicelib.providers.spec import Contact, Provider
from chalicelib.providers.transport.exchange import MEGABYTE
from chalicelib.providers.transport.session import Transport
from tests.contract.ediware import KEY, KEY_REFUSED, OK, PERSON, account, failure, functions, lists
from tests.contract.locks import CountedLock
from tests.contract.scripted import Reply, Scripted, after, answer, once, raw

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers" / "ediware.md"
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "list_insert": {"list_id": "4781", "contacts": [{"email": "person@example.com"}]},
    "list_create": {"name": "Liste", "field_list": ["email"], "field_email": "email"},
    "list_list": {},
}


def table() -> list[Any]:
    """The rows of the page's table of failures, once for each function that has a column in it."""
    lines = [line.strip().strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    rows = [[cell.strip() for cell in line] for line in lines if len(line) == 5 and line[0].strip().isdigit()]
    return [
        pytest.param(int(status), body.strip("`"), name, Kind(kind), id=f"{status}-{body.strip('`')}-{name}")
        for status, body, *kinds in rows
        for name, kind in zip(PARAMS, kinds, strict=True)
    ]


class TestAnswers:
    def test_the_provider_page_lists_every_answer(self) -> None:
        assert len(table()) >= 3 * 30
        assert {row.values[3] for row in table()} == set(Kind)

    @pytest.mark.parametrize(("status", "body", "name", "kind"), table())
    def test_every_answer_has_the_documented_kind(
        self, status: int, body: str, name: str, kind: Kind, server: Scripted, ediware: Provider
    ) -> None:
        server.otherwise = answer(body.encode(), status, {"Location": "/elsewhere"} if status < 400 else {})
        error = failure(lambda: ediware.call(name, PARAMS[name], budget=5))
        assert (error.kind, error.list_only) == (kind, False)

    def test_a_success_counts_under_any_status(self, server: Scripted, ediware: Provider) -> None:
        server.script = [answer({"result": "ok"}, 500)]
        assert ediware.call("unsub_add", {"email": "person@example.com"}, budget=5) is True

    def test_plain_text_after_a_byte_order_mark_is_read(self, server: Scripted, ediware: Provider) -> None:
        server.script = [answer("\ufeffError this list protected against delete\n".encode())]
        assert failure(lambda: ediware.call("list_delete", {"list_id": "1"}, budget=5)).kind is Kind.CALLER

    def test_a_short_success_answer_is_accepted(self, server: Scripted, ediware: Provider) -> None:
        server.script = [answer(b" " * 2 * MEGABYTE + b'{"result":"ok"}')]
        error = failure(lambda: ediware.unsubscribe("person@example.com", global_scope=False, budget=5))
        assert error.kind is Kind.UNKNOWN and "larger" in error.message

    def test_no_error_contains_the_key(self, server: Scripted, ediware: Provider) -> None:
        message = f"Error {KEY} is not the key of this list"
        server.script = [answer({"error": KEY, "message": message})]
        error = failure(lambda: ediware.call("list_delete", {"list_id": "1"}, budget=5))
        assert "is not the key" in error.message
        assert KEY not in f"{error!r} {error} {error.provider_code}"

    @pytest.mark.parametrize("message", ["Error address already unsubscribed", "Error adresse déjà désabonnée"])
    def test_an_already_unsubscribed_address_counts_as_success(
        self, message: str, server: Scripted, ediware: Provider
    ) -> None:
        server.script = [answer({"error": "1", "message": message})] * 2
        ediware.unsubscribe("person@example.com", global_scope=False, budget=5)
        assert failure(lambda: ediware.call("unsub_add", {"email": "a@example.com"}, budget=5)).kind is Kind.CONTACT

    def test_a_refused_unsubscribe_is_an_error(self, server: Scripted, ediware: Provider) -> None:
        server.script = [answer({"error": "1", "message": "Error email invalid"})]
        error = failure(lambda: ediware.unsubscribe("person@example.com", global_scope=True, budget=5))
        assert error.kind is Kind.CONTACT and functions(server) == ["unsub_global_add"]


class TestBulk:
    def test_a_warm_insert_of_255_rows_is_one_request_on_a_kept_alive_connection(
        self, server: Scripted, ediware: Provider
    ) -> None:
        server.script = [answer(lists(l4781="email")), OK, OK]
        people = [Contact(f"person{number}@example.com") for number in range(255)]
        ediware.sign_up("4781", people, budget=10)
        warm = len(server.received)
        ediware.sign_up("4781", people, budget=10)
        assert functions(server)[warm:] == ["list_insert"]
        assert len(server.received[-1].json()["tab_insert"]) == 255
        assert server.connections == 1


class TestColumns:
    def test_the_address_is_sent_in_the_lists_address_column(self, server: Scripted, ediware: Provider) -> None:
        server.script = [answer(lists(l4781="email", l4782="EMAIL")), OK, OK]
        ediware.sign_up("4782", [PERSON], budget=5)
        ediware.sign_up("4781", [Contact("a@example.com", {"email": "other", "nom": "x"})], budget=5)
        assert functions(server) == ["list_list", "list_insert", "list_insert"]
        assert server.received[1].json()["tab_insert"] == [{"nom": "Nom", "EMAIL": "person@example.com"}]
        assert server.received[2].json()["tab_insert"] == [{"email": "a@example.com", "nom": "x"}]

    def test_the_address_column_is_cached_for_ten_minutes(
        self, server: Scripted, ediware: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.script = [answer(lists(l4781="email")), OK, OK, answer(lists(l4781="mail")), OK]
        now = time.monotonic()
        for later in (0, address_columns.CACHED_SECONDS - 5, address_columns.CACHED_SECONDS + 5):
            monkeypatch.setattr(address_columns, "time", Clock(now + later))
            ediware.sign_up("4781", [PERSON], budget=5)
        assert functions(server) == ["list_list", "list_insert", "list_insert", "list_list", "list_insert"]
        assert "mail" in server.received[-1].json()["tab_insert"][0]

    def test_a_refusal_refreshes_the_column_once(
        self, server: Scripted, ediware: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused = answer({"error": "1", "message": "Error unknown field email"})
        server.script = [answer(lists(l4781="email")), OK, refused, answer(lists(l4781="mail")), refused, refused, OK]
        ediware.sign_up("4781", [PERSON], budget=5)
        monkeypatch.setattr(address_columns, "time", Clock(time.monotonic() + address_columns.TRUSTED_SECONDS + 1))
        for _ in range(3):
            assert failure(lambda: ediware.sign_up("4781", [PERSON], budget=5)).kind is Kind.CONTACT
        ediware.sign_up("4781", [PERSON], budget=5)
        assert functions(server).count("list_list") == 2
        assert "mail" in server.received[-1].json()["tab_insert"][0]

    def test_lists_of_sub_accounts_are_found(self, server: Scripted, ediware: Provider) -> None:
        users = answer([{"id": "1475", "log": "one"}, {"id": "1476", "log": "two"}])
        server.script = [answer([]), users, answer(lists(l1="e")), answer(lists(l4790="EMAIL")), OK]
        ediware.sign_up("4790", [PERSON], budget=5)
        assert functions(server) == ["list_list", "user_list", "list_list", "list_list", "list_insert"]
        assert [request.json().get("user_id") for request in server.received[2:4]] == ["1475", "1476"]
        assert "EMAIL" in server.received[-1].json()["tab_insert"][0]

    def test_a_list_without_an_address_column_is_a_list_error(self, server: Scripted, ediware: Provider) -> None:
        server.script = [answer(lists(l4781=""))]
        error = failure(lambda: ediware.sign_up("4781", [PERSON], budget=5))
        assert (error.kind, error.list_only) == (Kind.ACCOUNT, True) and "4781" in error.message

    def test_list_exists_bypasses_the_cache(self, server: Scripted, ediware: Provider) -> None:
        server.script = [answer(lists(l4781="email")), OK, answer([]), answer([])]
        ediware.sign_up("4781", [PERSON], budget=5)
        assert not ediware.list_exists("4781", budget=5)
        server.script = [answer(lists(l4781=""))]
        assert ediware.list_exists("4781", budget=5)

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (raw(b"", reset=True), Kind.LATER),
            (answer(b"<html>", 500), Kind.LATER),
            (answer({"error": "1", "message": "Error whatever"}), Kind.ACCOUNT),
            (KEY_REFUSED, Kind.ACCOUNT),
        ],
    )
    def test_a_failed_lookup_is_neither_unknown_nor_a_contact_error(
        self, reply: Reply, kind: Kind, server: Scripted, ediware: Provider
    ) -> None:
        server.script = [reply]
        error = failure(lambda: ediware.sign_up("4781", [PERSON], budget=5))
        assert (error.kind, error.list_only) == (kind, False)
        assert functions(server) == ["list_list"]

    def test_a_slow_lookup_reduces_the_budget_of_the_insert(self, server: Scripted, ediware: Provider) -> None:
        server.script = [after(9.8, answer(lists(l4781="email")))]
        assert failure(lambda: ediware.sign_up("4781", [PERSON], budget=10)).kind is Kind.LATER
        assert functions(server) == ["list_list"]

    @pytest.mark.parametrize(
        ("found", "calls"),
        [(answer(lists(l4781="email")), 1 + 8), (answer(b"", 503), 1)],
        ids=["found", "failed"],
    )
    def test_waiting_threads_share_one_lookup(self, found: Reply, calls: int, server: Scripted, ediware: Any) -> None:
        lock = ediware._columns._lock = CountedLock()
        server.script = [once(lambda: lock.asked == 8, found)]
        outcomes: list[str] = []

        def sign_up() -> None:
            try:
                ediware.sign_up("4781", [PERSON], budget=10)
                outcomes.append("ok")
            except ProviderError as error:
                outcomes.append(error.kind.value)

        threads = [threading.Thread(target=sign_up) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(outcomes)) == 1 and len(outcomes) == 8
        assert len(server.received) == calls

    def test_waiting_for_a_lookup_ends_with_the_callers_budget(
        self, server: Scripted, ediware: Provider, wait_for: Callable[..., Any]
    ) -> None:
        given_up = threading.Event()
        server.otherwise = once(given_up.is_set, raw(b""))
        first = threading.Thread(target=lambda: failure(lambda: ediware.sign_up("4781", [PERSON], budget=10)))
        first.start()
        wait_for(lambda: server.received)
        assert failure(lambda: ediware.sign_up("4781", [PERSON], budget=0.05)).kind is Kind.LATER
        assert first.is_alive() and len(server.received) == 1
        given_up.set()
        first.join()


class Clock:
    """A substitute for the module `time`."""

    def __init__(self, now: float) -> None:
        self._now = now

    def monotonic(self) -> float:
        return self._now


class TestBaseUrls:
    def paths(self, server: Scripted, made: Account) -> list[str]:
        client = registry.spec("ediware").connect(made, Transport())
        server.script = [answer([]), answer([])]
        client.call("list_list", {}, budget=5)
        client.campaigns(budget=5)
        return [request.path for request in server.received]

    def test_statistics_use_their_own_base_url(self, server: Scripted) -> None:
        assert self.paths(server, account(server)) == ["/api_http/list_list", "/api_http_open/campaigns_stats"]

    def test_the_statistics_base_url_is_configurable(self, server: Scripted) -> None:
        made = replace(account(server), open_base_url=f"{server.url}/open")
        assert self.paths(server, made) == ["/api_http/list_list", "/open/campaigns_stats"]

    def test_the_vendor_base_url_is_the_default(self) -> None:
        asked: list[str] = []

        class Deaf(Transport):
            def exchange(self, call: Any, read: Any) -> Any:
                asked.append(call.url)
                raise ProviderError(Kind.LATER, "nobody there")

        made = Account("paris", "ediware", None, None, {}, {"api_key": Secret.plain(KEY)})
        client = registry.spec("ediware").connect(made, Deaf())
        failure(lambda: client.call("list_list", {}, budget=5))
        failure(lambda: list(client.campaigns(budget=5)))
        assert asked == [
            "https://www.mdworks.fr/api_http/list_list",
            "https://www.mdworks.fr/api_http_open/campaigns_stats",
        ]

    def test_the_content_type_is_an_option(self, server: Scripted, transport: Transport) -> None:
        form = "application/x-www-form-urlencoded"
        made = account(server, content_type=form)
        registry.spec("ediware").connect(made, transport).unsubscribe("a@example.com", global_scope=False, budget=5)
        assert server.received[0].headers["content-type"] == form
        assert server.received[0].json() == {"api_key": KEY, "email": "a@example.com"}


class TestCampaigns:
    def test_campaign_figures_have_the_common_shape(self, server: Scripted, ediware: Provider) -> None:
        row = {"id": 7, "user": "one", "reference": "Ref", "subject": "Sujet", "sent": "2021-02-10 19:26:01.000000"}
        figures = {"volume": "1300", "open_unique": "260", "open": "340", "click_unique": "25", "click": 50}
        server.script = [answer([{**row, **figures, "hard_bounce": 10, "soft_bounce": "x", "new": [1]}])]
        (campaign,) = ediware.campaigns(budget=5)
        assert (campaign.campaign, campaign.name, campaign.subject) == ("7", "Ref", "Sujet")
        assert campaign.sent_at is not None and campaign.sent_at.isoformat() == "2021-02-10T18:26:01+00:00"
        assert (campaign.sent, campaign.delivered) == (1300, None)
        assert (campaign.opens, campaign.unique_opens, campaign.clicks, campaign.unique_clicks) == (340, 260, 50, 25)
        assert (campaign.hard_bounces, campaign.soft_bounces, campaign.unsubscribes) == (10, None, None)
        assert campaign.raw == {**row, **figures, "hard_bounce": 10, "soft_bounce": "x"}

    def test_a_lone_surrogate_in_a_field_does_not_stop_a_signup(self, server: Scripted, ediware: Provider) -> None:
        server.script = [answer(lists(l4781="email")), OK]
        ediware.sign_up("4781", [Contact("a@example.com", {"nom": "x\ud800"})], budget=5)
        assert server.received[1].json()["tab_insert"][0]["nom"] == "x?"


def test_lists_of_sub_accounts_are_read_only_while_a_wanted_one_is_missing(server: Scripted, ediware: Provider) -> None:
    users = [{"id": "7", "log": "example_nord", "nom": "Nord", "email": "", "quota": "1", "class_domains": ""}]
    server.script += [answer(lists(l4781="email"))]
    assert ediware.read_lists(["4781"], budget=5) == {"4781": "Liste"}
    server.script += [answer(lists(l4781="email")), answer(users), answer(lists(l4790="EMAIL"))]
    assert ediware.read_lists(["4781", "4790"], budget=5) == {"4781": "Liste", "4790": "Liste"}
    assert ediware.address_field("4790", budget=5) == "EMAIL"
    assert functions(server) == ["list_list", "list_list", "user_list", "list_list"]
