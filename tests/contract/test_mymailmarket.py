"""Specifics of myMailMarket: signups, unsubscribes over all lists, people brought back or forgotten."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.providers.mymailmarket import provider as module
from chalicelib.providers.mymailmarket.provider import MyMailMarket
from chalicelib.providers.spec import Contact, Provider
from chalicelib.providers.transport.session import Transport
from local.sandbox import Control
from tests.contract.mymailmarket import (
    ABSENT,
    CUSTOMERS,
    EMAIL,
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
from tests.contract.scripted import Reply, Scripted, answer

THERE = answer(subscriber(1, "active"))
NULLS = answer({"SubscriberId": None, "MailAddress": None, "Status": None})


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
