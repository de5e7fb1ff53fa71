"""The session of myMailMarket: created when needed, cached, renewed in time, replaced once after a refusal, never
shown.
"""

from __future__ import annotations

import hashlib
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError, SecretUnavailable
from chalicelib.observability import redact
from chalicelib.providers import registry
from chalicelib.providers.mymailmarket.provider import MyMailMarket
from chalicelib.providers.transport.session import Transport
from tests.contract.locks import CountedLock
from tests.contract.mymailmarket import (
    ABSENT,
    LISTS,
    LOGIN,
    NEWS,
    PERSON,
    REFUSED,
    SECRETS,
    account,
    connect,
    failure,
    nok,
    ok,
    paths,
)
from tests.contract.provider_kits import forms
from tests.contract.scripted import Line, Reply, Scripted, answer, once, raw

CHANGE = {"fields": {"Name": "x"}}


class Clocks:
    """Two clocks that stand still until they are moved."""

    def __init__(self) -> None:
        self.monotonic, self.wall = 1000.0, 5000.0

    def __call__(self) -> tuple[float, ...]:
        return self.monotonic, self.wall


class Changing(Secret):
    """A secret that is another once it is read afresh."""

    def __init__(self, *values: str) -> None:
        super().__init__("")
        self.values = list(values)
        self.fresh = 0

    def reveal(self, fresh: bool = False) -> str:
        if fresh:
            self.fresh += 1
            self.values = self.values[1:] or self.values
        return self.values[0]


class TestLogin:
    def test_no_login_and_no_secret_read_before_the_first_call(self, server: Scripted) -> None:
        class Untouchable(Secret):
            def reveal(self, fresh: bool = False) -> str:
                raise AssertionError

        connect(server, secrets=dict.fromkeys(SECRETS, Untouchable("")))
        assert not server.received

    def test_the_five_login_segments_are_encoded_separately(self, server: Scripted) -> None:
        connect(server, LOGIN, LISTS).call("lists", {}, budget=5)
        digest = hashlib.md5("placeholder/pass wörd".encode()).hexdigest()
        assert server.received[0].method == "GET"
        assert server.received[0].path == (
            f"/V2.svc/session/create/user%20%C3%A9%2F1/{digest}/acme%20%26%20co/placeholder-key/placeholder%20s%C3%A9cret%2Fx"
        )
        assert server.received[1].path == "/V2.svc/lists?site=0616074266001&session=placeholder-session"

    @pytest.mark.parametrize("key", ["a/b ü+=&?#%", "k" * 4000])
    def test_a_session_key_may_contain_any_characters(self, key: str, server: Scripted) -> None:
        provider = connect(server, ok(key), ok("1"))
        provider.call("profile_persist", {"fields": {"MailAddress": "a@example.com"}}, budget=5)
        assert parse_qs(urlsplit(server.received[1].path).query)["session"] == [key]

    def test_an_array_with_one_session_is_accepted(self, server: Scripted) -> None:
        connect(server, answer([{"Result": "OK", "ResultID": 42}]), LISTS).call("lists", {}, budget=5)
        assert server.received[1].path.endswith("session=42")

    @pytest.mark.parametrize(
        ("reply", "kind", "message"),
        [
            (nok("invalid user name, password or site name"), Kind.ACCOUNT, "session_create: invalid user name"),
            (nok("whatever"), Kind.ACCOUNT, "whatever"),
            (nok("maintenance"), Kind.LATER, "maintenance"),
            (REFUSED, Kind.ACCOUNT, "401"),
            (answer(b"", 403), Kind.ACCOUNT, "403"),
            (answer(b"<html></html>", 400), Kind.ACCOUNT, "400"),
            (ABSENT, Kind.ACCOUNT, "check the account's base_url"),
            (nok("user not found"), Kind.ACCOUNT, "user not found"),
            (answer(b"", 500), Kind.LATER, "500"),
            (answer(b"", 429, {"Retry-After": "9"}), Kind.LATER, "429"),
            (raw(b"", reset=True), Kind.LATER, "connection"),
            (answer(b""), Kind.LATER, "empty"),
            (answer(b"<html>"), Kind.LATER, "HTML"),
            (answer(b'{"Result"'), Kind.LATER, "truncated"),
            (answer(None), Kind.LATER, "null"),
            (answer([]), Kind.LATER, "session_create"),
            (answer({"key": "x"}), Kind.LATER, "another shape"),
            (ok(), Kind.LATER, "no session key"),
        ],
    )
    def test_a_failed_login_is_never_a_contact_error(
        self, reply: Reply, kind: Kind, message: str, server: Scripted
    ) -> None:
        provider = connect(server)
        server.otherwise = reply
        for ask in (
            lambda: provider.sign_up(NEWS, [PERSON], budget=5),
            lambda: provider.unsubscribe(PERSON.email, global_scope=False, budget=5),
            lambda: provider.list_exists(NEWS, budget=5),
        ):
            error = failure(ask)
            assert (error.kind, error.list_only) == (kind, False)
            assert message in error.message
        assert set(paths(server)) == {"login"}

    def test_an_unreadable_secret_is_an_account_error(self, server: Scripted) -> None:
        class Broken(Secret):
            def reveal(self, fresh: bool = False) -> str:
                raise SecretUnavailable("accounts.brussel.password", "env:NONE", "not set")

        provider = connect(server, secrets={"password": Broken("")})
        error = failure(lambda: provider.sign_up(NEWS, [PERSON], budget=5))
        assert error.kind is Kind.ACCOUNT and "env:NONE" in error.message
        assert not server.received

    def test_rotated_secrets_are_tried_once(self, server: Scripted) -> None:
        password = Changing("placeholder-old", "placeholder-new")
        connect(server, nok("invalid password"), LOGIN, LISTS, secrets={"password": password}).call(
            "lists", {}, budget=5
        )
        used = [request.path.split("/")[5] for request in server.received[:2]]
        assert used == [hashlib.md5(each).hexdigest() for each in (b"placeholder-old", b"placeholder-new")]
        assert paths(server) == ["login", "login", "lists"] and password.fresh == 1

    def test_unchanged_secrets_are_not_retried(self, server: Scripted) -> None:
        provider = connect(server, nok("invalid password"))
        assert failure(lambda: provider.call("lists", {}, budget=5)).kind is Kind.ACCOUNT
        assert paths(server) == ["login"]


