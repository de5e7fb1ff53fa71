"""Line numbers of keys, in every notation of TOML."""

from __future__ import annotations

import tomllib

import pytest

from chalicelib.config.field_errors import Lines

TEXT = '''\
# [not.a.table] in a comment
top = "[not.either]"

[ a . "b.c" ] # a header with spaces, quotes and a comment
one = 1
"two words" = """
[inside.a.text]
x = 1 \\""" """"
three = [ # an array over lines
  "[no.header]", # no = here
  "y = 2",
]
dotted.deep.key = 'literal "quote" \\'
inline = { x = 1, y = "}" }
long = \'\'\'
z = 3
\'\'\'\'
last = 4
tail = ["""a"""", "]"]
[[many]]
name = "first"
[[many]]
name = "second"
[a.child]
k = "v"\
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("top",), 2),
        (("a", "b.c"), 4),
        (("a", "b.c", "one"), 5),
        (("a", "b.c", "two words"), 6),
        (("a", "b.c", "three"), 9),
        (("a", "b.c", "dotted", "deep", "key"), 13),
        (("a", "b.c", "dotted"), 13),
        (("a", "b.c", "inline"), 14),
        (("a", "b.c", "inline", "x"), 14),
        (("a", "b.c", "long"), 15),
        (("a", "b.c", "last"), 18),
        (("many",), 20),
        (("many", "name"), 21),
        (("a", "child", "k"), 25),
        (("a",), 4),
        (("a", "child", "missing"), 24),
        (("missing",), None),
        (("not", "a", "table"), None),
        ((), None),
    ],
)
def test_lines(place: tuple[str, ...], line: int | None) -> None:
    assert tomllib.loads(TEXT), "the sample is TOML"
    assert Lines(TEXT).of(place) == line


def test_windows_line_ends() -> None:
    assert Lines(TEXT.replace("\n", "\r\n")).of(("a", "b.c", "last")) == 18


def test_an_empty_text() -> None:
    assert Lines("").of(("a",)) is None
