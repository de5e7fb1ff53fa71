"""Declares provider functions by the methods themselves, and calls them by name for operators.

A client marks a method with `@function`; its signature and docstring are the declaration: names, types, which
parameters are optional, and the help. So dispatch, `help`, the documentation and the method cannot differ.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from inspect import Parameter as Argument, getdoc, signature
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..domain.addresses import MAX_LENGTH
from ..domain.errors import Kind, ProviderError
from .results import as_json
from .spec import Function, Parameter, StartedCampaign

TypeName = Literal["string", "integer", "number", "boolean", "object", "array", "datetime"]
Method = TypeVar("Method", bound=Callable[..., Any])

_MARK = "__provider_function__"
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TYPE_NAMES: Mapping[Any, TypeName] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "datetime",
    Mapping: "object",
    Sequence: "array",
}
_AS_GIVEN: Mapping[TypeName, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (Mapping,),
    "array": (list, tuple),
    "datetime": (str, datetime),
}
_EXAMPLES: Mapping[TypeName, str] = {
    "string": 'a string, such as "4781"',
    "integer": "a whole number, such as 10",
    "number": "a number, such as 1.5",
    "boolean": "true or false",
    "object": 'an object, such as {"name": "value"}',
    "array": 'an array, such as ["first", "second"]',
    "datetime": 'a time with its zone, such as "2026-03-01T09:30:00Z"',
}


def invalid(function: str, reason: str) -> ProviderError:
    """Returns the error of a call that is refused before it is made: the caller must correct it."""
    return ProviderError(Kind.CALLER, f"{function}: {reason}")


def unsupported(provider: str, what: str) -> ProviderError:
    """Returns the error of a call that the provider's capabilities rule out."""
    return ProviderError(Kind.CALLER, f"{provider} does not offer {what}")


def function(*, changes: bool, campaign: StartedCampaign | None = None) -> Callable[[Method], Method]:
    """Marks a client's method as a function to be called by name. `changes`: it changes something at the provider.

    The method takes the function's parameters (their help in `Annotated[type, "help"]`) and `budget`, in seconds.
    `campaign` is set where a call begins a campaign that the provider cannot list afterwards.
    """

    def mark(method: Method) -> Method:
        setattr(method, _MARK, (changes, campaign))
        return method

    return mark


def declared(client: type) -> tuple[Function, ...]:
    """Returns the functions that a client class marks, in the order of its definition."""
    return tuple(_declaration(name, method) for name, method in vars(client).items() if hasattr(method, _MARK))


def _declaration(name: str, method: Callable[..., Any]) -> Function:
    changes, campaign = getattr(method, _MARK)
    hints = get_type_hints(method, include_extras=True)
    parameters = tuple(
        _parameter(name, hints[name], argument.default is Argument.empty)
        for name, argument in signature(method).parameters.items()
        if name not in ("self", "budget")
    )
    first_paragraph = " ".join((getdoc(method) or "").split("\n\n")[0].split())
    return Function(name, parameters, changes, first_paragraph, campaign)


def _parameter(name: str, hint: Any, required: bool) -> Parameter:
    text = ""
    if get_origin(hint) is Annotated:
        hint, text = get_args(hint)[0], get_args(hint)[1]
    if get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (choice for choice in get_args(hint) if choice is not type(None))
    return Parameter(name, _TYPE_NAMES[get_origin(hint) or hint], required, text)


def described(functions: Iterable[Function]) -> list[dict[str, Any]]:
    """Returns the declarations as JSON values, for `help`."""
    return [
        {
            "name": each.name,
            "help": each.help,
            "changes": each.changes,
            "parameters": [dataclasses.asdict(parameter) for parameter in each.parameters],
        }
        for each in functions
    ]


def find(functions: Iterable[Function], name: str) -> Function:
    """Returns the function of that name. Raises `ProviderError` (caller) that names the nearest one."""
    by_name = {each.name: each for each in functions}
    if name in by_name:
        return by_name[name]
    near = difflib.get_close_matches(name, by_name, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(by_name)}"
    raise ProviderError(Kind.CALLER, f"there is no function {name[:60]!r}; {hint}")


def check(called: Function, params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `params` as keyword arguments of the method, datetimes made from text, null treated as omitted.

    Raises `ProviderError` (caller) with every error: an unknown name (and the nearest), a missing one, a wrong type. It
    repeats no value, since a value may be a password or personal data.
    """
    known = {parameter.name: parameter for parameter in called.parameters}
    given = {name: value for name, value in params.items() if value is not None}
    errors = [_unknown(name, known) for name in given if name not in known]
    errors += [f"{name} is missing" for name, parameter in known.items() if parameter.required and name not in given]
    values: dict[str, Any] = {}
    for name in known.keys() & given.keys():
        values[name], error = _typed(known[name], given[name])
        errors += [error] if error else []
    if errors:
        raise invalid(called.name, "; ".join(sorted(errors)))
    return values


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    near = difflib.get_close_matches(str(name), known, 1)
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    return f"there is no parameter {str(name)[:60]!r} ({f'did you mean {near[0]!r}?' if near else takes})"


def _typed(parameter: Parameter, value: Any) -> tuple[Any, str]:
    """Returns (value, "") or (None, what it must be)."""
    error = f"{parameter.name} must be {_EXAMPLES[parameter.type]}"
    if not isinstance(value, _AS_GIVEN[parameter.type]) or (isinstance(value, bool) and parameter.type != "boolean"):
        return None, error
    if parameter.type != "datetime":
        return value, ""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None, error
    # At either end of the calendar another zone's clock could not show it.
    return (moment, "") if moment.tzinfo and MINYEAR < moment.year < MAXYEAR else (None, error)


def dispatch(
    client: object, functions: Iterable[Function], name: str, params: Mapping[str, Any], *, budget: float
) -> Any:
    """Calls a client's function by name; returns its result as JSON values with secrets masked.

    Raises `ProviderError`: caller for a wrong name or parameter, before any call; else what the method raises.
    """
    called = find(functions, name)
    if not isinstance(params, Mapping):
        raise invalid(name, "params must be an object of parameter names and values")
    return as_json(getattr(client, called.name)(**check(called, params), budget=budget))


@dataclass(frozen=True, slots=True)
class Limits:
    """Checks parameters of one function against limits that the vendor states. All raise `ProviderError` (caller)."""

    function: str

    def require(self, condition: object, reason: str) -> None:
        """Refuses the call with `reason` unless `condition` is true."""
        if not condition:
            raise invalid(self.function, reason)

    def text(self, name: str, value: str, longest: int = 1000) -> str:
        """Returns a text that is not blank, has no control characters and at most `longest` characters."""
        self.require(value.strip(), f"{name} must not be empty")
        self.require(not _CONTROL_CHARACTER.search(value), f"{name} must not hold control characters")
        self.require(len(value) <= longest, f"{name} must have at most {longest} characters")
        return value

    def address(self, name: str, value: str, longest: int = MAX_LENGTH) -> str:
        """Returns an e-mail address, checked as for an unsubscribe: exactly one @, at most `longest` characters."""
        self.text(name, value, longest)
        self.require(value.count("@") == 1, f"{name} must be one e-mail address")
        return value
