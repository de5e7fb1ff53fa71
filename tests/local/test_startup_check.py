"""What `make run` says of a check: a line for each problem, and never a failure."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from local import startup_check
from local.lambdas.functions import NoEnvironment

FINE: dict[str, Any] = {"ok": True, "problems": [], "unchecked": []}
UNCHECKED: dict[str, Any] = {"ok": True, "problems": [], "unchecked": ["its fields: nobody tells them"]}
WRONG: dict[str, Any] = {
    "ok": False,
    "problems": [{"problem": 'no list "1"', "do": 'Put in "2".'}, {"problem": 'no field "nom".', "do": "Correct it."}],
    "unchecked": [],
}


def test_each_problem_is_one_line_with_what_to_do() -> None:
    answer = {"ok": False, "accounts": {"paris": FINE}, "forms": {"footer": WRONG}, "sources": {"crm": FINE}}
    assert list(startup_check.lines_of(answer)) == [
        'check: form footer: no list "1". Put in "2".',
        'check: form footer: no field "nom". Correct it.',
    ]


def test_an_accounts_problem_is_followed_by_its_hint() -> None:
    answer = {"ok": False, "accounts": {"paris": WRONG}, "forms": {"paris": WRONG}, "sources": {}}
    lines = list(startup_check.lines_of(answer, {"paris": "The sandbox accepts it."}))
    assert [line.endswith(" The sandbox accepts it.") for line in lines] == [True, True, False, False]


def test_one_line_says_that_all_is_well() -> None:
    answer = {"ok": True, "accounts": {"paris": FINE}, "forms": {}, "sources": {}}
    assert list(startup_check.lines_of(answer)) == ["check: every account, form and source is in order"]


def test_what_was_not_checked_is_said_with_and_without_problems() -> None:
    source = {"ok": True, "problems": [], "unchecked": ["the file: the provider fetches it"]}
    forms = {"club": UNCHECKED, "footer": UNCHECKED}
    said = (
        "not checked: form club, form footer (its fields: nobody tells them); "
        "source crm (the file: the provider fetches it)"
    )
    answer = {"ok": True, "accounts": {"paris": FINE}, "forms": forms, "sources": {"crm": source}}
    assert list(startup_check.lines_of(answer)) == [f"check: every account, form and source is in order; {said}"]
    answer = {"ok": False, "accounts": {}, "forms": {**forms, "wrong": WRONG}, "sources": {"crm": source}}
    assert list(startup_check.lines_of(answer))[2:] == [f"check: {said}"]


def test_a_check_that_cannot_be_made_is_one_line_and_none_while_stopping(capfd: pytest.CaptureFixture[str]) -> None:
    def fails(name: str, event: Any) -> Any:
        raise NoEnvironment("no environment of check")

    stopping = threading.Event()
    startup_check.begin(fails, stopping, {}).join(10)
    assert capfd.readouterr().err == "check: not made: no environment of check\n"
    stopping.set()
    startup_check.begin(fails, stopping, {}).join(10)
    assert capfd.readouterr().err == ""
