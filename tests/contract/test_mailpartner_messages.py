"""MailPartner's messages as campaigns."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.providers.spec import KnownCampaign, Provider
from local.sandbox import Control, Sandbox
from tests.contract.mailpartner import DONE, FUNCTIONS, PARAMS, WRONG_KEY, failure
from tests.contract.scripted import Scripted, answer
from tests.support.controlled_time import until_others_wait


class TestMessages:
    STATUS = (
        {"email": "a@example.com", "status": "Delivered", "stopMail": False},
        {"email": "b@example.com", "status": "delivered", "stopMail": True},
        {"email": "c@example.com", "statut": "Not delivered", "stopMail": False},
        {"email": "d@example.com", "status": "Waiting", "stopMail": False},
        {"email": "e@example.com", "status": "refused by e@example.com", "stopMail": False},
    )

    def test_report_rows_become_figures_without_personal_data(self, server: Scripted, mailpartner: Provider) -> None:
        server.script = [answer({**DONE, "messageId": 300, "StatutResponseList": list(self.STATUS)})]
        sent_at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
        known = [KnownCampaign("300", "bienvenue", "Été", sent_at)]
        (found,) = mailpartner.campaigns(budget=5, known=known)
        assert (found.campaign, found.name, found.subject, found.sent_at) == ("300", "bienvenue", "Été", sent_at)
        assert (found.sent, found.delivered, found.hard_bounces, found.unsubscribes) == (5, 2, 1, 1)
        assert (found.opens, found.clicks, found.soft_bounces) == (None, None, None)
        assert found.raw == {
            "stopMail": 1,
            "status delivered": 2,
            "status not delivered": 1,
            "status other": 1,
            "status waiting": 1,
        }

    def test_only_due_messages_are_requested_and_deleted_ones_skipped(
        self, server: Scripted, mailpartner: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.providers.mailpartner.provider.PARALLEL_CALLS", 1)
        gone = {"success": False, "code": 4, "message": "Introuvable"}
        server.script = [answer(gone), answer({**DONE, "StatutResponseList": []})]
        known = [KnownCampaign("1"), KnownCampaign("2", due=False), KnownCampaign("3")]
        assert [each.campaign for each in mailpartner.campaigns(budget=5, known=known)] == ["3"]
        assert [request.path[-1] for request in server.received] == ["1", "3"]

    def test_any_other_failure_is_raised(self, server: Scripted, mailpartner: Provider) -> None:
        server.otherwise = WRONG_KEY
        error = failure(lambda: list(mailpartner.campaigns(budget=5, known=[KnownCampaign("1")])))
        assert error.kind is Kind.ACCOUNT

    def test_a_sent_message_is_recorded_as_a_campaign(self, played: Provider) -> None:
        send = next(function for function in FUNCTIONS if function.name == "send")
        assert [function.name for function in FUNCTIONS if function.campaign] == ["send"] and send.campaign
        params = {**PARAMS["send"], "tag": "bienvenue", "scheduled_at": "2099-03-01T09:30:00Z"}
        begun = send.campaign(params, played.call("send", params, budget=5))
        assert begun is not None
        assert (begun.name, begun.subject, begun.sent) == ("bienvenue", "Bonjour", 1)
        assert begun.sent_at == datetime(2099, 3, 1, 9, 30, tzinfo=UTC)
        (found,) = played.campaigns(budget=5, known=[KnownCampaign(begun.campaign, due=True)])
        assert (found.sent, found.delivered) == (1, 0)

    def test_several_messages_are_read_concurrently(self, sandbox: Sandbox, played: Provider, control: Control) -> None:
        sent = [played.call("send", PARAMS["send"], budget=5)["message_id"] for _ in range(12)]
        sandbox.simulation.pause = until_others_wait(2)
        control.fault("latency", delay_seconds=1, function="bulk-status")
        found = played.campaigns(budget=5, known=[KnownCampaign(name) for name in sent])
        assert [each.campaign for each in found] == sent
        assert control.state()["providers"]["mailpartner"]["most_in_flight"] > 1

    def test_a_report_without_recipients_has_no_figures(self, server: Scripted, mailpartner: Provider) -> None:
        server.script = [answer({**DONE, "StatutResponseList": []})]
        (found,) = mailpartner.campaigns(budget=5, known=[KnownCampaign("300")])
        assert (found.sent, found.delivered) == (None, None)

    def test_a_test_message_is_not_a_campaign(self, played: Provider) -> None:
        send = next(function for function in FUNCTIONS if function.name == "send")
        params = {**PARAMS["send"], "sandbox": True}
        assert send.campaign and send.campaign(params, played.call("send", params, budget=5)) is None
        assert send.campaign({}, {}) is None and send.campaign({}, None) is None
