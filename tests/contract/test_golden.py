"""Requests and answers of each function, byte for byte where it matters, in `golden/<provider>/<function>.json`.

A file is an array of cases: `params`, the expected `request`, the `answer` of the server, and the expected `result` or
`error` (its kind, part of its message, its code). A case without `request` must make none; a request without `json` has
no body. `options` are those of the account.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import ProviderError
from chalicelib.providers import registry
from chalicelib.providers.transport.session import Transport
from tests.contract.provider_kits import KITS
from tests.contract.scripted import Received, Reply, Scripted, answer

GOLDEN = Path(__file__).parent / "golden"
KEY = "placeholder-key"


def cases() -> list[Any]:
    return [
        pytest.param(path.parent.name, path.stem, case, id=f"{path.parent.name}-{path.stem}-{case['case']}")
        for path in sorted(GOLDEN.glob("*/*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]


def test_every_function_has_a_golden_file() -> None:
    files = {(path.parent.name, path.stem) for path in GOLDEN.glob("*/*.json")}
    assert files == {(name, function.name) for name in registry.names() for function in registry.spec(name).functions}


@pytest.mark.parametrize(("provider", "function", "case"), cases())
def test_a_call_and_its_answer_match_the_golden_file(
    provider: str, function: str, case: Mapping[str, Any], server: Scripted, transport: Transport
) -> None:
    kit = KITS[provider]
    kit = replace(kit, options={**kit.options, **case.get("options", {})})
    client = kit.connect(server.url, transport, dict.fromkeys(kit.secrets, KEY))
    login = [answer(kit.login)] if kit.login else []
    server.script = [*login, reply(case["answer"])] if "answer" in case else []
    if "error" in case:
        with pytest.raises(ProviderError) as caught:
            client.call(function, case["params"], budget=5)
        check_error(caught.value, case["error"])
    else:
        result = client.call(function, case["params"], budget=5)
        assert json.loads(json.dumps(result)) == case["result"]
    received = server.received[len(login) :]
    assert len(received) == ("request" in case)
    for request in received:
        check_request(request, case["request"])


def reply(scripted: Mapping[str, Any]) -> Reply:
    return answer(scripted["text"].encode() if "text" in scripted else scripted["json"], scripted["status"])


def check_error(error: ProviderError, expected: Mapping[str, Any]) -> None:
    assert error.kind.value == expected["kind"]
    assert expected["message"] in error.message
    assert error.provider_code == expected.get("provider_code")


def check_request(request: Received, expected: Mapping[str, Any]) -> None:
    assert (request.method, request.path) == (expected["method"], expected["path"])
    assert {name: request.headers.get(name) for name in expected["headers"]} == expected["headers"]
    if "json" not in expected:
        assert request.body == b""
        return
    assert request.json() == expected["json"]
    assert "\\u" not in request.body.decode(), "letters go out as letters"
