"""The files of docs/schemas mean the same elsewhere: in the documented programs, to JavaScript, to Python."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import jsonschema_rs
import pytest

from chalicelib.domain.texts import trimmed
from local.npm import NotInstalled, installed
from local.schemas.__main__ import FOLDER
from local.schemas.annotations import ROOT
from local.schemas.configuration import FILE
from local.schemas.events import EVENT_FILE, QUEUE_FILE
from local.schemas.values import INVISIBLE
from tests.local.test_configuration_schema import PARTS
from tests.local.test_event_schemas import QUEUE, SENDER, SIGNUP, documented
from tests.support.required_tools import missing, need

AJV = "8.20.0"
SCHEMAS = {name: json.loads((FOLDER / name).read_text("utf-8")) for name in (FILE, EVENT_FILE, QUEUE_FILE)}

EVENTS: list[Any] = [
    *(event for _, event in documented()),
    *SCHEMAS[EVENT_FILE]["examples"],
    *({**SIGNUP, name: f"{value}\n"} for name, value in SIGNUP.items() if isinstance(value, str)),
    *({**SIGNUP, name: wrong} for name in SIGNUP for wrong in (None, 5, "", [], {})),
    *({key: value for key, value in SIGNUP.items() if key != name} for name in SIGNUP),
]
MESSAGES = [*EVENTS, EVENTS, {"events": EVENTS[:2]}, [[[[[SIGNUP]]]]], [[[[[[SIGNUP]]]]]], {"events": []}, None, "x"]


def patterns(schema: Any) -> set[str]:
    """All patterns of a schema, those of names included."""
    if isinstance(schema, list):
        return set().union(*map(patterns, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
    return own.union(schema.get("patternProperties", ()), *map(patterns, schema.values()))


def program(language: str, holding: str) -> tuple[str, str]:
    """The program of docs/back-ends.md that validates, and what it says that it prints."""
    guide = (ROOT / "docs" / "back-ends.md").read_text("utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    [code] = [block for block in blocks if holding in block]
    [said] = re.findall(r"(?:#|//) (\[.*\])$", code, re.MULTILINE)
    return code, said


def test_the_documented_check_in_python(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, said = program("python", "Draft202012Validator")
    names: dict[str, Any] = {}
    exec(compile(code, "docs/back-ends.md", "exec"), names)
    assert capsys.readouterr().out == f"{said}\n"
    assert "feilds" in said
    assert [names["mistakes"](event) == [] for event in EVENTS] == [SENDER.is_valid(event) for event in EVENTS]


IN_NODE = """
const pick = (ajv, name) =>
  new (require(ajv))({ strict: false, validateFormats: false }).compile(JSON.parse(readFileSync(name, "utf8")));
const given = JSON.parse(readFileSync(0, "utf8"));
pick("ajv", given.configuration);
const onQueue = pick("ajv/dist/2020", given.queue);
console.log(JSON.stringify({
  events: given.events.map((event) => mistakes(event).length === 0),
  messages: given.messages.map((message) => onQueue(message)),
  patterns: given.patterns.map((pattern) => given.texts.map((text) => +new RegExp(pattern, "u").test(text)).join("")),
}));
"""


@pytest.mark.slow
@pytest.mark.server
def test_node_says_the_same() -> None:
    """The documented program, ajv over every schema, and the patterns as browsers and editors read them."""
    try:
        modules = installed("ajv", AJV, ROOT / ".local" / "ajv").parent
    except NotInstalled as error:
        missing(str(error))
    code, said = program("javascript", "ajv")
    edges = [chr(each) for each in (*range(0xA2), *range(0x2000, 0x2070), 0xAD, 0x600, 0x1680, 0x3000, 0xFEFF, 0xFFF9)]
    texts = [*PARTS, *edges, *(f"a{each}" for each in edges), *(f"https://a.example/{each}" for each in edges)]
    used = sorted(patterns(SCHEMAS[FILE]))
    given = {
        "configuration": str(FOLDER / FILE),
        "queue": str(FOLDER / QUEUE_FILE),
        "events": EVENTS,
        "messages": MESSAGES,
        "patterns": used,
        "texts": texts,
    }
    node = [need("node", "the check in Node.js"), "-e", code + IN_NODE]
    environ = {**os.environ, "NODE_PATH": str(modules)}
    done = subprocess.run(
        node, cwd=ROOT, env=environ, input=json.dumps(given), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed, _, judged = done.stdout.strip().rpartition("\n")
    assert printed.split() == said.split()
    answer = json.loads(judged)
    assert answer["events"] == [SENDER.is_valid(event) for event in EVENTS]
    assert answer["messages"] == [QUEUE.is_valid(message) for message in MESSAGES]
    for pattern, seen in zip(used, answer["patterns"], strict=True):
        in_rust = jsonschema_rs.Draft7Validator({"pattern": pattern}).is_valid
        assert [texts[at] for at, fits in enumerate(seen) if (fits == "1") is not in_rust(texts[at])] == [], pattern


def test_patterns_of_the_configuration_name_the_characters_that_they_mean() -> None:
    """Editors read them with JavaScript, Rust or Java, to which these are different sets."""
    used = patterns(SCHEMAS[FILE])
    assert len(used) >= 20
    for pattern in used:
        assert not re.search(r"(?<!\\)\.", re.sub(r"\[(?:\\.|[^\]\\])*\]", "", pattern)), pattern
        assert not re.search(r"\\[sSdDwWbBpP]", pattern), pattern


def test_invisible_characters_are_those_that_the_reader_drops() -> None:
    plane = [chr(each) for each in range(0x10000)]
    dropped = {each for each in plane if not trimmed(each) and not each.isspace()}
    assert set(re.findall(f"[{INVISIBLE}]", "".join(plane))) == dropped
