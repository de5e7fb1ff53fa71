"""Secrets and addresses are logged in every form, and none of them may appear in the output."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings, strategies as st

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.observability import ContextPool, hide, log_context, logger, redact
from chalicelib.observability.logs import CurrentStdout
from chalicelib.observability.redaction import redacted, redacted_line
from tests.support.examples import examples

SECRET = "placeholder/key +with é&signs="
ADDRESS = "zoe.person@example.com"
TRACES = (
    "zoe.person",
    "example.com",
    SECRET,
    quote(SECRET, safe=""),
    quote(SECRET),
    quote_plus(SECRET),
    quote(SECRET, safe="").lower(),
    json.dumps(SECRET)[1:-1],
    json.dumps(json.dumps(SECRET)[1:-1])[1:-1],
    hashlib.md5(SECRET.encode()).hexdigest(),
    hashlib.md5(SECRET.encode()).hexdigest().upper(),
    "tokenofaperson",
    "bearervalue1",
)
WORST = (
    f"{ADDRESS} {SECRET} /unsubscribe/tokenofaperson Authorization: Bearer bearervalue1",
    f"https://api.invalid/x?email={quote(ADDRESS)}&key={quote_plus(SECRET)}&again={quote(SECRET, safe='')}",
    f"GET /x?email={quote(quote(ADDRESS))}&k={quote(SECRET)} %2Funsubscribe%2Ftokenofaperson",
    f"md5 {hashlib.md5(SECRET.encode()).hexdigest()} {hashlib.md5(SECRET.encode()).hexdigest().upper()}",
    json.dumps({"email": ADDRESS, "deep": [{"k": SECRET, "Authorization": "Basic bearervalue1"}]}),
    repr({"email": ADDRESS.encode(), "Authorization": b"Bearer bearervalue1", "k": SECRET}),
    '"zoe.person"@example.com and zoe.person&#64;example.com and zoe.person\\u0040example.com',
    json.dumps(json.dumps({"password": "bearervalue1", "api_key": "tokenofaperson", "mail": ADDRESS})),
    "https://user.invalid/?password=bearervalue1&X-Signature=tokenofaperson&MAIL=ZOE.PERSON@EXAMPLE.COM",
    "('authorization', 'Bearer bearervalue1') [b'Authorization', b'bearervalue1']",
)


@pytest.fixture(autouse=True)
def _known_secret() -> None:
    hide(SECRET)


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Written output; every test's output is searched when it ends."""
    written: list[str] = []

    def read() -> str:
        captured = capsys.readouterr()
        assert captured.err == ""
        written.append(captured.out)
        return captured.out

    yield read
    read()
    everything = "".join(written).lower()
    assert everything, "nothing was logged"
    for trace in TRACES:
        assert trace.lower() not in everything
    for line in "".join(written).splitlines():
        assert isinstance(json.loads(line), dict)


@dataclass(frozen=True)
class Careless:
    email: str
    key: str


class Faulty:
    def __str__(self) -> str:
        raise RuntimeError(ADDRESS)

    __repr__ = __str__


@pytest.mark.parametrize("text", WORST)
def test_every_part_of_a_line_is_redacted(text: str, logged: Callable[[], str]) -> None:
    logger.info(text)
    logger.info("argument %s and %r", text, text)
    logger.info("mapping %(a)s", {"a": text})
    logger.info({"message": text, text: text})
    logger.info(text.encode())
    logger.warning("extra", extra={"one": text, "two": {"three": [(text, {text}), {text: text.encode()}]}})
    logger.warning("keyword", detail=text, careless=Careless(text, SECRET), error=ValueError(text))
    with log_context(request_id=text, event_ids=[text]):
        logger.error("with context")
    logger.info("stack", stack_info=True)


@pytest.mark.parametrize("text", WORST)
def test_exceptions_with_causes_notes_and_groups_are_redacted(text: str, logged: Callable[[], str]) -> None:
    try:
        try:
            raise ProviderError(Kind.LATER, text)
        except ProviderError as error:
            error.add_note(text)
            cause = ValueError(text, {"email": ADDRESS}, text.encode())
            raise ExceptionGroup(text, [KeyError(text), OSError(5, text)]) from cause
    except ExceptionGroup:
        logger.exception("failed %s", text, extra={"reason": text})
        logger.error("failed", exc_info=True)
    out = logged()
    assert "ExceptionGroup" in out
    assert "test_redaction.py" in out


