"""Ediware's key: another one in the secret, one that cannot be read, and what else an answer about a key can mean."""

from __future__ import annotations

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, SecretUnavailable
from chalicelib.providers import registry
from chalicelib.providers.ediware import answers
from chalicelib.providers.spec import Provider
from chalicelib.providers.transport.exchange import Answer, Call
from chalicelib.providers.transport.session import Transport
from tests.contract.ediware import KEY, KEY_REFUSED, OK, PERSON, account, failure, functions, lists
from tests.contract.scripted import Scripted, answer


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
