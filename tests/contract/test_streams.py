"""Long answers read while they still come: through the transport, and the opt-out list all the way to its rows."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
import threading
import traceback
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.account import Account
from chalicelib.providers.mailpartner import client
from chalicelib.providers.spec import Unsubscribed
from chalicelib.providers.transport.exchange import MEGABYTE, Answer, StreamedAnswer
from chalicelib.providers.transport.session import Transport
from tests.contract.calls import BROKEN, CHUNKED, GZIP, SECRET, a_call, bomb
from tests.contract.mailpartner import DONE, KEY, WRONG_KEY, account, connect, failure
from tests.contract.scripted import Line, Reply, Scripted, answer, endless, raw
from tests.support.controlled_time import OwnTime

ROOT = Path(__file__).resolve().parents[2]
Reported = list[tuple[str, str]]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def in_steps(parts: Iterable[bytes], steps: threading.Event | None = None, end: bytes = b"0\r\n\r\n") -> Reply:
    """Chunks, all but the first only once `steps` is set; then `end`."""

    def play(line: Line) -> None:
        line.send(CHUNKED)
        for number, part in enumerate(parts):
            if number and steps is not None:
                while not steps.wait(0.01):
                    line.pause(0)
            line.send(chunk(part))
        line.send(end)

    return play


def slices(arriving: StreamedAnswer) -> Iterator[bytes]:
    return arriving.slices()


@pytest.fixture
def reported() -> Reported:
    return []


@pytest.fixture
def transport(reported: Reported, own_time: OwnTime) -> Transport:
    return Transport(
        on_call=lambda label, account, seconds, outcome: reported.append((label, outcome)), timing=own_time.timing
    )


class TestTransport:
    PART = b"x" * 64 * 1024

    def test_a_stream_is_read_incrementally_and_reported_once_at_the_end(
        self, server: Scripted, transport: Transport, reported: Reported
    ) -> None:
        go_on = threading.Event()
        server.script = [in_steps([self.PART, b"y", b"z"], go_on)]
        found = transport.stream(a_call(server.url), slices)
        assert next(found) == self.PART and reported == []
        go_on.set()
        assert b"".join(found) == b"yz" and reported == [("list_insert", "ok")]
        transport.exchange(a_call(server.url), lambda answer: answer)
        assert [each.connection for each in server.received] == [1, 1], "the connection is kept"

    @pytest.mark.parametrize("packed", [False, True])
    def test_a_stream_is_read_completely(self, packed: bool, server: Scripted, transport: Transport) -> None:
        body = json.dumps(list(range(100_000))).encode()
        server.script = [answer(gzip.compress(body), headers=GZIP) if packed else answer(body)]
        assert b"".join(transport.stream(a_call(server.url), slices)) == body

    def test_stopping_early_closes_the_connection(
        self, server: Scripted, transport: Transport, reported: Reported, wait_for: Callable[..., Any]
    ) -> None:
        server.script = [endless(CHUNKED, chunk(self.PART), 100_000)]
        found = transport.stream(a_call(server.url), slices)
        next(found)
        del found
        wait_for(lambda: server.ended)
        assert reported == [("list_insert", "ok")]

    def test_a_refusal_closes_the_connection_even_while_the_error_is_referenced(
        self, server: Scripted, transport: Transport, reported: Reported, wait_for: Callable[..., Any]
    ) -> None:
        def read(arriving: StreamedAnswer) -> Iterable[bytes]:
            next(arriving.slices())
            raise arriving.unusable("odd")

        server.script = [endless(CHUNKED, chunk(self.PART), 100_000)]
        error = failure(lambda: transport.stream(a_call(server.url), read))
        wait_for(lambda: server.ended)
        assert reported == [("list_insert", error.kind.value)]

    @pytest.mark.parametrize("changes", [True, False], ids=["change", "read"])
    @pytest.mark.parametrize("reset", [False, True])
    def test_a_broken_connection_is_raised_by_the_iterator(
        self, reset: bool, changes: bool, server: Scripted, transport: Transport, reported: Reported
    ) -> None:
        server.script = [raw(CHUNKED + chunk(self.PART) + b"10000\r\nxx", reset=reset)]
        got: list[bytes] = []
        error = failure(lambda: got.extend(transport.stream(a_call(server.url, changes=changes), slices)))
        assert error.kind is (Kind.UNKNOWN if changes else Kind.LATER)
        assert got == [self.PART] or reset, "a reset may overtake what was sent before it"
        assert reported == [("list_insert", error.kind.value)] and len(server.received) == 1

    def test_the_budget_covers_reading_to_the_end(
        self, server: Scripted, transport: Transport, reported: Reported
    ) -> None:
        def slowly(line: Line) -> None:
            line.send(CHUNKED)
            for _ in range(50):
                line.send(chunk(self.PART))
                line.pause(4)

        server.script = [slowly]
        error = failure(lambda: list(transport.stream(a_call(server.url, changes=False), slices)))
        assert error.kind is Kind.LATER and "in time" in error.message

    @pytest.mark.parametrize(
        "reply",
        [endless(CHUNKED, chunk(b"x" * MEGABYTE), 100), bomb],
        ids=["in chunks", "gzip bomb"],
    )
    def test_a_huge_body_stops_at_the_limit(self, reply: Reply, server: Scripted, transport: Transport) -> None:
        server.script = [reply]
        found = transport.stream(a_call(server.url, changes=False, max_bytes=4 * MEGABYTE), slices)
        sizes: list[int] = []
        tracemalloc.start()
        error = failure(lambda: sizes.extend(map(len, found)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert error.kind is Kind.LATER and "larger" in error.message
        assert sum(sizes) <= 4 * MEGABYTE and peak < 2 * MEGABYTE

    @pytest.mark.parametrize("case", sorted(BROKEN))
    def test_errors_of_whole_answers_apply_to_streams(
        self, case: str, server: Scripted, transport: Transport, caplog: pytest.LogCaptureFixture
    ) -> None:
        def read(arriving: StreamedAnswer) -> Iterable[Any]:
            got = Answer(arriving.call, arriving.status, arriving.headers, b"".join(arriving.slices()))
            value = got.json()
            if got.status >= 400:
                raise got.unusable("an error")
            return [value]

        caplog.set_level(logging.DEBUG)
        server.script = [BROKEN[case]]
        error = failure(lambda: transport.stream(a_call(server.url, changes=False), read))
        assert error.kind is Kind.LATER
        assert SECRET not in "".join(traceback.format_exception(error)) + repr(error) + caplog.text
        assert error.__context__ is None

    def test_a_stream_needs_admission_by_the_rate_limit(self, server: Scripted, reported: Reported) -> None:
        def nobody(name: str) -> None:
            raise ProviderError(Kind.LATER, f"{name}: too many calls")

        transport = Transport(on_call=lambda *call: reported.append((call[0], call[3])), admit=nobody)
        assert failure(lambda: transport.stream(a_call(server.url), slices)).kind is Kind.LATER
        assert server.connections == 0 and reported == [("list_insert", "later")]


ROWS = 100_000
XML = ("<result><entry>true</entry><entry>200</entry><entry>3</entry><entry>", "</entry></result>")
FORMS = {
    "json": (
        '{"success":true,"code":200,"nbData":3,"data":[',
        '{{"id": {0}, "email": "person{0}@example.com", "createdAt": "2026-07-20 10:19:45"}}',
        ",",
        "]}",
    ),
    "xml": (
        XML[0],
        "<entry><entry>{0}</entry><entry>\n<![CDATA[person{0}@example.com]]>\n</entry>"
        "<entry>2026-07-20 10:19:45</entry></entry>",
        "\n",
        XML[1],
    ),
}


def listing(form: str, number: int, at_once: int = 1000) -> Iterator[bytes]:
    """The opt-out list of so many rows, made as it is sent."""
    head, row, between, end = FORMS[form]
    for start in range(0, number, at_once):
        rows = between.join(row.format(each) for each in range(start, min(start + at_once, number)))
        yield f"{between if start else head}{rows}".encode()
    yield end.encode()


READER = """
import re, sys
from pathlib import Path
from tests.contract.mailpartner import account, connect

