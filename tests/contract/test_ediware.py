"""Specifics of Ediware: classification of answers, address columns, key, two base URLs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError, SecretUnavailable
from chalicelib.providers import registry
from chalicelib.providers.account import Account
from chalicelib.providers.ediware import address_columns, answers
from chalicelib.providers.spec import Contact, Provider
from chalicelib.providers.transport.exchange import MEGABYTE, Answer, Call
from chalicelib.providers.transport.session import Transport
from tests.contract.locks import CountedLock
from tests.contract.scripted import Reply, Scripted, after, answer, once, raw

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers" / "ediware.md"
KEY = "placeholder-key"
OK = answer({"result": "ok"})
KEY_REFUSED = answer({"error": "1", "message": "Error api_key invalid"})
PERSON = Contact("person@example.com", {"nom": "Nom"})
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "list_insert": {"list_id": "4781", "contacts": [{"email": "person@example.com"}]},
    "list_create": {"name": "Liste", "field_list": ["email"], "field_email": "email"},
    "list_list": {},
}


def account(server: Scripted, secret: Secret | None = None, **options: str) -> Account:
    base = f"{server.url}/api_http"
    return Account("paris", "ediware", base, None, options, {"api_key": secret or Secret.plain(KEY)})


@pytest.fixture
def ediware(server: Scripted, transport: Transport) -> Provider:
    return registry.spec("ediware").connect(account(server), transport)


def failure(ask: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


def lists(**columns: str) -> list[dict[str, str]]:
    """Rows of `list_list`: `l4781="email"` is list 4781 with that address column."""
    return [{"id": name[1:], "name": "Liste", "field_email": column} for name, column in columns.items()]


def functions(server: Scripted) -> list[str]:
    return [request.path.rsplit("/", 1)[1] for request in server.received]


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


class Rotated(Secret):
    """A secret whose stored value differs from the one that was read first."""

    def __init__(self, *values: str) -> None:
        super().__init__(values[0])
        self.values, self.fetched = values, 0

    def reveal(self, fresh: bool = False) -> str:
        self.fetched += fresh
        return self.values[min(self.fetched, len(self.values) - 1)]


class Gone(Secret):
    """A secret that cannot be had."""

    def reveal(self, fresh: bool = False) -> str:
        raise SecretUnavailable("accounts.paris.api_key", "env:NOWHERE", "not set")


class TestKey:
    def connect(self, server: Scripted, secret: Secret) -> Provider:
        return registry.spec("ediware").connect(account(server, secret), Transport())

    def test_a_rotated_key_is_fetched_and_the_call_repeated(self, server: Scripted) -> None:
        secret = Rotated("placeholder-old", "placeholder-new")
        server.script = [KEY_REFUSED, OK]
        assert self.connect(server, secret).call("list_delete", {"list_id": "1"}, budget=5) is True
        assert [request.json()["api_key"] for request in server.received] == ["placeholder-old", "placeholder-new"]
        assert secret.fetched == 1

    def test_an_unchanged_key_is_not_retried(self, server: Scripted) -> None:
        secret = Rotated("placeholder-old")
        server.script = [KEY_REFUSED]
        error = failure(lambda: self.connect(server, secret).call("list_delete", {"list_id": "1"}, budget=5))
        assert error.kind is Kind.ACCOUNT and (len(server.received), secret.fetched) == (1, 1)

    def test_a_rotated_key_is_tried_only_once(self, server: Scripted) -> None:
        secret = Rotated("placeholder-1", "placeholder-2", "placeholder-3")
        server.otherwise = KEY_REFUSED
        error = failure(lambda: self.connect(server, secret).call("list_delete", {"list_id": "1"}, budget=5))
        assert error.kind is Kind.ACCOUNT and len(server.received) == 2

    def test_other_refusals_do_not_refetch_the_key(self, server: Scripted) -> None:
        secret = Rotated("placeholder-old", "placeholder-new")
        server.script = [answer(b"", 403)]
        failure(lambda: self.connect(server, secret).call("list_delete", {"list_id": "1"}, budget=5))
        assert secret.fetched == 0

    def test_an_unreadable_key_is_an_account_error(self, server: Scripted) -> None:
        error = failure(lambda: self.connect(server, Gone("")).sign_up("4781", [PERSON], budget=5))
        assert error.kind is Kind.ACCOUNT and "accounts.paris.api_key" in error.message
        assert server.received == []

    def test_connecting_neither_reads_the_key_nor_makes_a_call(self, server: Scripted) -> None:
        self.connect(server, Gone(""))
        assert server.connections == 0


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


class TestBothCausesOfARefusedKey:
    """Ediware answers "api_key invalid" to a wrong key and, it seems, to an address that is not declared."""

    CAUSES = "(either the key is wrong, or the IP address that Relais calls from is not declared at Ediware)"

    def test_the_reason_of_a_pause_names_both(self, server: Scripted, ediware: Provider) -> None:
        server.script += [answer(lists(l4781="email")), KEY_REFUSED]
        error = failure(lambda: ediware.sign_up("4781", [PERSON], budget=5))
        assert error.kind is Kind.ACCOUNT
        assert error.message == f"list_insert: Error api_key invalid {self.CAUSES}"

    def test_both_remain_where_the_statistics_do_not_answer(self, server: Scripted, ediware: Provider) -> None:
        server.script += [KEY_REFUSED, answer(b"", 503)]
        error = failure(lambda: ediware.read_lists((), budget=5))
        assert error.message == f"list_list: Error api_key invalid {self.CAUSES}"
        assert "Compare api_key of [accounts.paris]" in error.remedy
        assert "the Elastic IP of the NAT gateway" in error.remedy
        assert functions(server) == ["list_list", "campaigns_stats"]

    def test_the_statistics_tell_them_apart(self, server: Scripted, ediware: Provider) -> None:
        server.script += [KEY_REFUSED, answer([])]
        error = failure(lambda: ediware.read_lists((), budget=5))
        assert "the key is right" in error.message
        assert "api_key" not in error.remedy
        server.script += [KEY_REFUSED, KEY_REFUSED]
        error = failure(lambda: ediware.read_lists((), budget=5))
        assert "the key is wrong" in error.message
        assert "Compare api_key" in error.remedy

    @pytest.mark.parametrize(
        ("sent_from", "shown"),
        [("192.168.1.7", None), ("127.0.0.1", None), ("8.8.4.4", "8.8.4.4"), ("2a00:1450::7%eth0", "2a00:1450::7")],
    )
    def test_the_address_is_named_where_it_can_be_told(self, sent_from: str, shown: str | None) -> None:
        call = Call("paris", "list_list", "POST", "https://www.example.com", False, 5)
        body = b'{"error":"1","message":"Error api_key invalid"}'
        error = failure(
            lambda: answers.read(
                Answer(call, 200, {}, body, sent_from=sent_from), answers.ok, refused_as=Kind.CALLER, key=KEY
            )
        )
        if shown is None:
            assert error.message == f"list_list: Error api_key invalid {self.CAUSES}"
        else:
            assert f"calls from, {shown}, is not declared" in error.message
            assert error.remedy.endswith(f"the IP address that Relais calls from: {shown}.")


def test_lists_of_sub_accounts_are_read_only_while_a_wanted_one_is_missing(server: Scripted, ediware: Provider) -> None:
    users = [{"id": "7", "log": "example_nord", "nom": "Nord", "email": "", "quota": "1", "class_domains": ""}]
    server.script += [answer(lists(l4781="email"))]
    assert ediware.read_lists(["4781"], budget=5) == {"4781": "Liste"}
    server.script += [answer(lists(l4781="email")), answer(users), answer(lists(l4790="EMAIL"))]
    assert ediware.read_lists(["4781", "4790"], budget=5) == {"4781": "Liste", "4790": "Liste"}
    assert ediware.address_field("4790", budget=5) == "EMAIL"
    assert functions(server) == ["list_list", "list_list", "user_list", "list_list"]