def test_a_line_that_cannot_be_formatted_is_replaced(
    logged: Callable[[], str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(caplog.handler), "handleError", lambda *_: None)  # pytest's own handler is strict
    logger.info("too many %s", ADDRESS, SECRET)
    logger.info("none %d", ADDRESS)
    logger.info("faulty %s", Faulty(), extra={"x": ADDRESS})
    logger.info("faulty inside", extra={"x": Faulty(), "y": {Faulty(): ADDRESS}})
    assert len(logged().splitlines()) == 4


def test_unusual_values_are_formatted(logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    ours = logging.getLogger("relais")
    own = [handler for handler in ours.handlers if isinstance(handler, CurrentStdout)]
    assert own
    monkeypatch.setattr(ours, "handlers", own)  # what pytest keeps of a line must be something that it can pass on
    loop: dict[str, Any] = {"email": ADDRESS}
    loop["self"] = loop
    logger.info("loop", extra={"loop": loop})
    logger.info("surrogate \udcff and é \x1b[31m")
    logger.info("long", extra={"x": "y" * 300_000 + ADDRESS})
    out = logged()
    assert out.isascii()
    assert max(map(len, out.splitlines())) < 30_000


def test_libraries_use_the_same_formatter(logged: Callable[[], str]) -> None:
    logging.getLogger("botocore.endpoint").warning("Retrying: /api?email=%s&key=%s", ADDRESS, quote(SECRET))
    logging.getLogger("botocore.endpoint").debug("GET /api?email=%s", ADDRESS)
    assert len(logged().splitlines()) == 1


def test_values_of_secret_names_are_always_hidden() -> None:
    given = {"email": "not an address", "API-Key": "x", "fields": {"prenom": "Zoe"}, "password": None, "seconds": 1.5}
    assert redacted(given) == {"email": "***", "API-Key": "***", "fields": "***", "password": None, "seconds": 1.5}


def test_values_are_hidden_by_keys_of_every_type() -> None:
    hide("zq7_token")
    given = {b"email": "not an address", b"api_key": "x", b"zq7_token": "y", 7: "seven"}
    assert redacted(given) == {"email": "***", "api_key": "***", "***": "***", "7": "seven"}


def test_a_numeric_secret_is_hidden_as_a_number_too() -> None:
    hide("99887766554433")
    assert redacted({"n": 99887766554433, "m": 12}) == {"n": "***", "m": 12}


def test_harmless_values_stay() -> None:
    text = "accounts.paris.api_key: missing; forms.footer took 12 ms at 10:30, queue relais-local-unsubscribes"
    assert redact(text) == text


# For each pattern the least that it matches, so that nothing else in the text can call it.
LEAST = (
    *("zoe@example", "zoe\uff20example", "zoe\ufe6bexample", "zoe%40example", "zoe%2540example"),
    *("zoe&#64;example", "zoe&#x40;example", "zoe&commat;example", "zoe\\u0040example", "zoe\\x40example"),
    *("zoe(at)example.org", "zoe[at]example.org", "zoe{at}example.org", "zoe<at>example.org"),
    *("authorization:zoe", "AUTHORIZATION,zoe", "bearer zoe.zoe-zoe", "Basic zoezoezoe", "key=zoe", "key%3Dzoe"),
    *('"key":"zoe', "'key':'zoe", "/unsubscribe/zoe", "%2Funsubscribe%2Fzoe", "/confirm/zoe"),
)


@pytest.mark.parametrize("text", LEAST)
def test_no_text_with_something_to_redact_is_passed_over(text: str) -> None:
    assert "zoe" not in redact(text)


def test_very_short_secrets_are_not_masked() -> None:
    hide("e")
    hide("")
    assert redact("here we are") == "here we are"


def test_the_log_context_ends_with_its_block_and_reaches_threads(logged: Callable[[], str]) -> None:
    with ContextPool(1) as pool:
        with log_context(request_id="r-1", account="paris"):
            pool.submit(logger.info, "within").result()
        pool.submit(logger.info, "without").result()
    within, without = (json.loads(line) for line in logged().splitlines())
    assert (within["request_id"], within["account"]) == ("r-1", "paris")
    assert "request_id" not in without
    assert within["timestamp"].endswith("+00:00")


def test_lines_in_which_all_is_well_do_without_what_nobody_looks_for(logged: Callable[[], str]) -> None:
    logger.info("well")
    logger.warning("unwell")
    well, unwell = (json.loads(line) for line in logged().splitlines())
    assert unwell.keys() - well.keys() == {"location", "service"}


TEXTS = st.sampled_from([*WORST, "", "accepted", "0b1c2d3e-1111", "2026-03-01T09:30:00.000", SECRET, "x" * 19_990])
NAMES = st.sampled_from(["message", "event_ids", "email", "API-Key", "***", "reason", SECRET, ADDRESS])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(NAMES | st.integers(), inner),
    max_leaves=12,
)


@pytest.mark.seconds
@settings(max_examples=examples(50))
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_line_is_redacted_as_its_parts_are(line: dict[str, Any]) -> None:
    assert json.dumps(redacted_line(line)) == json.dumps(redacted(line))
