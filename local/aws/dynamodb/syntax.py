"""The syntax tree of expressions, and the parser that all kinds of expressions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from .errors import DynamoError, invalid
from .tokens import Token, reserved_words, syntax_error, tokens

T = TypeVar("T")
MAX_EXPRESSION_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Path:
    """A document path: attribute names, placeholders such as `#n`, and list indexes."""

    elements: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ValueRef:
    """A value's placeholder, such as `:v`."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and `=`, `<>`, `<`, `<=`, `>` or `>=` between them."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """`operand BETWEEN low AND high`."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class In:
    """`operand IN (option, ...)`."""

    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by `AND` or by `OR`, or one after `NOT`."""

    operator: str
    conditions: tuple[Node, ...]


Operand: TypeAlias = "Path | ValueRef | Call"
Node: TypeAlias = "Comparison | Between | In | Junction | Call"


@dataclass
class Parser:
    """Reads one expression. `kind` is its parameter's name, which error messages begin with."""

    text: str
    kind: str
    names: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    closed: dict[int, int] = field(default_factory=dict)
    """Positions of closing parentheses by those of their opening ones."""
    _tokens: list[Token] = field(init=False)
    _at: int = 0

    def __post_init__(self) -> None:
        if len(self.text.encode("utf-8", "surrogatepass")) > MAX_EXPRESSION_BYTES:
            raise self.wrong("Expression size has exceeded the maximum allowed size;")
        self._tokens = tokens(self.text, self.kind)

    def wrong(self, message: str) -> DynamoError:
        """Returns an error about this expression."""
        return invalid(f"Invalid {self.kind}: {message}")

    def unexpected(self) -> DynamoError:
        """Returns a syntax error at the next token."""
        return syntax_error(self.text, self.kind, self._tokens, self._at)

    @property
    def next(self) -> Token:
        """The next token, which stays the next one."""
        return self._tokens[self._at]

    @property
    def position(self) -> int:
        """The next token's number."""
        return self._at

    def take(self) -> Token:
        """Takes the next token."""
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def is_sign(self, *signs: str) -> bool:
        """Returns whether the next token is one of these signs."""
        return self.next.kind == "sign" and self.next.text in signs

    def is_word(self, *words: str) -> bool:
        """Returns whether the next token is one of these keywords, in any case."""
        return self.next.kind == "word" and self.next.text.upper() in words

    def opens_function(self) -> bool:
        """Returns whether the next tokens are a name and an opening parenthesis."""
        after = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return self.next.kind == "word" and (after.kind, after.text) == ("sign", "(")

    def expect(self, sign: str) -> None:
        """Takes a sign. Raises DynamoError when it is missing."""
        if not self.is_sign(sign):
            raise self.unexpected()
        self.take()

    def end(self) -> None:
        """Checks that nothing follows. Raises DynamoError."""
        if self.next.kind != "end":
            raise self.unexpected()

    def separated(self, read: Callable[[], T]) -> tuple[T, ...]:
        """Reads elements separated by commas."""
        found = [read()]
        while self.is_sign(","):
            self.take()
            found.append(read())
        return tuple(found)

    def operand(self) -> Operand:
        """Reads a path, a value or a function call."""
        if self.next.kind == "value":
            return self.value()
        if self.opens_function():
            return self.call()
        return self.path()

    def value(self) -> ValueRef:
        """Reads a value's placeholder."""
        if self.next.kind != "value":
            raise self.unexpected()
        token = self.take()
        self.values.add(token.text)
        return ValueRef(token.text)

    def call(self) -> Call:
        """Reads a function call."""
        function = self.take().text
        self.expect("(")
        arguments = () if self.is_sign(")") else self.separated(self.operand)
        self.expect(")")
        return Call(function, arguments)

    def path(self) -> Path:
        """Reads a document path."""
        elements: list[str | int] = [self._name()]
        while self.is_sign(".", "["):
            if self.take().text == ".":
                elements.append(self._name())
                continue
            if self.next.kind != "number":
                raise self.unexpected()
            elements.append(int(self.take().text))
            self.expect("]")
        return Path(tuple(elements))

    def _name(self) -> str:
        if self.next.kind not in ("word", "name"):
            raise self.unexpected()
        token = self.take()
        if token.kind == "name":
            self.names.add(token.text)
        elif token.text.upper() in reserved_words():
            raise self.wrong(f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
        return token.text


def parse_condition(parser: Parser) -> Node:
    """Reads a whole condition."""
    found = _either(parser)
    parser.end()
    return found


def _either(parser: Parser) -> Node:
    found = [_both(parser)]
    while parser.is_word("OR"):
        parser.take()
        found.append(_both(parser))
    return found[0] if len(found) == 1 else Junction("OR", tuple(found))


def _both(parser: Parser) -> Node:
    found = [_negated(parser)]
    while parser.is_word("AND"):
        parser.take()
        found.append(_negated(parser))
    return found[0] if len(found) == 1 else Junction("AND", tuple(found))


def _negated(parser: Parser) -> Node:
    if not parser.is_word("NOT"):
        return _single(parser)
    parser.take()
    return Junction("NOT", (_negated(parser),))


def _single(parser: Parser) -> Node:
    if parser.is_sign("("):
        opening = parser.position
        parser.take()
        found = _either(parser)
        closing = parser.position
        parser.expect(")")
        parser.closed[opening] = closing
        if parser.closed.get(opening + 1) == closing - 1:
            raise parser.wrong("The expression has redundant parentheses;")
        return found
    operand = parser.operand()
    if parser.is_sign("=", "<>", "<", "<=", ">", ">="):
        return Comparison(parser.take().text, operand, parser.operand())
    if parser.is_word("BETWEEN"):
        parser.take()
        low = parser.operand()
        if not parser.is_word("AND"):
            raise parser.unexpected()
        parser.take()
        return Between(operand, low, parser.operand())
    if parser.is_word("IN"):
        parser.take()
        parser.expect("(")
        options = parser.separated(parser.operand)
        parser.expect(")")
        return In(operand, options)
    if isinstance(operand, Call):
        return operand
    raise parser.unexpected()
