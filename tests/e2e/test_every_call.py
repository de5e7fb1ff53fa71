"""Every documented call of every provider, made by an operator through the running product."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.sandbox import sample_config
from tests.e2e.documented import DOCUMENTED
from tests.support.stack import RunningStack, SharedStack

PROVIDERS = ("ediware", "mailpartner", "mymailmarket")


class CsvFile(BaseHTTPRequestHandler):
    """The file that a vendor fetches for a list."""

    def do_GET(self) -> None:
        body = b"email;nom\r\nfetched@example.com;Dupont\r\n"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def csv_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), CsvFile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/list.csv"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def product(shared_stack: SharedStack) -> Iterator[RunningStack]:
    yield shared_stack.reset(sample_config(shared_stack.sandbox, PROVIDERS))
    shared_stack.idle()


def call(product: RunningStack, account: str, function: str, **rest: Any) -> tuple[int, Any]:
    """As `python -m local invoke call_provider`."""
    return product.invoke("call_provider", {"account": account, "function": function, **rest})


def filled(value: Any, kept: dict[str, Any]) -> Any:
    """`value` with every `$name` replaced by the result kept under it (`$name.key`: a member of it)."""
    if isinstance(value, dict):
        return {key: filled(inner, kept) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, kept) for inner in value]
    if isinstance(value, str) and value.startswith("$"):
        name, _, member = value[1:].partition(".")
        return kept[name][member] if member else kept[name]
    return value


@pytest.mark.parametrize("account", DOCUMENTED)
def test_every_documented_call_works(product: RunningStack, csv_url: str, account: str) -> None:
    kept: dict[str, Any] = {"csv": csv_url}
    for function, params, name in DOCUMENTED[account]:
        code, answer = call(product, account, function, params=filled(params, kept), confirm=True)
        assert code == 0, f"{function}: {answer}"
        assert answer.keys() == {"result"}, function
        kept[name] = answer["result"]


@pytest.mark.parametrize("account", DOCUMENTED)
def test_help_lists_every_documented_call_and_no_other(product: RunningStack, account: str) -> None:
    code, answer = call(product, account, "help")
    assert code == 0
    functions = {each["name"]: each for each in answer["result"]["functions"]}
    assert functions.keys() == {function for function, _, _ in DOCUMENTED[account]}
    for function, params, _ in DOCUMENTED[account]:
        assert params.keys() <= {parameter["name"] for parameter in functions[function]["parameters"]}


def test_there_are_sixty_three_documented_calls() -> None:
    assert [len(calls) for calls in DOCUMENTED.values()] == [14, 11, 38]


def test_changing_calls_need_confirmation(product: RunningStack) -> None:
    code, answer = call(product, "paris", "unsub_add", params={"email": "kept@example.com"})
    assert code == 1
    assert answer["error"]["kind"] == "caller"
    assert "confirm" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("account", "function", "params", "remedy"),
    [
        ("pari", "me", {}, "paris"),
        ("paris", "list_lst", {}, "list_list"),
        ("paris", "list_list", {"user": "1"}, "user_id"),
        ("brussel", "subscribers_in_status", {"list_id": "1", "status": "unsubscribd"}, "unsubscribed"),
    ],
)
def test_an_unknown_name_is_rejected_with_a_suggestion(
    product: RunningStack, account: str, function: str, params: dict[str, Any], remedy: str
) -> None:
    code, answer = call(product, account, function, params=params)
    assert code == 1
    assert answer["error"]["kind"] == "caller"
    assert remedy in answer["error"]["message"]
