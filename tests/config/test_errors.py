"""Every kind of configuration error: reported once, under its key, at its line, with the remedy."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.config.load import load
from chalicelib.domain.errors import ConfigurationError, FieldError

ErrorsIn = Callable[[str], tuple[FieldError, ...]]

CASES = {
    case["name"]: case
    for path in sorted((Path(__file__).parent / "mistakes").glob("*.toml"))
    for case in tomllib.loads(path.read_text("utf-8"))["mistake"]
}


def _with_error(text: str, case: dict[str, str]) -> str:
    assert case["replace"] in text
    return text.replace(case["replace"], case.get("by", ""), 1)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_an_error_is_reported_once_with_key_place_and_remedy(
    errors_in: ErrorsIn, whole: str, case: dict[str, str]
) -> None:
    text = _with_error(whole, case)
    (field_error,) = errors_in(text)
    assert field_error.field == case["key"]
    assert case["says"] in field_error.message
    line = text[: text.index(case["at"])].count("\n") + 1 if "at" in case else None
    assert field_error.message.endswith(f"relais.toml, line {line})" if line else "relais.toml)"), field_error.message


def test_all_errors_are_reported_at_once_in_file_order(errors_in: ErrorsIn, whole: str) -> None:
    text = whole
    chosen = ("public over http", "twins", "unknown provider", "list missing", "no address keys", "webhook types empty")
    for case in chosen:
        text = _with_error(text, CASES[case])
    assert [field_error.field for field_error in errors_in(text)] == [
        "accounts.paris.provider",
        # The list of a form is not missed while its provider is not known.
        "forms.footer.fields.nom",
        "webhooks.shop.types",
        "privacy.address_keys",
        "api.public_url",
    ]


def test_without_accounts_references_to_one_are_not_reported(errors_in: ErrorsIn, whole: str) -> None:
    start = whole.index("[forms.footer]")
    (missing,) = errors_in(whole[start:])
    assert (missing.field, "add a section [accounts.NAME]" in missing.message) == ("accounts", True)
    (empty,) = errors_in("[accounts]\n" + whole[start:])
    assert (empty.field, "is empty" in empty.message) == ("accounts", True)


def test_a_sync_without_accounts_lists_the_possible_ones(errors_in: ErrorsIn, whole: str) -> None:
    start, end = whole.index("[sync.unsubscribes]"), whole.index("[sources.crm]")
    (field_error,) = errors_in(f"{whole[:start]}[sync]\n{whole[end:]}")
    assert (field_error.field, "is missing: add [sync.unsubscribes]" in field_error.message) == (
        "sync.unsubscribes",
        True,
    )


def test_the_message_has_a_line_for_each_error() -> None:
    error = ConfigurationError([FieldError("a.b", "is wrong"), FieldError("c", "is missing")])
    assert str(error).splitlines() == ["a.b: is wrong", "c: is missing"]


def _only_error(path: Path) -> FieldError:
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    (field_error,) = caught.value.field_errors
    assert field_error.field == str(path)
    return field_error


def test_a_missing_file_is_reported_with_the_possible_places(tmp_path: Path) -> None:
    message = _only_error(tmp_path / "none.toml").message
    assert "there is no such file" in message
    assert "relais.example.toml" in message
    assert "RELAIS_CONFIG" in message


def test_a_file_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "relais.toml"
    path.write_bytes('# Zoé\n[api]\nadmin_key = "hidden-value"'.encode("latin-1"))
    with pytest.raises(ConfigurationError, match="not UTF-8") as caught:
        load(path, {})
    assert caught.value.__context__ is None, "the codec's own error carries the whole file"


def test_a_file_that_is_not_toml_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "relais.toml"
    path.write_text('[api]\nadmin_key = "hidden-value" oops\n', "utf-8")
    message = _only_error(path).message
    assert "not valid TOML" in message
    assert "line 2" in message
    assert "hidden-value" not in message


def test_without_errors_no_lines_are_looked_for(whole: str, load_text: Callable[[str], object]) -> None:
    """Line numbers need a second reading of the text: only a file with errors is read twice."""
    called = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_qualname) if event == "call" else None)
    try:
        load_text(whole)
    finally:
        sys.setprofile(None)
    assert "TomlTable.text" in called
    assert not any(name.startswith("Lines.") for name in called)
