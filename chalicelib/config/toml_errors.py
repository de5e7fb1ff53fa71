"""Explains in plain words what is wrong with a file that is not valid TOML, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass

_POSITION = re.compile(r" \(at (?:line (?P<line>[0-9]+), column (?P<column>[0-9]+)|end of document)\)$")
_REPEATED = ("Cannot overwrite", "Cannot declare", "Cannot mutate", "Cannot redefine", "Duplicate inline")
_CURLY = "“”„‟«»‘’‚‛`´"
_BARE_KEY = r"[A-Za-z0-9_.\s-]+"
_PLAIN_NAME = re.compile(r"[a-z][a-z_]{0,30}")
"""A key that may be quoted: what else stands before an = could be the end of a secret in base64."""
_UNQUOTED = (
    (r"(?:true|false|yes|no|on|off)$", "write {0} = true or {0} = false, in small letters and without quotes"),
    (r"[0-9]+,[0-9]+$", "write a decimal point instead of the comma: {0} = 0.5"),
    (r"[+-]?0[0-9]", 'a number cannot begin with 0, so put it in quotes: {0} = "…"'),
    (r"\[", 'put each item in quotes: {0} = ["…", "…"]'),
)
"""Values that are no text in quotes, and what to write."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The line of an error. `key` stands before `=`, `value` after it, without a comment; both may be empty."""

    text: str
    key: str
    value: str
    character: str
    """The first one that is not understood."""

    @property
    def name(self) -> str:
        """The key as it may be shown."""
        return self.key if _PLAIN_NAME.fullmatch(self.key) else "key"


def explain(problem: str, text: str) -> str:
    """Returns tomllib's message about `text`, with the cause in plain words where it can be told.

    Never quotes a value: it could be a secret.
    """
    position = _POSITION.search(problem)
    reason = problem[: position.start()] if position else problem
    if reason.startswith(_REPEATED):
        cause: str | None = "a key or section stands there twice"
    elif position is None or position["line"] is None:
        cause = "the last value is missing, or has no end: a list ends with ], a text with its quotes"
    else:
        line = _line(text, int(position["line"]), int(position["column"]))
        cause = _wrong_line(reason, line) or _wrong_key(line) or _wrong_value(reason, line)
    return f"{cause or reason}{position.group() if position else ''}"


def _line(text: str, number: int, column: int) -> _Line:
    lines = text.replace("\r\n", "\n").split("\n")
    written = lines[number - 1] if number <= len(lines) else ""
    key, equals, value = written.partition("=")
    return _Line(
        text=written.strip(),
        key=key.strip() if equals else "",
        value=re.split(r"(?:^|\s)#", value)[0].strip() if equals else "",
        character=written[column - 1 : column],
    )


def _wrong_line(reason: str, line: _Line) -> str | None:
    if line.character == "\r":
        return "the lines end as on old Macs: save the file with line ends of today"
    if line.character.isspace() and line.character not in " \t":
        return "there is a no-break space, as word processors make it: type the space again"
    if line.text.startswith("["):
        return (
            "a section stands alone on its line between brackets, as in [forms.footer]; its names have no other "
            "characters than A-Z a-z 0-9 _ -, so no accents and no spaces"
        )
    if line.text.startswith(("{", "<")):
        return "this looks like JSON or HTML, and the file must be TOML, as chalicelib/relais.example.toml is"
    if line.text.startswith(("//", "/*", ";", "--")):
        return "a comment begins with #"
    if reason.startswith("Unclosed array"):
        return "the list that begins above has no ] at its end, or no comma between two items"
    if reason.startswith("Unescaped '\\'"):
        return r"write \\ for a backslash, or put the text between single quotes"
    return None


def _wrong_key(line: _Line) -> str | None:
    """Returns what is wrong on the left of the equals sign."""
    if not line.key:
        if ":" in line.text.partition('"')[0]:
            return 'between a key and its value stands =, as in account = "paris"'
        return 'a line is a [section], or a key with its value, as in account = "paris"; texts stand in quotes'
    if any(character in _CURLY for character in line.key):
        return 'put the key between straight quotes: "…" = "…"'
    if line.key[0] not in "\"'" and not re.fullmatch(_BARE_KEY, line.key, re.ASCII):
        return 'a key with other characters than A-Z a-z 0-9 _ - stands in quotes, as in "prénom" = "…"'
    if line.key[0] not in "\"'" and re.search(r"[^\s.]\s+[^\s.]", line.key):
        return 'a key with a space in it stands in quotes, as in "mon prénom" = "…"'
    return None


def _wrong_value(reason: str, line: _Line) -> str | None:
    """Returns what is wrong on the right of the equals sign."""
    value, name = line.value, line.name
    if not value:
        return f'there is no value: write one in quotes, as in {name} = "…"'
    if value[0] in _CURLY:
        return f'the quotes must be straight ones: {name} = "…"'
    if reason == "Illegal character '\\n'":
        return f'the quote at the end is missing: {name} = "…"'
    if value[0] in "\"'":
        return None if reason.startswith("Illegal") else "after a value nothing may follow on its line but a # comment"
    for pattern, remedy in _UNQUOTED:
        if re.match(pattern, value, re.IGNORECASE):
            return remedy.format(name)
    return f'put the value in quotes: {name} = "…"'
