"""`python -m local invoke --stage`: one call of a deployed function, and what is said where there is no answer."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event as Signal
from typing import Any

import pytest

from local import invoke, invoke_deployed
from tests.support.lambda_api import LambdaApi, Refused, serving

Run = Callable[..., tuple[int, str, str]]
CREATE = {"account": "paris", "function": "list_create", "params": {"name": "x"}, "confirm": True}


@pytest.fixture(autouse=True)
def nothing_of_the_developers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials, region or profile of the machine that the tests run on."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def api(nothing_of_the_developers_own: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaApi]:
    """Lambda's API, where every function answers `{}`."""
    with serving(lambda name, event: {"result": {}}) as running:
        for name, value in running.environ().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command for stage prod; returns its exit code, standard output and standard error."""

    def run(*arguments: str, event: Any = None) -> tuple[int, str, str]:
        given = ("--event", "-") if event is not None else ()
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(event)))
        code = invoke.main([*arguments, *given, "--stage", "prod"])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.mark.server
@pytest.mark.parametrize("name", ["report", "relais-prod-report"])
def test_the_deployed_function_is_called_once_and_its_result_alone_is_on_standard_output(
    api: LambdaApi, run: Run, name: str
) -> None:
    api.answer = lambda name, event: {"result": {"accepted": 3}}
    assert run(name) == (0, '{"accepted": 3}\n', "")
    assert api.asked == [("relais-prod-report", {})]


@pytest.mark.server
def test_a_call_that_changes_something_has_a_key_of_its_own(api: LambdaApi, run: Run) -> None:
    for event in (CREATE, CREATE, {**CREATE, "confirm": False}, {**CREATE, "idempotency_key": "mine"}):
        run("call_provider", event=event)
    run("resend", "--idempotency-key", "again")
    run("sweep")
    run("signups")
    keys = [event.pop("idempotency_key", None) for _, event in api.asked]
    assert len(keys[0]) == len(keys[1]) == 36
    assert keys[0] != keys[1]
    assert keys[2:5] == [None, "mine", "again"]
    assert len(keys[5]) == 36
    assert keys[6] is None
    assert [event for _, event in api.asked][4:] == [{}, {}, {"Records": []}]


@pytest.mark.server
def test_an_error_that_was_answered_is_exit_1(api: LambdaApi, run: Run) -> None:
    api.answer = lambda name, event: {"result": {"error": {"kind": "later", "message": "not now"}}}
    code, out, err = run("resend")
    assert (code, json.loads(out)["error"]["kind"], err) == (1, "later", "")


@pytest.mark.server
def test_a_function_that_raised_is_exit_1_and_an_error_on_standard_output(api: LambdaApi, run: Run) -> None:
    document = {"errorMessage": "on purpose", "errorType": "ValueError", "stackTrace": ['  File "app.py"\n']}
    api.answer = lambda name, event: {"failed": document}
    code, out, err = run("call_provider", event=CREATE)
    assert (code, json.loads(out)) == (1, {"error": {"kind": "ValueError", "message": "on purpose"}})
    assert 'File "app.py"' in err
    assert f"--idempotency-key {api.asked[0][1]['idempotency_key']}" in err
    api.answer = lambda name, event: {"failed": {"errorMessage": "Task timed out after 120.00 seconds"}}
    code, out, err = run("report")
    assert (code, json.loads(out)["error"]) == (
        1,
        {"kind": "Unhandled", "message": "Task timed out after 120.00 seconds"},
    )


@pytest.mark.server
@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (
            "ResourceNotFoundException",
            404,
            "There is no function relais-prod-resend in this AWS account and region",
        ),
        ("AccessDeniedException", 403, "may not do that: they need lambda:InvokeFunction on relais-prod-resend."),
        ("ExpiredTokenException", 403, "AWS does not accept these credentials (ExpiredTokenException): sign in again"),
        ("UnrecognizedClientException", 403, "AWS does not accept these credentials"),
        ("TooManyRequestsException", 429, "throttles calls of relais-prod-resend now, so nothing was done: try again"),
        ("RequestTooLargeException", 413, "larger than Lambda takes (6 MB), so nothing was done"),
        ("InvalidRuntimeException", 502, "relais-prod-resend was not called: "),
        ("ServiceException", 500, "No answer of relais-prod-resend (ServiceException). It may have run, or still run."),
    ],
)
def test_what_aws_refuses_is_one_line_and_is_not_repeated(
    api: LambdaApi, run: Run, code: str, status: int, said: str
) -> None:
    def refuse(name: str, event: Any) -> Any:
        raise Refused(code, status)

    api.answer = refuse
    exit_code, out, err = run("resend")
    assert (exit_code, out, err.count("\n"), len(api.asked)) == (1, "", 1, 1)
    assert said in err


@pytest.mark.server
def test_a_call_without_an_answer_is_made_once_and_says_how_to_repeat_it(
    api: LambdaApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    let_go = Signal()
    api.answer = lambda name, event: {"result": let_go.wait(10)}
    monkeypatch.setattr(invoke_deployed, "MARGIN_SECONDS", 0.3)
    monkeypatch.setattr(invoke_deployed, "NOTICE_SECONDS", 0.01)
    call = invoke_deployed.prepare("prod", "call_provider", CREATE, "k-1")
    with pytest.raises(invoke_deployed.NotCalled) as caught:
        invoke_deployed.make(replace(call, seconds=0))
    assert len(api.asked) == 1
    assert str(caught.value) == (
        "No answer of relais-prod-call_provider (ReadTimeoutError). It may have run, or still run. "
        "Repeating it is safe by the same command with --idempotency-key k-1"
    )
    said = capsys.readouterr().err
    assert said == "relais-prod-call_provider runs. It may take up to 0 s; waiting. Its idempotency key is k-1.\n"
    reading = invoke_deployed.prepare("prod", "report", None, None)
    with pytest.raises(invoke_deployed.NotCalled, match="changes nothing, so you may call it again"):
        invoke_deployed.make(replace(reading, seconds=0))
    let_go.set()


@pytest.mark.server
def test_it_waits_as_long_as_the_function_may_run(api: LambdaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(invoke_deployed, "Config", lambda **options: asked.append(options))
    for name, seconds in {"call_provider": 120, "audit": 900}.items():
        call = invoke_deployed.prepare("prod", name, None, None)
        invoke_deployed.make(call)
        assert call.seconds == seconds
        assert asked[-1]["read_timeout"] == seconds + invoke_deployed.MARGIN_SECONDS
        assert asked[-1]["retries"] == {"total_max_attempts": 1}


@pytest.mark.server
def test_a_key_is_said_when_a_person_interrupts(api: LambdaApi, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(call: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(invoke_deployed, "make", interrupted)
    code, out, err = run("resend", "--idempotency-key", "k-1")
    assert (code, out) == (130, "")
    assert "relais-prod-resend goes on by itself. Repeating it is safe" in err


@pytest.mark.server
@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"AWS_REGION": "eu-west-3"}, "There are no AWS credentials: set AWS_PROFILE"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "No AWS region is set: set AWS_REGION"),
        ({"AWS_PROFILE": "none-such", "AWS_DEFAULT_REGION": "eu-west-3"}, "AWS_PROFILE must name one of ~/.aws/config"),
        (
            {
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
                "AWS_DEFAULT_REGION": "eu-west-3",
                "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            },
            "AWS cannot be reached from here, so nothing was done",
        ),
    ],
)
def test_what_this_machine_lacks_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], said: str
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    code, out, err = run("report")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert said in err


@pytest.mark.server
def test_an_unknown_function_is_found_here(api: LambdaApi, run: Run) -> None:
    code, out, err = run("reprot")
    assert (code, out, api.asked) == (1, "", [])
    assert "no function 'reprot'; there are " in err
    assert "report" in err


@pytest.mark.parametrize("stage", ["", "Prod", "a" * 21, "a_b"])
def test_a_stage_that_cannot_be_one_is_a_usage_error(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        invoke.main(["report", "--stage", stage])
    assert stopped.value.code == 2
    assert "must be 1 to 20 of a-z, 0-9 and -" in capsys.readouterr().err
