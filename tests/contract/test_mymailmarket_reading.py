"""Specifics of myMailMarket: subscribers and unsubscribes read page by page, campaigns by call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.providers.mymailmarket.api import STATUSES
from chalicelib.providers.spec import KnownCampaign, Provider
from local.sandbox import Control, Sandbox
from tests.contract.mymailmarket import (
    ABSENT,
    CUSTOMERS,
    EMAIL,
    LISTS,
    LOGIN,
    NEWS,
    connect,
    failure,
    nok,
    ok,
    paths,
    subscriber,
)
from tests.contract.scripted import Reply, Scripted, answer
from tests.support.controlled_time import until_others_wait


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
