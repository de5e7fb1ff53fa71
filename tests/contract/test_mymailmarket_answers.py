"""Classification of myMailMarket's answers: the documented table line by line, and every error at every call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.providers import registry
from tests.contract.matrix import every_call, example
from tests.contract.mymailmarket import LOGIN, connect, failure
from tests.contract.provider_kits import Kit
from tests.contract.scripted import Reply, Scripted, answer, message, raw, silence

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers" / "mymailmarket.md"
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "profile_persist": {"fields": {"MailAddress": "person@example.com"}},
    "list_persist": {"fields": {"Name": "Lijst"}},
    "list_get": {"list_id": "0616074266229"},
}
READS, CHANGES = (Kind.LATER, Kind.UNKNOWN)
CONTACT_FUNCTIONS = {"profile_persist", "subscriber_persist", "unsubscribe_by_address"}
# Each error, and the kinds for a function that reads and one that changes; None: the function's own refusal.
ERRORS: Mapping[str, tuple[Reply, Kind | None, Kind | None]] = {
    "400": (answer(b"<html>Request Error</html>", 400), None, None),
    "404": (answer(b"<html>Not found</html>", 404), Kind.CALLER, Kind.CALLER),
    "500": (answer(b"<html>Request Error</html>", 500), *(READS, CHANGES)),
    "429": (answer(b"", 429, {"Retry-After": "7"}), Kind.LATER, Kind.LATER),
    "503": (answer(b"", 503, {"Retry-After": "7"}), Kind.LATER, Kind.LATER),
    "timeout": (silence(30), *(READS, CHANGES)),
    "reset": (raw(b"", reset=True), *(READS, CHANGES)),
    "reset within the answer": (raw(message({"Result": "OK"})[:-5], reset=True), *(READS, CHANGES)),
    "HTML": (answer(b"<html>Welcome</html>"), *(READS, CHANGES)),
    "empty": (answer(b""), *(READS, CHANGES)),
    "truncated": (answer(b'[{"Id":"1","Name":'), *(READS, CHANGES)),
    "a number": (answer(7), *(READS, CHANGES)),
    "a text": (answer("OK"), *(READS, CHANGES)),
    "null": (answer(None), *(READS, CHANGES)),
    "an array of texts": (answer(["OK"]), *(READS, CHANGES)),
    "wrong charset": (answer('{"Id":"1","Name":"Été"}'.encode("latin-1")), *(READS, CHANGES)),
    "elsewhere": (answer(b"", 302, {"Location": "https://www.example.com/"}), *(READS, CHANGES)),
    "refused": (answer({"Result": "NOK", "ResultID": "", "ErrorMessage": "computer says no"}), None, None),
}


def table() -> list[Any]:
    """The rows of the page's table of failures, once for each function that has a column in it."""
    lines = [line.strip().strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    rows = [[cell.strip() for cell in line] for line in lines if len(line) == 5 and line[0].strip().isdigit()]
    return [
        pytest.param(int(status), body.strip("`"), name, kind, id=f"{status}-{body.strip('`')}-{name}")
        for status, body, *kinds in rows
        for name, kind in zip(PARAMS, kinds, strict=True)
    ]


def test_the_provider_page_lists_every_answer() -> None:
    assert len(table()) >= 3 * 40
    assert {row.values[3] for row in table()} == {*Kind, "ok"}


@pytest.mark.parametrize(("status", "body", "name", "kind"), table())
def test_every_answer_has_the_documented_kind(status: int, body: str, name: str, kind: str, server: Scripted) -> None:
    reply = answer(body.encode(), status, {"Location": "/elsewhere"} if status < 400 else {})
    provider = connect(server, LOGIN, reply, LOGIN, reply)
    if kind == "ok":
        assert provider.call(name, PARAMS[name], budget=5)
        return
    error = failure(lambda: provider.call(name, PARAMS[name], budget=5))
    assert error.kind == kind, error
    assert error.message.startswith(f"{name}: ") and "@" not in error.message


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.parametrize(("kit", "name", "changes"), every_call(["mymailmarket"]))
def test_every_call_maps_every_error(kit: Kit, name: str, changes: bool, case: str, server: Scripted) -> None:
    reply, for_read, for_change = ERRORS[case]
    provider = connect(server, LOGIN, reply)
    error = failure(lambda: provider.call(name, example(kit, name, server.url), budget=5))
    refusal = Kind.CONTACT if name in CONTACT_FUNCTIONS else Kind.CALLER
    assert error.kind is ((for_change if changes else for_read) or refusal), error
    assert error.retry_after == (7 if case in ("429", "503") else None)
    assert len(server.received) == 2, "nothing is repeated"


def test_changing_calls_are_declared() -> None:
    """By what they do and not by their method: the vendor deletes, unsubscribes and sends by GET."""
    reading = {function.name for function in registry.spec("mymailmarket").functions if not function.changes}
    assert reading == {
        "lists",
        "list_get",
        "subscriber",
        "subscriber_by_address",
        "subscribers",
        "subscribers_in_status",
        "profile",
        "profile_by_address",
        "campaign_unsubscribes",
        "campaigns",
        "campaign_data",
        "campaign_stats",
        "autoresponders",
        "user",
        "user_by_name",
        "templates",
        "template",
    }


@pytest.mark.parametrize("shape", [{"Result": "OK", "ResultID": 616}, [{"result": "ok", "resultId": "616"}]])
def test_an_id_is_always_a_text(shape: Any, server: Scripted) -> None:
    provider = connect(server, LOGIN, answer(shape))
    assert provider.call("list_persist", PARAMS["list_persist"], budget=5) == "616"


def test_an_object_with_its_own_result_field_is_not_a_feedback(server: Scripted) -> None:
    row = {"Result": "OK", "Opened": 5}
    assert connect(server, LOGIN, answer(row)).call("campaign_stats", {"campaign_id": "1"}, budget=5) == row


@pytest.mark.parametrize("depth", [60, 300, 600, 900, 5000])
def test_deep_nesting_is_rejected(depth: int, server: Scripted) -> None:
    provider = connect(server, LOGIN, answer(b'{"a":' * depth + b"1" + b"}" * depth))
    assert failure(lambda: provider.call("list_get", PARAMS["list_get"], budget=5)).kind is Kind.LATER