class TestCaching:
    def test_one_session_serves_all_calls(self, server: Scripted) -> None:
        provider = connect(server, LOGIN, *[ok("1")] * 5)
        for _ in range(5):
            provider.sign_up(NEWS, [PERSON], budget=5)
        assert paths(server) == ["login", *["subscriberprofile/persist"] * 5]
        assert {request.connection for request in server.received} == {1}

    @pytest.mark.parametrize("clock", ["monotonic", "wall"])
    def test_a_session_is_renewed_before_two_hours_by_either_clock(self, clock: str, server: Scripted) -> None:
        clocks = Clocks()
        provider = connect(server, LOGIN, LISTS, LISTS, ok("second"), LISTS, clocks=clocks)
        provider.call("lists", {}, budget=5)
        setattr(clocks, clock, getattr(clocks, clock) + 109 * 60)
        provider.call("lists", {}, budget=5)
        setattr(clocks, clock, getattr(clocks, clock) + 2 * 60)
        provider.call("lists", {}, budget=5)
        assert paths(server) == ["login", "lists", "lists", "login", "lists"]
        assert server.received[-1].path.endswith("session=second")

    def test_session_age_counts_from_the_start_of_the_login(self, server: Scripted) -> None:
        clocks = Clocks()

        def slowly(line: Line) -> None:
            clocks.wall += 100 * 60
            LOGIN(line)

        provider = connect(server, slowly, LISTS, LOGIN, LISTS, clocks=clocks)
        provider.call("lists", {}, budget=5)
        clocks.wall += 11 * 60
        provider.call("lists", {}, budget=5)
        assert paths(server) == ["login", "lists", "login", "lists"]

    def test_a_failed_login_is_not_cached(self, server: Scripted) -> None:
        provider = connect(server, answer(b"", 500), LOGIN, LISTS)
        assert failure(lambda: provider.call("lists", {}, budget=5)).kind is Kind.LATER
        assert provider.call("lists", {}, budget=5)


class TestRefusal:
    @pytest.mark.parametrize("refusal", [REFUSED, nok("invalid session"), answer(b'{"Result":"NOK"}', 401)])
    def test_a_changing_call_is_repeated_once_with_a_new_session(self, refusal: Reply, server: Scripted) -> None:
        keys = Changing("placeholder-key")
        provider = connect(server, LOGIN, refusal, ok("second"), ok("1"), secrets={"api_key": keys})
        provider.sign_up(NEWS, [PERSON], budget=5)
        assert paths(server) == ["login", "subscriberprofile/persist"] * 2
        assert [request.path.rpartition("=")[2] for request in server.received[1::2]] == [
            "placeholder-session",
            "second",
        ]
        assert server.received[1].body == server.received[3].body
        assert keys.fresh == 1, "the secrets are read afresh for it"

    def test_a_second_refusal_is_an_account_error(self, server: Scripted) -> None:
        provider = connect(server, LOGIN, REFUSED, LOGIN, REFUSED)
        error = failure(lambda: provider.sign_up(NEWS, [PERSON], budget=5))
        assert (error.kind, error.list_only, error.provider_code) == (Kind.ACCOUNT, False, "401")
        assert paths(server) == ["login", "subscriberprofile/persist"] * 2

    def test_a_login_refused_after_it_is_not_repeated(self, server: Scripted) -> None:
        provider = connect(server, LOGIN, REFUSED, REFUSED)
        assert failure(lambda: provider.sign_up(NEWS, [PERSON], budget=5)).kind is Kind.ACCOUNT
        assert paths(server) == ["login", "subscriberprofile/persist", "login"]

    def test_the_outcome_of_the_second_attempt_counts(self, server: Scripted) -> None:
        provider = connect(server, LOGIN, REFUSED, LOGIN, raw(b"", reset=True))
        assert failure(lambda: provider.sign_up(NEWS, [PERSON], budget=5)).kind is Kind.UNKNOWN


