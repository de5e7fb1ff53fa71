"""Specifics of myMailMarket: signups, unsubscribes over all lists, paged reading of unsubscribes, campaigns by call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.providers.mymailmarket import provider as module
from chalicelib.providers.mymailmarket.api import STATUSES
from chalicelib.providers.mymailmarket.provider import MyMailMarket
from chalicelib.providers.spec import Contact, KnownCampaign, Provider
from chalicelib.providers.transport.session import Transport
from local.sandbox import Control, Sandbox
from tests.contract.mymailmarket import (
    ABSENT,
    CUSTOMERS,
    LISTS,
    LOGIN,
    NEWS,
    PERSON,
    account,
    connect,
    failure,
    nok,
    ok,
    paths,
    subscriber,
)
from tests.contract.provider_kits import MYMAILMARKET
from tests.contract.scripted import Reply, Scripted, answer
from tests.support.controlled_time import until_others_wait

EMAIL = "person@example.com"
THERE = answer(subscriber(1, "active"))
NULLS = answer({"SubscriberId": None, "MailAddress": None, "Status": None})


@pytest.fixture
def real(sandbox: Sandbox, transport: Transport) -> Provider:
    return MYMAILMARKET.connect(sandbox.url, transport)


def statuses(control: Control, address: str) -> dict[str, str]:
    """List -> status of an address in the sandbox."""
    lists = control.state()["providers"]["mymailmarket"]["accounts"]["brussel"]["lists"]
    return {name: row["Status"] for name, one in lists.items() for row in one["rows"] if row["MailAddress"] == address}


class TestSignups:
    def test_fields_cannot_override_the_list_or_the_address(self, server: Scripted) -> None:
        fields = {
            "FirstName": "Zoë",
            "MailAddress": "x@example.com",
            "groepid": "1",
            "Groepid": "2",
            "mailaddress": "y",
        }
        connect(server, LOGIN, ok("1")).sign_up(NEWS, [Contact("Person@Example.com", fields)], budget=5)
        sent = server.received[1]
        assert sent.json() == {"FirstName": "Zoë", "MailAddress": "Person@Example.com", "Groepid": NEWS}
        assert sent.headers["content-type"] == "application/json; charset=utf-8"
        assert "Zoë" in sent.body.decode()

    def test_a_repeated_signup_updates_one_contact(self, real: Provider, control: Control) -> None:
        for name in ("Zoë", "Zoé"):
            real.sign_up(NEWS, [Contact("new@example.com", {"FirstName": name})], budget=5)
        rows = control.state()["providers"]["mymailmarket"]["accounts"]["brussel"]["lists"][NEWS]["rows"]
        assert [row["FirstName"] for row in rows if row["MailAddress"] == "new@example.com"] == ["Zoé"]

    @pytest.mark.parametrize(
        "reply", [ABSENT, nok("List not found"), nok("Groepid 7 bestaat niet"), nok("unknown list")]
    )
    def test_a_missing_list_is_a_list_error(self, reply: Reply, server: Scripted) -> None:
        error = failure(lambda: connect(server, LOGIN, reply).sign_up("7", [PERSON], budget=5))
        assert (error.kind, error.list_only) == (Kind.ACCOUNT, True) and "list 7 " in error.message

    @pytest.mark.parametrize(
        "message", ["computer says no", "mail domain unknown", "address is on the list of rejects"]
    )
    def test_other_messages_are_contact_errors(self, message: str, server: Scripted) -> None:
        error = failure(lambda: connect(server, LOGIN, nok(message)).sign_up("7", [PERSON], budget=5))
        assert (error.kind, error.list_only, error.provider_code) == (Kind.CONTACT, False, "NOK")

    @pytest.mark.parametrize("reply", [ABSENT, answer([]), answer({}), nok("list not found"), answer(b"", 400)])
    def test_every_missing_list_message_is_recognised(self, reply: Reply, server: Scripted) -> None:
        assert not connect(server, LOGIN, reply).list_exists("7", budget=5)

    def test_no_list_id_pauses_the_account(self, server: Scripted) -> None:
        assert not connect(server).list_exists("..", budget=5)
        assert not server.received

    def test_an_empty_answer_does_not_mean_a_missing_list(self, server: Scripted) -> None:
        error = failure(lambda: connect(server, LOGIN, answer(b"")).list_exists("7", budget=5))
        assert error.kind is Kind.LATER


class TestUnsubscribes:
    def test_the_address_is_unsubscribed_from_every_list_that_contains_it(
        self, real: Provider, control: Control
    ) -> None:
        real.unsubscribe("Camille@Example.com", global_scope=False, budget=5)
        assert statuses(control, "camille@example.com") == {NEWS: "unsubscribed", CUSTOMERS: "unsubscribed"}

    def test_only_lists_with_an_active_subscriber_are_changed(self, real: Provider, control: Control) -> None:
        control.set(
            "mymailmarket", set_status={"MailAddress": "camille@example.com", "list": NEWS, "Status": "blacklist"}
        )
        real.unsubscribe("camille@example.com", global_scope=True, budget=5)
        assert statuses(control, "camille@example.com") == {NEWS: "blacklist", CUSTOMERS: "unsubscribed"}
        real.unsubscribe("camille@example.com", global_scope=True, budget=5)
        assert len(control.calls(function="unsubscribe_by_address")) == 1

    @pytest.mark.parametrize("status", ["active", "bounced", "on hold", "referred", "Active", "", None])
    def test_every_mailable_status_is_unsubscribed(self, status: str | None, server: Scripted) -> None:
        found = answer({**subscriber(1), "Status": status})
        provider = connect(server, LOGIN, answer([{"Id": NEWS}]), found, ok())
        provider.unsubscribe(EMAIL, global_scope=False, budget=5)
        assert paths(server) == ["login", "lists", "Subscriber", "unsubscribe/"]

    @pytest.mark.parametrize("status", ["unsubscribed", "blacklist", "deleted", "Unsubscribed "])
    def test_unsubscribed_statuses_are_left_unchanged(self, status: str, server: Scripted) -> None:
        provider = connect(server, LOGIN, answer([{"Id": NEWS}]), answer([subscriber(1, status)]))
        provider.unsubscribe(EMAIL, global_scope=False, budget=5)
        assert paths(server) == ["login", "lists", "Subscriber"]

    @pytest.mark.parametrize(
        "reply",
        [
            ABSENT,
            nok("Subscriber not found"),
            nok("person@example.com is not in this list"),
            answer([]),
            answer({}),
            NULLS,
            answer([{"MailAddress": ""}]),
        ],
    )
    def test_every_form_of_not_found_counts_as_success(self, reply: Reply, server: Scripted) -> None:
        connect(server, LOGIN, LISTS, reply, reply).unsubscribe(EMAIL, global_scope=False, budget=5)
        assert paths(server) == ["login", "lists", "Subscriber", "Subscriber"]

    @pytest.mark.parametrize("reply", [ABSENT, nok("Subscriber not found")])
    def test_a_look_up_that_finds_nobody_is_no_failed_call(self, reply: Reply, server: Scripted) -> None:
        outcomes: list[tuple[str, str]] = []
        transport = Transport(on_call=lambda label, account, seconds, outcome: outcomes.append((label, outcome)))
        server.script = [LOGIN, LISTS, reply, THERE, reply, reply, reply]
        provider = MyMailMarket(account(server.url), transport)
        provider.unsubscribe(EMAIL, global_scope=False, budget=5)
        provider.forget(EMAIL, budget=5)
        assert [outcome for _, outcome in outcomes] == ["ok"] * 7
        server.script = [ABSENT]
        assert failure(lambda: provider.sign_up("7", [PERSON], budget=5)).list_only
        assert outcomes[-1] == ("profile_persist", "caller"), "a list that is not there is a failure"

    @pytest.mark.parametrize("nothing", [answer(b""), answer(None)])
    @pytest.mark.parametrize("reply", [ok("1"), ABSENT, nok("computer says no")])
    def test_after_an_empty_lookup_the_unsubscribe_call_decides(
        self, nothing: Reply, reply: Reply, server: Scripted
    ) -> None:
        connect(server, LOGIN, LISTS, nothing, reply, nothing, reply).unsubscribe(EMAIL, global_scope=False, budget=5)
        assert paths(server) == ["login", "lists", *["Subscriber", "unsubscribe/"] * 2]

    @pytest.mark.parametrize("nothing", [answer(b""), answer(None)])
    def test_empty_answers_to_both_calls_are_an_error(self, nothing: Reply, server: Scripted) -> None:
        provider = connect(server, LOGIN, LISTS, nothing, answer(b""))
        assert failure(lambda: provider.unsubscribe(EMAIL, global_scope=False, budget=5)).kind is Kind.UNKNOWN

    @pytest.mark.parametrize("odd", [nok("computer says no"), nok("unknown field emailaddress")])
    def test_after_an_unreadable_lookup_the_unsubscribe_call_decides(self, odd: Reply, server: Scripted) -> None:
        provider = connect(server, LOGIN, LISTS, odd, ok("1"), ok("an id"), nok("not found"))
        provider.unsubscribe(EMAIL, global_scope=False, budget=5)
        assert paths(server) == ["login", "lists", *["Subscriber", "unsubscribe/"] * 2]

    @pytest.mark.parametrize("reply", [ABSENT, nok("already unsubscribed"), nok("is reeds uitgeschreven")])
    def test_a_subscriber_deleted_meanwhile_counts_as_success(self, reply: Reply, server: Scripted) -> None:
        connect(server, LOGIN, answer([{"Id": NEWS}]), THERE, reply).unsubscribe(EMAIL, global_scope=False, budget=5)

    def test_a_refused_unsubscribe_of_a_subscriber_is_an_error(self, server: Scripted) -> None:
        provider = connect(server, LOGIN, answer([{"Id": NEWS}]), THERE, nok("computer says no"))
        assert failure(lambda: provider.unsubscribe(EMAIL, global_scope=False, budget=5)).kind is Kind.CONTACT

    def test_the_next_attempt_continues_with_the_remaining_lists(self, real: Provider, control: Control) -> None:
        control.fault("status", status=500, function="unsubscribe_by_address", skip=1, times=1)
        assert (
            failure(lambda: real.unsubscribe("camille@example.com", global_scope=False, budget=5)).kind is Kind.UNKNOWN
        )
        real.unsubscribe("camille@example.com", global_scope=False, budget=5)
        assert set(statuses(control, "camille@example.com").values()) == {"unsubscribed"}
        worked = [call for call in control.calls(function="unsubscribe_by_address") if call["worked"]]
        assert len(worked) == 2

    def test_no_call_starts_after_the_budget(self, real: Provider, control: Control) -> None:
        control.fault("latency", delay_seconds=7, function="subscriber_by_address")
        assert (
            failure(lambda: real.unsubscribe("camille@example.com", global_scope=False, budget=12)).kind is Kind.LATER
        )

    def test_lists_are_cached_for_some_minutes(self, server: Scripted) -> None:
        clock = [0.0]
        provider = connect(server, LOGIN, LISTS, *[ABSENT] * 4, LISTS, *[ABSENT] * 2, clocks=lambda: tuple(clock))
        for moment in (0.0, module.LISTS_SECONDS - 1, module.LISTS_SECONDS + 1):
            clock[0] = moment
            provider.unsubscribe(EMAIL, global_scope=False, budget=5)
        assert paths(server).count("lists") == 2

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (ABSENT, Kind.ACCOUNT),
            (nok("site unknown"), Kind.ACCOUNT),
            (answer(b"", 400), Kind.ACCOUNT),
            (ok(), Kind.LATER),
            (ok("1"), Kind.LATER),
            (answer(b""), Kind.LATER),
            (answer(None), Kind.LATER),
        ],
    )
    def test_unreadable_lists_are_an_error_not_an_empty_result(
        self, reply: Reply, kind: Kind, server: Scripted
    ) -> None:
        error = failure(lambda: connect(server, LOGIN, reply).unsubscribe(EMAIL, global_scope=False, budget=5))
        assert error.kind is kind

    @pytest.mark.parametrize("nothing", [answer(b""), answer(None)])
    def test_an_empty_login_answer_is_not_an_empty_result(self, nothing: Reply, server: Scripted) -> None:
        refused = answer(b"", 401)
        provider = connect(server, LOGIN, LISTS, ABSENT, ABSENT, refused, nothing, refused, nothing)
        provider.unsubscribe(EMAIL, global_scope=False, budget=5)
        assert failure(lambda: provider.unsubscribe(EMAIL, global_scope=False, budget=5)).kind is Kind.LATER
        error = failure(lambda: provider.lift_suppression(EMAIL, list_id=NEWS, provider_id=None, budget=5))
        assert error.kind is Kind.LATER

    def test_an_account_without_lists_makes_no_further_call(self, server: Scripted) -> None:
        connect(server, LOGIN, answer([])).unsubscribe(EMAIL, global_scope=False, budget=5)


class TestResubscription:
    def test_only_the_requested_list_is_changed(self, real: Provider, control: Control) -> None:
        real.unsubscribe("camille@example.com", global_scope=False, budget=5)
        real.lift_suppression("Camille@Example.com", list_id=NEWS, provider_id=None, budget=5)
        assert statuses(control, "camille@example.com") == {NEWS: "active", CUSTOMERS: "unsubscribed"}

    def test_a_signup_alone_keeps_the_unsubscribed_status(self, real: Provider, control: Control) -> None:
        back = Contact("camille@example.com", {"FirstName": "Camille"})
        real.unsubscribe(back.email, global_scope=False, budget=5)
        real.sign_up(NEWS, [back], budget=5)
        assert statuses(control, back.email)[NEWS] == "unsubscribed"
        real.lift_suppression(back.email, list_id=NEWS, provider_id=None, budget=5)
        real.sign_up(NEWS, [back], budget=5)
        assert statuses(control, back.email)[NEWS] == "active"

    @pytest.mark.parametrize("status", ["active", "bounced", "on hold", "referred", "deleted"])
    def test_an_active_subscriber_is_left_unchanged(self, status: str, server: Scripted) -> None:
        provider = connect(server, LOGIN, answer(subscriber(1, status)))
        provider.lift_suppression(EMAIL, list_id=NEWS, provider_id=None, budget=5)
        assert paths(server) == ["login", "Subscriber"]

    @pytest.mark.parametrize("reply", [ABSENT, nok("Subscriber not found"), answer(b""), answer([]), NULLS])
    def test_an_unknown_subscriber_is_left_unchanged(self, reply: Reply, server: Scripted) -> None:
        connect(server, LOGIN, reply).lift_suppression(EMAIL, list_id=NEWS, provider_id=None, budget=5)
        assert paths(server) == ["login", "Subscriber"]

    @pytest.mark.parametrize("status", ["unsubscribed", "Unsubscribed "])
    @pytest.mark.parametrize("reply", [ok("1"), ABSENT], ids=["done", "gone meanwhile"])
    def test_the_status_is_set_by_the_subscribers_id(self, reply: Reply, status: str, server: Scripted) -> None:
        provider = connect(server, LOGIN, answer([subscriber(7, status)]), reply)
        provider.lift_suppression(EMAIL, list_id=NEWS, provider_id="another", budget=5)
        assert paths(server) == ["login", "Subscriber", f"subscriber/{7:013d}/status/active/"]

    @pytest.mark.parametrize("status", ["blacklist", "Blacklisted"])
    def test_a_blacklisted_subscriber_cannot_be_lifted(self, status: str, server: Scripted) -> None:
        rows = [subscriber(1), subscriber(2, status)]
        provider = connect(server, LOGIN, answer(rows))
        error = failure(lambda: provider.lift_suppression(EMAIL, list_id=NEWS, provider_id=None, budget=5))
        assert error.kind is Kind.CONTACT and "blacklist" in error.message and "resend" in error.message
        assert paths(server) == ["login", "Subscriber"], "nothing is changed, of the other row neither"

    @pytest.mark.parametrize("reply", [ok("1"), answer({**subscriber(1), "Status": None})])
    def test_an_answer_without_status_is_retried(self, reply: Reply, server: Scripted) -> None:
        provider = connect(server, LOGIN, reply)
        assert (
            failure(lambda: provider.lift_suppression(EMAIL, list_id=NEWS, provider_id=None, budget=5)).kind
            is Kind.LATER
        )
        assert paths(server) == ["login", "Subscriber"]

    def test_a_refusal_is_raised(self, server: Scripted) -> None:
        provider = connect(server, LOGIN, answer(subscriber(1)), nok("computer says no"))
        error = failure(lambda: provider.lift_suppression(EMAIL, list_id=NEWS, provider_id=None, budget=5))
        assert error.kind is Kind.CALLER and "computer says no" in error.message

    def test_lifting_needs_a_list(self, server: Scripted) -> None:
        provider = connect(server)
        error = failure(lambda: provider.lift_suppression(EMAIL, list_id=None, provider_id=None, budget=5))
        assert error.kind is Kind.CALLER and not server.received


class TestForgetting:
    def test_the_address_is_unsubscribed_from_all_lists_before_any_deletion(self, server: Scripted) -> None:
        one = [LOGIN, LISTS, THERE, ok(), THERE, ok(), ok(), ok()]
        connect(server, *one).forget(EMAIL, budget=5)
        deletion = f"subscriber/address/{EMAIL.replace('@', '%40')}/delete"
        assert paths(server) == ["login", "lists", *["Subscriber", "unsubscribe/"] * 2, deletion, deletion]

    @pytest.mark.parametrize("status", ["unsubscribed", "blacklist"])
    def test_an_unsubscribed_subscriber_is_deleted_too(self, status: str, server: Scripted) -> None:
        connect(server, LOGIN, LISTS, answer(subscriber(1, status)), ABSENT, ok()).forget(EMAIL, budget=5)
        assert len(server.received) == 5 and paths(server)[-1].endswith("/delete")

    @pytest.mark.parametrize("reply", [ABSENT, NULLS, answer(subscriber(1, "deleted"))])
    def test_an_unknown_or_deleted_address_counts_as_forgotten(self, reply: Reply, server: Scripted) -> None:
        connect(server, LOGIN, LISTS, reply, reply).forget(EMAIL, budget=5)
        assert paths(server) == ["login", "lists", "Subscriber", "Subscriber"]

    @pytest.mark.parametrize("reply", [ABSENT, nok("subscriber not found")])
    def test_a_subscriber_deleted_meanwhile_counts_as_forgotten(self, reply: Reply, server: Scripted) -> None:
        connect(server, LOGIN, answer([{"Id": NEWS}]), THERE, reply, reply).forget(EMAIL, budget=5)

    def test_deletion_is_tried_after_an_unreadable_lookup(self, server: Scripted) -> None:
        odd = nok("computer says no")
        connect(server, LOGIN, answer([{"Id": NEWS}]), odd, ABSENT, ABSENT).forget(EMAIL, budget=5)
        assert len(server.received) == 5

    def test_a_refusal_is_raised(self, server: Scripted) -> None:
        provider = connect(server, LOGIN, answer([{"Id": NEWS}]), THERE, ok(), nok("computer says no"))
        assert "computer says no" in failure(lambda: provider.forget(EMAIL, budget=5)).message

    def test_a_later_signup_creates_a_new_subscriber(self, real: Provider, control: Control) -> None:
        real.forget("camille@example.com", budget=5)
        real.lift_suppression("camille@example.com", list_id=NEWS, provider_id=None, budget=5)
        real.sign_up(NEWS, [Contact("camille@example.com")], budget=5)
        assert statuses(control, "camille@example.com") == {NEWS: "active", CUSTOMERS: "deleted"}


class TestReadingSubscribers:
    def test_every_status_except_unsubscribed_ones_is_read(self, real: Provider, control: Control) -> None:
        named = {status: f"is.{status.replace(' ', '')}@example.com" for status in STATUSES}
        rows = [{"MailAddress": address, "Status": status} for status, address in named.items()]
        control.set("mymailmarket", add_subscribers={"list": CUSTOMERS, "rows": [*rows, {"MobileNumber": "324"}]})
        found = list(real.subscribed(budget=10))
        mailed = {status for status, address in named.items() if address in found}
        assert mailed == {"active", "bounced", "on hold", "referred"}
        assert found.count("camille@example.com") == 2 and "" not in found

    def test_shifting_rows_are_not_missed(self, real: Provider, control: Control) -> None:
        names = [f"here{number}@example.com" for number in range(600)]
        rows = [{"MailAddress": name, "seconds_ago": number + 9} for number, name in enumerate(names)]
        control.set("mymailmarket", add_subscribers={"list": NEWS, "rows": rows})
        moved = {"set_status": {"MailAddress": names[400], "Status": "active"}}
        control.set("mymailmarket", between_pages=[{"remove": names[7], **moved}, {"remove": names[8]}])
        assert {*names} <= {*real.subscribed(budget=20)}


class TestVersions:
    def test_a_changed_row_has_another_version(self, real: Provider, control: Control) -> None:
        def versions() -> dict[str, str | None]:
            return {row.email: row.version for row in real.unsubscribed(budget=5)}

        first = versions()
        assert versions() == first and all(first.values())
        control.clock(advance=60)
        for status in ("active", "unsubscribed"):
            control.set("mymailmarket", set_status={"MailAddress": "weg@example.com", "Status": status})
        second = versions()
        control.set("mymailmarket", set_status={"MailAddress": "weg@example.com", "Status": "blacklist"})
        assert len({first["weg@example.com"], second["weg@example.com"], versions()["weg@example.com"]}) == 3

    def test_a_row_without_dates_has_no_version(self, server: Scripted) -> None:
        rows = answer([{"SubscriberId": "1", "MailAddress": EMAIL}])
        (row,) = connect(server, LOGIN, answer([{"Id": NEWS}]), rows, answer([])).unsubscribed(budget=5)
        assert row.version is None


def pages(*starts: Sequence[dict[str, Any]]) -> list[Reply]:
    return [answer(list(page)) for page in starts]


def unsubscribed_rows(first: int, last: int) -> list[dict[str, Any]]:
    return [subscriber(number) for number in range(first, last + 1)]


class TestReadingUnsubscribes:
    def test_unsubscribes_are_read_from_all_lists_and_both_statuses(self, real: Provider, control: Control) -> None:
        control.set(
            "mymailmarket",
            add_subscribers={
                "list": CUSTOMERS,
                "rows": [
                    {"MailAddress": "blocked@example.com", "Status": "blacklist"},
                    {"MailAddress": "bounced@example.com", "Status": "bounced"},
                    {"MailAddress": "", "MobileNumber": "32400000001", "Status": "unsubscribed"},
                ],
            },
        )
        found = real.unsubscribed(budget=5)
        rows = list(found)
        assert {row.email for row in rows} == {"weg@example.com", "blocked@example.com"} and found.skipped == 1
        assert all(row.at is None and row.provider_id for row in rows)

    def test_pages_overlap_by_one_row(self, server: Scripted) -> None:
        one = answer([{"Id": NEWS}])
        script = pages(
            unsubscribed_rows(0, 249),
            unsubscribed_rows(249, 498),
            unsubscribed_rows(498, 500),
            unsubscribed_rows(0, 249),
            [],
        )
        found = list(connect(server, LOGIN, one, *script).unsubscribed(budget=5))
        assert [row.provider_id for row in found] == [f"{number:013d}" for number in range(501)]
        queries = [parse_qs(urlsplit(request.path).query) for request in server.received[2:]]
        assert [query["startindex"] for query in queries] == [["0"], ["249"], ["498"], ["0"], ["0"]]
        assert {*(query["pagesize"][0] for query in queries)} == {"250"}
        assert paths(server)[2:] == [f"subscribers/group/{NEWS}/status/unsubscribed/"] * 4 + [
            f"subscribers/group/{NEWS}/status/blacklist/"
        ]

    def test_rows_shifting_between_pages_are_not_missed(self, real: Provider, control: Control) -> None:
        names = [f"left{number}@example.com" for number in range(600)]
        rows = [{"MailAddress": name, "Status": "unsubscribed", "seconds_ago": 9} for name in names]
        control.set("mymailmarket", add_subscribers={"list": NEWS, "rows": rows})
        back = {"set_status": {"MailAddress": "left7@example.com", "Status": "active"}}
        unsubscribe = {"set_status": {"MailAddress": "camille@example.com", "list": NEWS, "Status": "unsubscribed"}}
        control.set("mymailmarket", between_pages=[back, unsubscribe])
        found = [row.email for row in real.unsubscribed(budget=20)]
        assert {*names, "camille@example.com", "weg@example.com"} <= {*found, "left7@example.com"}
        assert len(found) == len(set(found)), "each row comes once, read twice or not"

    def test_a_row_moving_to_the_front_during_a_resubscription_is_not_missed(
        self, real: Provider, control: Control
    ) -> None:
        names = [f"left{number}@example.com" for number in range(600)]
        rows = [
            {"MailAddress": name, "Status": "unsubscribed", "seconds_ago": number + 9}
            for number, name in enumerate(names)
        ]
        control.set("mymailmarket", add_subscribers={"list": NEWS, "rows": rows})
        both = {"remove": "left7@example.com", "set_status": {"MailAddress": names[400], "Status": "unsubscribed"}}
        control.set("mymailmarket", between_pages=[both])
        assert {*names} <= {row.email for row in real.unsubscribed(budget=20)}
        assert len(control.calls(function="subscribers_in_status")) == 8, "none of them read twice through"

    def test_a_list_that_keeps_changing_is_retried(self, server: Scripted) -> None:
        script = [page for _ in range(5) for page in pages(unsubscribed_rows(0, 249), unsubscribed_rows(600, 610))]
        provider = connect(server, LOGIN, answer([{"Id": NEWS}]), *script)
        assert failure(lambda: list(provider.unsubscribed(budget=5))).kind is Kind.LATER
        assert len(server.received) == 12

    @pytest.mark.parametrize("reply", [ABSENT, answer(None), answer([])])
    def test_a_status_without_subscribers_is_empty(self, reply: Reply, server: Scripted) -> None:
        provider = connect(server, LOGIN, answer([{"Id": NEWS}]), reply, reply)
        assert list(provider.unsubscribed(budget=5)) == []

    @pytest.mark.parametrize(
        ("reply", "kind"), [(answer(b"", 400), Kind.ACCOUNT), (ok(), Kind.LATER), (answer(["?"]), Kind.LATER)]
    )
    def test_an_unreadable_page_is_raised(self, reply: Reply, kind: Kind, server: Scripted) -> None:
        provider = connect(server, LOGIN, answer([{"Id": NEWS}]), reply)
        assert failure(lambda: list(provider.unsubscribed(budget=5))).kind is kind


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run calls in order, so that scripted answers belong to the campaigns in their order."""
    monkeypatch.setattr("chalicelib.providers.mymailmarket.provider.PARALLEL_CALLS", 1)