def most() -> int:
    "The most memory that this process has held, in kilobytes."
    return int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])

before = most()
found = connect(account(sys.argv[1], format=sys.argv[2])).unsubscribed(budget=100)
print(sum(1 for _ in found), found.skipped, before, most())
"""


class TestOptOutList:
    @pytest.mark.parametrize(("form", "number"), [("json", ROWS), ("xml", ROWS // 2)])
    def test_memory_depends_on_the_row_not_on_the_list(self, form: str, number: int, server: Scripted) -> None:
        server.script = [in_steps(listing(form, number))]
        reader = [sys.executable, "-c", READER, server.url, form]
        reported = subprocess.run(reader, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout
        rows, skipped, before, after = map(int, reported.split())
        assert (rows, skipped) == (number, 0)
        assert after - before < 6 * 1024, "kilobytes; the body alone has more than that"

    @pytest.mark.parametrize("form", FORMS)
    def test_a_row_is_the_same_in_json_and_xml(self, form: str, server: Scripted) -> None:
        server.script = [in_steps(listing(form, 1))]
        (row,) = connect(account(server.url, format=form)).unsubscribed(budget=5)
        assert row == Unsubscribed("person0@example.com", datetime(2026, 7, 20, 10, 19, 45, tzinfo=UTC), "0")

    @pytest.mark.parametrize("form", FORMS)
    def test_rows_arrive_before_the_answer_is_complete(self, form: str, server: Scripted, reported: Reported) -> None:
        go_on = threading.Event()
        transport = Transport(on_call=lambda *call: reported.append((call[0], call[3])))
        server.script = [in_steps(listing(form, 3000), go_on)]
        found = connect(account(server.url, format=form), transport).unsubscribed(budget=20)
        assert [next(found).provider_id for _ in range(3)] == ["0", "1", "2"] and reported == []
        go_on.set()
        assert sum(1 for _ in found) == 2997 and reported == [("unsubscribe_list", "ok")]

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize(
        "end",
        [b"", chunk(b"<![CD") + b"0\r\n\r\n", chunk(b"}}}") + b"0\r\n\r\n"],
        ids=["closed", "ended early", "nonsense"],
    )
    def test_a_truncated_stream_is_retried(self, form: str, end: bytes, server: Scripted) -> None:
        parts = list(listing(form, 3000))[:-1]

        def play(line: Line) -> None:
            in_steps(parts, end=end)(line)
            line.hang_up()

        server.script = [play]
        found = connect(account(server.url, format=form)).unsubscribed(budget=20)
        got: list[Unsubscribed] = []
        error = failure(lambda: got.extend(found))
        assert error.kind is Kind.LATER and got and len(server.received) == 1
        assert list(found) == [], "it is over, not tried again"

    def test_a_wrong_key_is_refetched_before_any_row(self, server: Scripted) -> None:
        class Rotated(Secret):
            def reveal(self, fresh: bool = False) -> str:
                return "placeholder-new" if fresh else "placeholder-old"

        server.script = [WRONG_KEY, in_steps(listing("json", 10))]
        made = Account("lettre", "mailpartner", f"{server.url}/v1", None, {}, {"api_key": Rotated("")})
        assert sum(1 for _ in connect(made).unsubscribed(budget=5)) == 10
        assert ["placeholder-new" in request.path for request in server.received] == [False, True]

    def test_a_refusal_is_raised_before_any_row(self, server: Scripted) -> None:
        server.script = [answer({"success": False, "code": 40, "message": f"refusé {KEY}"}, 400)]
        error = failure(lambda: connect(account(server.url)).unsubscribed(budget=5))
        assert error.kind is Kind.ACCOUNT and KEY not in error.message

    def test_a_compressed_answer_is_limited(self, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "_LONGEST_STREAM", 100_000)
        server.script = [answer(gzip.compress(b"".join(listing("json", 10_000))), headers=GZIP)]
        error = failure(lambda: list(connect(account(server.url)).unsubscribed(budget=5)))
        assert error.kind is Kind.LATER and "larger" in error.message

    @pytest.mark.parametrize("rows", [[], [None, {"id": 1}], [{"id": 1, "email": "a},{@example.com"}, {"id": 2}] * 3])
    def test_unusual_rows_are_distinguished(self, rows: Sequence[Any], server: Scripted) -> None:
        server.script = [answer(json.dumps({**DONE, "data": rows}).encode())]
        found = connect(account(server.url)).unsubscribed(budget=5)
        emails = [row.email for row in found]
        assert emails == [row["email"] for row in rows if row and "email" in row]
        assert found.skipped == len(rows) - len(emails)
