"""The message about a file that is not valid TOML: the cause in plain words, the line, and never a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from chalicelib.config.load import read_document
from chalicelib.config.toml_errors import explain
from chalicelib.domain.errors import ConfigurationError

BEFORE = "# Relais\n[accounts.brussel]\n"
MISTAKES = {
    "site_id = 0616074266001": 'a number cannot begin with 0, so put it in quotes: site_id = "…"',
    "list = 0616074266229  # theirs": 'a number cannot begin with 0, so put it in quotes: list = "…"',
    "account = paris": 'put the value in quotes: account = "…"',
    "api_key = 12ab34": 'put the value in quotes: api_key = "…"',
    "email = @email": 'put the value in quotes: email = "…"',
    "account = “paris”": 'the quotes must be straight ones: account = "…"',
    "account = «paris»": 'the quotes must be straight ones: account = "…"',
    'account = "paris': 'the quote at the end is missing: account = "…"',
    "account =": 'there is no value: write one in quotes, as in account = "…"',
    "account = # later": 'there is no value: write one in quotes, as in account = "…"',
    "sandbox = True": "write sandbox = true or sandbox = false, in small letters and without quotes",
    "sandbox = yes": "write sandbox = true or sandbox = false, in small letters and without quotes",
    "hours = 0,5": "write a decimal point instead of the comma: hours = 0.5",
    "origins = [https://www.example.com]": 'put each item in quotes: origins = ["…", "…"]',
    'origins = ["a" "b"]': "the list that begins above has no ] at its end, or no comma between two items",
    'account = "paris",': "after a value nothing may follow on its line but a # comment",
    'account = "paris";': "after a value nothing may follow on its line but a # comment",
    'account: "paris"': 'between a key and its value stands =, as in account = "paris"',
    'prénom = "PRENOM"': 'a key with other characters than A-Z a-z 0-9 _ - stands in quotes, as in "prénom" = "…" (at',
    'mon prenom = "PRENOM"': 'a key with a space in it stands in quotes, as in "mon prénom" = "…" (at',
    '@unsubscribe_url = "x"': "a key with other characters than A-Z a-z 0-9 _ - stands in quotes",
    "“@unsubscribe_url” = “x”": "put the key between straight quotes",
    'account\u00a0= "paris"': "there is a no-break space",
    'path = "C:\\dir"': r"write \\ for a backslash",
    "[forms.footer": "a section stands alone on its line between brackets",
    "[forms.été]": "its names have no other characters than A-Z a-z 0-9 _ -, so no accents and no spaces",
    '[forms.footer] account = "paris"': "a section stands alone on its line between brackets",
    '{"accounts": {}}': "this looks like JSON or HTML, and the file must be TOML",
    "<html>": "this looks like JSON or HTML, and the file must be TOML",
    "// a comment": "a comment begins with #",
    "my configuration": "a line is a [section], or a key with its value",
}


def said(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigurationError) as caught:
        read_document(path)
    (error,) = caught.value.field_errors
    assert error.field == str(path)
    return error.message


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_explained_with_its_line(tmp_path: Path, mistake: str, end: str) -> None:
    message = said(tmp_path / "my.toml", f"{BEFORE}{mistake}\n[privacy]\n".replace("\n", end))
    assert message.startswith("the file is not valid TOML: ")
    assert MISTAKES[mistake] in message
    assert "(at line 3, column " in message


@pytest.mark.parametrize("end", ['origins = ["a",\n', 'text = """a\nb = 1\n', "account ="])
def test_a_value_without_an_end_is_explained(tmp_path: Path, end: str) -> None:
    assert "the last value is missing, or has no end" in said(tmp_path / "my.toml", end)


def test_line_ends_of_old_macs_are_named(tmp_path: Path) -> None:
    assert "save the file with line ends of today" in said(tmp_path / "my.toml", 'a = "b"\rc = "d"\r')


@pytest.mark.parametrize(
    "line",
    [
        "aGVsbG8taGVsbG8taGVsbG8=",
        "api_key = s3cretpart+more/of=it",
        'password = "s3cretpart" s3cretpart',
        "s3cretpart",
        "[s3cretpart\n",
    ],
)
def test_no_value_is_shown_nor_a_key_that_may_be_one(tmp_path: Path, line: str) -> None:
    message = said(tmp_path / "my.toml", f"{BEFORE}{line}\n")
    assert "s3cretpart" not in message
    assert "aGVs" not in message


@given(st.text(max_size=40), st.integers(1, 5), st.integers(1, 50), st.sampled_from(["Invalid value", "Illegal", "x"]))
def test_any_text_can_be_explained(text: str, line: int, column: int, reason: str) -> None:
    assert explain(f"{reason} (at line {line}, column {column})", text).endswith(f"(at line {line}, column {column})")
