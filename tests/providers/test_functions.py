"""Functions declared by methods: the declaration, the checks of what an operator gives, the result as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.functions import Limits, check, declared, described, dispatch, find, function
from chalicelib.providers.spec import Function, Parameter


@dataclass(frozen=True)
class Made:
    at: datetime
    token: str
    rows: tuple[Mapping[str, Any], ...]


class Client:
    @function(changes=True)
    def make(
        self,
        name: Annotated[str, "a name"],
        size: int,
        share: float = 0.5,
        on: bool | None = None,
        parts: Annotated[Sequence[str] | None, "its parts"] = None,
        fields: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        *,
        budget: float = 1.0,
    ) -> Made:
        """Make a thing
        of some size.

        And more that no operator needs.
        """
        self.got = (name, size, share, on, parts, fields, at, budget)
        return Made(datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "placeholder", ({"pass": "placeholder", "n": 1},))

    def not_declared(self) -> None:
        """For Python only."""

    @function(changes=False)
    def show(self, *, budget: float = 1.0) -> None:
        """Show."""


FUNCTIONS = declared(Client)
MAKE = FUNCTIONS[0]


def error(params: Mapping[str, Any], called: Function = MAKE) -> str:
    with pytest.raises(ProviderError) as caught:
        check(called, params)
    assert caught.value.kind is Kind.CALLER
    return caught.value.message


def test_a_signature_matches_the_declaration() -> None:
    assert [each.name for each in FUNCTIONS] == ["make", "show"]
    assert MAKE.changes and not FUNCTIONS[1].changes
    assert MAKE.help == "Make a thing of some size."
    assert MAKE.parameters == (
        Parameter("name", "string", True, "a name"),
        Parameter("size", "integer", True),
        Parameter("share", "number", False),
        Parameter("on", "boolean", False),
        Parameter("parts", "array", False, "its parts"),
        Parameter("fields", "object", False),
        Parameter("at", "datetime", False),
    )
    assert FUNCTIONS[1].parameters == ()


def test_help_is_the_declaration_as_json() -> None:
    made, shown = described(FUNCTIONS)
    assert (made["name"], made["changes"], made["help"]) == ("make", True, "Make a thing of some size.")
    assert made["parameters"][0] == {"name": "name", "type": "string", "required": True, "help": "a name"}
    assert shown == {"name": "show", "changes": False, "help": "Show.", "parameters": []}


def test_a_function_is_called_by_name() -> None:
    client = Client()
    params = {"name": "x", "size": 3, "parts": ["a"], "fields": {"b": 1}, "on": None, "at": "2026-03-01T10:30:00+01:00"}
    result = dispatch(client, FUNCTIONS, "make", params, budget=7.0)
    assert client.got[:6] == ("x", 3, 0.5, None, ["a"], {"b": 1})
    assert client.got[6].isoformat() == "2026-03-01T10:30:00+01:00" and client.got[7] == 7.0
    assert result == {"at": "2026-03-01T09:30:00Z", "token": "***", "rows": [{"pass": "***", "n": 1}]}
    assert dispatch(client, FUNCTIONS, "show", {}, budget=1.0) is None


@pytest.mark.parametrize("name", ["not_declared", "__init__", "budget", "mak", "MAKE"])
def test_only_declared_functions_can_be_called(name: str) -> None:
    with pytest.raises(ProviderError, match="there is no function"):
        dispatch(Client(), FUNCTIONS, name, {}, budget=1.0)


def test_a_similar_name_is_suggested_and_otherwise_all_names_are_listed() -> None:
    with pytest.raises(ProviderError, match="did you mean 'make'"):
        find(FUNCTIONS, "mkae")
    with pytest.raises(ProviderError, match="there are: make, show"):
        find(FUNCTIONS, "zzz")


def test_all_errors_are_reported_at_once() -> None:
    messages = error({"nam": "x", "size": "3", "zzz": 1})
    assert "'nam' (did you mean 'name'?)" in messages and "'zzz' (it takes name, size" in messages
    assert "name is missing" in messages and "size must be a whole number" in messages
    assert "it takes none" in error({"x": 1}, FUNCTIONS[1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 4781),
        ("name", ["x"]),
        ("size", True),
        ("size", 1.5),
        ("share", "0.5"),
        ("share", False),
        ("on", 1),
        ("parts", "a,b"),
        ("parts", {"a": 1}),
        ("fields", [1]),
        ("at", "tomorrow"),
        ("at", "2026-03-01T09:30:00"),
        ("at", 1772357400),
    ],
)
def test_a_wrong_type_is_reported_with_the_right_one(name: str, value: object) -> None:
    assert f"{name} must be " in error({"name": "x", "size": 1, name: value})


def test_no_error_contains_a_value() -> None:
    assert "placeholder" not in error({"name": ["placeholder"], "size": "placeholder", "at": "placeholder"})


def test_params_must_be_an_object() -> None:
    with pytest.raises(ProviderError, match="params must be an object"):
        dispatch(Client(), FUNCTIONS, "show", ["x"], budget=1.0)  # type: ignore[arg-type]


class TestLimits:
    limits = Limits("make")

    def refused(self, value: str) -> str:
        with pytest.raises(ProviderError) as caught:
            self.limits.address("email", value)
        assert caught.value.kind is Kind.CALLER
        return caught.value.message

    def test_addresses_are_validated_as_for_an_unsubscribe(self) -> None:
        for address in (
            "a@b",
            "Zoé+x@exämple.com",
            '"a b"@example.com',
            f"{'a' * 242}@example.com",
            "a\u00a0@example.com",
        ):
            assert self.limits.address("email", address) == address

    def test_invalid_values_are_rejected_without_being_repeated(self) -> None:
        for nonsense in (
            "",
            "  ",
            "nobody",
            "nobody@one@two",
            "no\nbody@example.com",
            f"nobody{'a' * 250}@example.com",
        ):
            assert "nobody" not in self.refused(nonsense)


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:30:00Z",
        "0001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
    ],
)
def test_hostile_7_a_time_at_the_end_of_the_calendar_is_refused(at: str) -> None:
    """Every zone's clock can show what is accepted."""
    with pytest.raises(ProviderError, match="at must be") as caught:
        dispatch(Client(), declared(Client), "make", {"name": "a", "size": 1, "at": at}, budget=1.0)
    assert caught.value.kind is Kind.CALLER
