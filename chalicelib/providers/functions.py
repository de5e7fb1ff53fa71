"""Provider functions that an operator can call by name, declared by the methods themselves.

A client marks a method with `@function`; its signature and docstring are the declaration: names, types, what may be
left out, and the help. So dispatch, `help`, the documentation and the Python method cannot drift apart.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from inspect import Parameter as Argument, getdoc, signature
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from unicodedata import category

from ..domain.errors import Kind, ProviderError
from .results import as_json
from .spec import CampaignBegun, Function, Parameter

TypeName = Literal["string", "integer", "number", "boolean", "object", "array", "datetime"]
Method = TypeVar("Method", bound=Callable[..., Any])

_MARK = "__provider_function__"
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


def wrong(function: str, why: str) -> ProviderError:
    """The error of a call that is refused before it is made: the caller must mend it."""
    return ProviderError(Kind.CALLER, f"{function}: {why}")


def unsupported(provider: str, what: str) -> ProviderError:
    """The error of asking a provider for what its capabilities say it does not offer."""
    return ProviderError(Kind.CALLER, f"{provider} does not offer {what}")


def function(*, changes: bool, campaign: CampaignBegun | None = None) -> Callable[[Method], Method]:
    """Mark a client's method as a function to be called by name. `changes`: it changes something at the provider.

    The method takes the function's parameters (their help in `Annotated[type, "help"]`) and `budget`, seconds.
    `campaign` is given where a call begins a campaign that the provider cannot list afterwards.
    """

    def mark(method: Method) -> Method:
        setattr(method, _MARK, (changes, campaign))
        return method

    return mark


def declared(client: type) -> tuple[Function, ...]:
    """The functions that a client class marks, in the order of its definition."""
    return tuple(_declaration(name, method) for name, method in vars(client).items() if hasattr(method, _MARK))


def _declaration(name: str, method: Callable[..., Any]) -> Function:
    changes, campaign = getattr(method, _MARK)
    return Function(name, _parameters(method), changes, _first_paragraph(method), campaign)


def _first_paragraph(method: Callable[..., Any]) -> str:
    return " ".join((getdoc(method) or "").split("\n\n")[0].split())


def _parameters(method: Callable[..., Any]) -> tuple[Parameter, ...]:
    hints = get_type_hints(method, include_extras=True)
    return tuple(
        _parameter(name, hints[name], argument.default is Argument.empty)
        for name, argument in signature(method).parameters.items()
        if name not in ("self", "budget")
    )


def _parameter(name: str, hint: Any, required: bool) -> Parameter:
    text = ""
    if get_origin(hint) is Annotated:
        hint, text = get_args(hint)[0], get_args(hint)[1]
    if get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (choice for choice in get_args(hint) if choice is not type(None))
    return Parameter(name, _TYPE_NAMES[get_origin(hint) or hint], required, text)


def described(functions: Iterable[Function]) -> list[dict[str, Any]]:
    """The declarations as JSON values, for `help`: name, what it does, whether it changes something, parameters."""
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
    """The function of that name. Raises `ProviderError` (caller) that names the nearest one."""
    by_name = {each.name: each for each in functions}
    if name in by_name:
        return by_name[name]
    near = difflib.get_close_matches(name, by_name, 1)
    remedy = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(by_name)}"
    raise ProviderError(Kind.CALLER, f"there is no function {name[:60]!r}; {remedy}")


def check(called: Function, params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` as keyword arguments of the method, datetimes made from text, null taken as left out.

    Raises `ProviderError` (caller) with every mistake: an unknown name (and the nearest), a missing one, a wrong type.
    No value is repeated in it, for a value may be a password or a person's.
    """
    known = {parameter.name: parameter for parameter in called.parameters}
    given = {name: value for name, value in params.items() if value is not None}
    mistakes = [_unknown(name, known) for name in given if name not in known]
    mistakes += [f"{name} is missing" for name, parameter in known.items() if parameter.required and name not in given]
    values: dict[str, Any] = {}
    for name in known.keys() & given.keys():
        values[name], mistake = _typed(known[name], given[name])
        mistakes += [mistake] if mistake else []
    if mistakes:
        raise wrong(called.name, "; ".join(sorted(mistakes)))
    return values


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    near = difflib.get_close_matches(str(name), known, 1)
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    return f"there is no parameter {str(name)[:60]!r} ({f'did you mean {near[0]!r}?' if near else takes})"


def _typed(parameter: Parameter, value: Any) -> tuple[Any, str]:
    """(value, "") or (None, what is wrong with it)."""
    mistake = f"{parameter.name} must be {_EXAMPLES[parameter.type]}"
    if not isinstance(value, _AS_GIVEN[parameter.type]) or (isinstance(value, bool) and parameter.type != "boolean"):
        return None, mistake
    if parameter.type != "datetime":
        return value, ""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None, mistake
    return (moment, "") if moment.tzinfo else (None, mistake)


def dispatch(
    client: object, functions: Iterable[Function], name: str, params: Mapping[str, Any], *, budget: float
) -> Any:
    """Call a client's function by name and return its result as JSON values with secrets masked.

    Raises `ProviderError`: caller for a wrong name or parameter, before any call; else what the method raises.
    """
    called = find(functions, name)
    if not isinstance(params, Mapping):
        raise wrong(name, "params must be an object of parameter names and values")
    return as_json(getattr(client, called.name)(**check(called, params), budget=budget))


@dataclass(frozen=True, slots=True)
class Limits:
    """Checks of parameters against limits that a vendor states, for one function. All raise caller errors."""

    function: str

    def require(self, condition: object, why: str) -> None:
        """Refuse the call, saying `why`, unless `condition` holds."""
        if not condition:
            raise wrong(self.function, why)

    def text(self, name: str, value: str, longest: int = 1000) -> str:
        """A text that is not blank, holds no control characters and at most `longest` characters."""
        self.require(value.strip(), f"{name} must not be empty")
        self.require(all(category(char) != "Cc" for char in value), f"{name} must not hold control characters")
        self.require(len(value) <= longest, f"{name} must have at most {longest} characters")
        return value

    def address(self, name: str, value: str, longest: int = 254) -> str:
        """An e-mail address, as loosely as for an unsubscribe: exactly one @, at most `longest` characters."""
        self.text(name, value, longest)
        self.require(value.count("@") == 1, f"{name} must be one e-mail address")
        return value

    def rows(self, name: str, value: Sequence[Any], most: int) -> None:
        """Between one and `most` objects."""
        self.require(0 < len(value) <= most, f"{name} must hold between 1 and {most} entries, not {len(value)}")
        self.require(all(isinstance(row, Mapping) for row in value), f"every entry of {name} must be an object")