def at_once(number: int, ask: Callable[[], Any]) -> list[Any]:
    """What `ask` gives or raises in so many threads that start together."""
    start = threading.Barrier(number)

    def one(_: int) -> Any:
        start.wait(10)
        try:
            return ask()
        except ProviderError as error:
            return error.kind

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def counted(provider: MyMailMarket) -> CountedLock:
    """The lock under which the provider makes its session, as one that counts who asked for it."""
    lock = CountedLock()
    vars(provider._client._sessions)["_lock"] = lock
    return lock


class TestManyThreads:
    def test_twenty_threads_share_one_login(self, server: Scripted) -> None:
        provider = connect(server)
        lock = counted(provider)
        server.script, server.otherwise = [once(lambda: lock.asked == 20, LOGIN)], LISTS
        results = at_once(20, lambda: provider.call("lists", {}, budget=10))
        assert all(isinstance(result, list) for result in results)
        assert paths(server).count("login") == 1

    def test_twenty_threads_renew_an_old_session_once(self, server: Scripted) -> None:
        clocks = Clocks()
        provider = connect(server, clocks=clocks)
        lock = counted(provider)
        server.script, server.otherwise = [LOGIN, LISTS, once(lambda: lock.asked == 1 + 20, LOGIN)], LISTS
        provider.call("lists", {}, budget=5)
        clocks.monotonic += 7000
        at_once(20, lambda: provider.call("lists", {}, budget=10))
        assert paths(server).count("login") == 2

    def test_twenty_threads_share_one_failed_login(self, server: Scripted) -> None:
        provider = connect(server)
        lock = counted(provider)
        server.otherwise = once(lambda: lock.asked == 20, nok("wrong site"))
        assert set(at_once(20, lambda: provider.call("lists", {}, budget=10))) == {Kind.ACCOUNT}
        assert paths(server) == ["login"]

    def test_waiting_for_a_login_ends_with_the_callers_budget(
        self, server: Scripted, wait_for: Callable[..., Any]
    ) -> None:
        provider = connect(server)
        given_up = threading.Event()
        server.otherwise = once(given_up.is_set, raw(b""))
        first = threading.Thread(target=lambda: failure(lambda: provider.call("lists", {}, budget=10)))
        first.start()
        wait_for(lambda: server.received)
        assert failure(lambda: provider.call("lists", {}, budget=0.05)).kind is Kind.LATER
        assert first.is_alive() and len(server.received) == 1
        given_up.set()
        first.join()


class TestSecrecy:
    @pytest.mark.parametrize("secret", [*SECRETS.values(), "placeholder-session"])
    def test_secrets_echoed_by_the_provider_are_masked(self, secret: str, server: Scripted) -> None:
        for form in forms(secret):
            refusal = nok(f"no {form} here")
            for script in [[LOGIN, refusal], [refusal]][: 1 if secret == "placeholder-session" else 2]:
                provider = connect(server, *script)
                error = failure(lambda provider=provider: provider.call("list_persist", CHANGE, budget=5))
                reported = "".join([repr(error), *traceback.format_exception(error)])
                assert form not in reported and "no *** here" in reported

    def test_the_session_key_is_masked_in_logs(self, server: Scripted) -> None:
        key = "placeholder/session é"
        connect(server, ok(key), LISTS).call("lists", {}, budget=5)
        for form in forms(key):
            assert form not in redact(f"GET /lists and then {form}!")

    def test_reprs_show_no_secret(self, server: Scripted) -> None:
        provider = connect(server, LOGIN, LISTS)
        provider.call("lists", {}, budget=5)
        client = provider._client
        seen = [provider, client, *vars(client).values(), *vars(client._login).values()]
        seen += vars(client._sessions).values()
        text = " ".join(repr(each) for each in seen)
        assert not [
            form for secret in [*SECRETS.values(), "placeholder-session"] for form in forms(secret) if form in text
        ]

    def test_connecting_reads_no_secret(self, server: Scripted, transport: Transport) -> None:
        assert registry.spec("mymailmarket").connect(account(server.url), transport)
        assert not server.received