class TestCampaigns:
    def test_sent_campaigns_are_read_with_their_figures(self, real: Provider, control: Control) -> None:
        control.set(
            "mymailmarket",
            add_campaign={
                "id": "7",
                "name": "Nu",
                "subject": "Nu !",
                "status": "partial sent",
                "sent_seconds_ago": 60,
                "figures": {"NumberSent": "12", "Opened": {"Unique": 3, "Total": 5}},
            },
        )
        found = list(real.campaigns(budget=5))
        assert [each.campaign for each in found] == ["7", "0616074267001", "0616074267002", "0616074267003"]
        now = found[0]
        assert (now.name, now.subject, now.sent, now.opens, now.unique_opens, now.clicks) == (
            "Nu",
            "Nu !",
            12,
            5,
            3,
            None,
        )
        assert now.sent_at is not None and now.raw == {"NumberSent": 12, "Opened.Unique": 3, "Opened.Total": 5}
        older = found[2]
        assert older.sent == 3200 and older.hard_bounces is not None and older.raw["OpenRate"] != older.unique_opens

    def test_campaigns_that_are_not_due_make_no_call(self, real: Provider, control: Control) -> None:
        known = [KnownCampaign("0616074267001", due=True), KnownCampaign("0616074267002", due=False)]
        found = [each.campaign for each in real.campaigns(budget=5, known=known)]
        assert found == ["0616074267003", "0616074267001"], "the one that is not known comes first"
        assert len(control.calls(function="campaign_stats")) == 2

    def test_known_campaigns_are_read_in_the_given_order(self, real: Provider) -> None:
        known = [KnownCampaign(f"061607426700{number}") for number in (2, 9, 3, 1)]
        found = [each.campaign for each in real.campaigns(budget=5, known=known)]
        assert found == ["0616074267002", "0616074267003", "0616074267001"]

    def test_several_campaigns_are_read_concurrently(self, sandbox: Sandbox, real: Provider, control: Control) -> None:
        sandbox.simulation.pause = until_others_wait(3)
        control.fault("latency", delay_seconds=1, function="campaign_stats")
        assert len(list(real.campaigns(budget=5))) == 3
        assert control.state()["providers"]["mymailmarket"]["most_in_flight"] > 1

    def test_figures_read_before_an_error_are_returned(
        self, real: Provider, control: Control, one_at_a_time: None
    ) -> None:
        control.fault("status", status=503, function="campaign_stats", skip=1)
        reading = iter(real.campaigns(budget=5))
        assert next(reading).campaign == "0616074267001"
        assert failure(lambda: next(reading)).kind is Kind.LATER

    @pytest.mark.parametrize("reply", [ABSENT, nok("no statistics yet"), answer(None), answer(b""), ok("1")])
    def test_a_campaign_without_figures_does_not_affect_the_others(
        self, reply: Reply, server: Scripted, one_at_a_time: None
    ) -> None:
        listed = answer([{"Id": "1"}, {"Id": "2"}])
        script = [LOGIN, listed, answer([]), ABSENT, reply, answer({"Sent": 4})]
        found = list(connect(server, *script).campaigns(budget=5))
        assert [(each.campaign, each.sent) for each in found] == [("2", 4)]

    def test_an_empty_campaign_list_is_accepted_from_the_configured_site_only(self, server: Scripted) -> None:
        assert list(connect(server, LOGIN, *[ABSENT] * 3, LISTS).campaigns(budget=5)) == []
        error = failure(lambda: list(connect(server, LOGIN, *[ABSENT] * 4).campaigns(budget=5)))
        assert error.kind is Kind.ACCOUNT and "site_id" in error.message
