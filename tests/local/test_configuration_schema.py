"""docs/schemas/relais.toml.schema.json and the reader of the configuration accept and refuse the same files."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, reduce
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import example, given, strategies as st

from chalicelib.config.field_errors import Place
from chalicelib.config.load import Document, settings_of
from chalicelib.config.toml_table import TomlTable
from chalicelib.config.value_limits import NUMBERS, SILENT_AFTER, Number
from chalicelib.domain.errors import ConfigurationError
from chalicelib.providers import registry
from local.npm import NotInstalled, installed
from local.sandbox.samples import SAMPLE_FILE, pointed_at_sandbox
from local.schemas.__main__ import FOLDER
from local.schemas.annotations import EXAMPLE, ROOT, read_annotations, switched_on
from local.schemas.configuration import FILE, configuration_schema
from local.schemas.recording_table import ANY
from tests.config.conftest import SPECS, WHOLE
from tests.config.test_errors import CASES, _with_error
from tests.support.examples import THOROUGH, same_examples
from tests.support.from_schema import instances
from tests.support.required_tools import missing

Values = dict[str, Any]
Schema = dict[str, Any]
SCHEMA: Schema = configuration_schema({name: registry.spec(name) for name in registry.names()}, read_annotations())
VALIDATOR = jsonschema_rs.Draft7Validator(SCHEMA)

ONLY_THE_READER_KNOWS = {
    "which accounts there are": r"there is no account",
    "which fields a form has": r"there is no field",
    "what an account's provider can do": r"takes no signups|cannot be asked who unsubscribed|cannot fetch a file itself"
    r"|is not told of events|cannot send a confirmation mail",
    "that the account's provider has lists": r"name the list at",
    "what a key needs elsewhere in the file": r"needs (a key|a sender|the address)|no unsubscribe link can be made",
    "that two keys contradict each other": r"must be at least first_retry_seconds|is also a field of the form"
    r"|is the account of the form itself|lacks .., which (labels|consent) has",
    "that two fields are one": r"the address is already|goes to the same provider field|stands there twice",
    "which time zones there are": r"time zone of the IANA database",
    "which hosts and ports there are": r"must be an absolute URL|must be scheme://host"
    r"|has a host that cannot be written in ASCII",
    "that http:// goes to another machine where `allow_private` is not set": r"^sources\.\S+ must begin with https://",
    "what a mailbox looks like": r"must be an e-mail address",
    "that 5.0 is no whole number": r"must be a whole number",
    "that nan is no number": r"must be .*a number from",
    "that `make run` alone has a sandbox": r"only `make run` has a provider sandbox",
}
"""What a schema cannot say, by the messages of the reader."""

REFUSED_BY_THE_SCHEMA_ALONE = {
    "capitals in the scheme or in localhost": r"HTTPS?:|LOCALHOST",
}
"""Valid all the same; nobody writes them, and a pattern that has them cannot be read."""

MISTAKES_FOR_THE_READER = {
    *("base with a bad port", "source over http", "unknown time zone", "retry not a number", "longest below first"),
    *("two addresses", "twins", "twin of the link", "link to nowhere", "trap is a field", "trap is the address"),
    *("form's account unknown", "form's account takes none", "list missing", "webhook account unknown"),
    *("a field with links that the form does not have", "reads where it cannot", "reads from an unknown"),
    *("tells an unknown", "source that its provider cannot fetch", "source's list"),
}


def problems(values: Values) -> list[str]:
    """What the reader says of a configuration, a line for each mistake."""
    try:
        settings_of(Document(Path("relais.toml"), "", values), {})
    except ConfigurationError as error:
        return str(error).split("\n")  # a name that is quoted may hold other line ends
    return []


def merged(one: Values, other: Mapping[str, Any]) -> Values:
    """`one` with the values of `other`, table by table."""
    both = dict(one)
    for key, value in other.items():
        both[key] = merged(one[key], value) if isinstance(value, dict) and isinstance(one.get(key), dict) else value
    return both


@cache
def every_key() -> Values:
    """The example with all of its settings switched on, and two fields: a valid file with every key."""
    example = tomllib.loads(switched_on(EXAMPLE.read_text("utf-8")))
    return merged(example, {"forms": {"footer": {"fields": {"nom": "nom"}}}})


def places(values: Mapping[str, Any], outside: Place = ()) -> Iterator[Place]:
    """The places of all tables and keys."""
    for key, value in values.items():
        yield (*outside, key)
        if isinstance(value, dict):
            yield from places(value, (*outside, key))


def value_at(place: Place) -> Any:
    return reduce(lambda value, key: value[key], place, every_key())


REMOVED = object()


def changed(values: Values, place: Place, new: object) -> Values:
    """`values` with another value at `place`, or without it."""
    inner = new if len(place) == 1 else changed(values[place[0]], place[1:], new)
    return {key: value for key, value in {**values, place[0]: inner}.items() if value is not REMOVED}


# --- the file itself ---


def test_it_is_a_schema_that_editors_can_read() -> None:
    """Draft 7 and complete in itself, so that nothing is fetched. Taplo refuses a relative `$id`."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    text = (FOLDER / FILE).read_text("utf-8")
    assert re.findall(r'"\$(\w+)": "([^"]*)"', text) == [
        ("schema", "http://json-schema.org/draft-07/schema#"),
        ("comment", "One field is the address."),
    ]
    assert '"allOf"' not in text, "editors complete nothing beside it"
    unsaid = [each for each in subschemas(SCHEMA) if "properties" in each and "additionalProperties" not in each]
    assert unsaid == [], "to Tombi, a schema that does not allow other keys forbids them"


def subschemas(schema: object) -> Iterator[Schema]:
    """A schema and those in it."""
    if isinstance(schema, dict):
        yield schema
        for key, each in schema.items():
            inner = each.values() if key in ("properties", "patternProperties") else [each]
            yield from chain.from_iterable(map(subschemas, inner))


def general(place: Place) -> Place:
    """A place with `*` for the name of an account, a form, a webhook or a source."""
    named = len(place) > 1 and place[0] in ("accounts", "forms", "webhooks", "sources")
    return (place[0], ANY, *place[2:]) if named else place


def keys(schema: Schema, place: Place = ()) -> Iterator[tuple[Place, Schema]]:
    """Every key that a schema names, with `*` for names that are the owner's."""
    named = dict(schema.get("properties", {}))
    for each in (*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")):
        if isinstance(each, dict):
            named[ANY] = each
    for key, each in named.items():
        yield (*place, key), each
        yield from keys(each, (*place, key))


def test_every_key_has_a_description_and_every_default_is_allowed() -> None:
    named = dict(keys(SCHEMA))
    for place, schema in named.items():
        assert len(schema["description"]) > 10, place
        of_its_own = place[-1] not in (ANY, "fr", "nl", "en") and place != ("sync", "unsubscribes")
        around = {named[place[:length]]["description"] for length in range(1, len(place))}
        assert not (of_its_own and schema["description"] in around), place
        assert "](" not in schema["description"], "links lead nowhere in an editor"
        stated = [schema["default"]] if "default" in schema else []
        for value in (*stated, *schema.get("examples", ())):
            assert jsonschema.Draft7Validator(schema).is_valid(value), (place, value)


def test_no_key_lacks_an_example() -> None:
    """An example has every key of the schema, so that each can be shown, and is tried by the tests below."""
    example = {general(place) for place in places(every_key())}
    lacking = {place for place, _ in keys(SCHEMA)} - example
    other_languages = {place for place in lacking if {"nl", "en"} & set(place)}
    of_any_name = {place for place in lacking if place[-1] == ANY}
    assert lacking - other_languages - of_any_name == {("sandbox",)}


def test_every_key_that_is_read_is_in_the_schema_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[Place, set[str]] = defaultdict(set)
    has = TomlTable._has

    def noting(self: TomlTable, key: str, remedy: str | None = None) -> bool:
        read[general(self.place)].add(key)
        return has(self, key, remedy)

    monkeypatch.setattr(TomlTable, "_has", noting)
    spoken = {"nl": {"prenom": "x"}, "en": {"prenom": "x"}}
    consent = {language: {"text": "x", "version": "x"} for language in spoken}
    words = {language: {"body": "{link}"} for language in spoken}
    sinks = {"accounts": {"nothing": {"provider": "sink"}}}
    more = {"forms": {"footer": {"labels": spoken, "consent": consent}}, "mail": {"texts": words}, **sinks}
    assert problems(merged(every_key(), more)) == []
    named: dict[Place, set[str]] = defaultdict(set)
    for place, _ in keys(SCHEMA):
        if place[-1] != ANY:
            named[place[:-1]].add(place[-1])
    for place in [place for place in read if place[-1:] == ("fields",) or place[-2:-1] == ("labels",)]:
        del read[place]  # names of form fields, which are the owner's
    assert read == named


# --- valid files ---


def test_files_that_are_valid_are_valid_by_the_schema() -> None:
    texts = [EXAMPLE.read_text("utf-8"), switched_on(EXAMPLE.read_text("utf-8")), SAMPLE_FILE.read_text("utf-8")]
    for text in texts:
        VALIDATOR.validate(tomllib.loads(text))


def _snippets() -> Iterator[tuple[str, Values]]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for found in re.finditer(r"^```toml\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            yield str(path.relative_to(ROOT)), tomllib.loads(found[1])


def test_every_snippet_of_the_documents_is_valid() -> None:
    """By the schema and by the reader, put into a whole file."""
    found = list(_snippets())
    assert len(found) >= 15
    for path, snippet in found:
        values = merged(every_key(), snippet)
        VALIDATOR.validate(values)
        assert problems(pointed_at_sandbox(values, "http://127.0.0.1:1", "http://127.0.0.1:2")) == [], path


def test_the_schema_comment_does_not_disturb_the_reader() -> None:
    text = EXAMPLE.read_text("utf-8")
    [named] = re.findall(r"^#:schema (.+)$", text, flags=re.MULTILINE)
    assert text.startswith("#:schema "), "editors look for it before the first key"
    assert (EXAMPLE.parent / named).resolve() == FOLDER / FILE
    assert f"\n#:schema ./{(FOLDER / FILE).relative_to(ROOT)}\n" in FIRST_FORM.read_text("utf-8")
    assert problems(tomllib.loads(text)) == []


FIRST_FORM = ROOT / "docs" / "first-form.md"
TAPLO = "0.7.0"


@pytest.mark.slow
@pytest.mark.server
def test_taplo_finds_the_schema_and_what_is_wrong(tmp_path: Path) -> None:
    """The program behind Even Better TOML: for the example, and for a copy with mistakes in it."""
    try:
        taplo = installed("@taplo/cli", TAPLO, ROOT / ".local" / "taplo") / "dist" / "cli.js"
    except NotInstalled as error:
        missing(str(error))
    fine = subprocess.run(["node", taplo, "lint", EXAMPLE], capture_output=True, text=True, timeout=60)
    assert (fine.returncode, "error" in fine.stderr.lower()) == (0, False), fine.stderr
    wrong = tmp_path / "wrong.toml"
    text = EXAMPLE.read_text("utf-8").replace("../docs/schemas", str(FOLDER)).replace("\norigins =", "\norigin =")
    wrong.write_text(re.sub(r"^#(keep_events_days) = .*$", r"\1 = 0", text, flags=re.MULTILINE), "utf-8")
    found = subprocess.run(["node", taplo, "lint", wrong], capture_output=True, text=True, timeout=60)
    assert found.returncode == 1
    assert "'origin' was unexpected" in found.stderr
    assert "0 is less than the minimum of 1" in found.stderr


# --- wrong files ---


def test_the_schema_finds_every_mistake_of_the_readers_tests_but_those_listed() -> None:
    validator = jsonschema_rs.Draft7Validator(configuration_schema(SPECS, read_annotations()))
    validator.validate(tomllib.loads(WHOLE))
    wrong = {name: tomllib.loads(_with_error(WHOLE, case)) for name, case in CASES.items()}
    del wrong["retry not a number"]  # nan, which JSON has not
    accepted = {name for name, values in wrong.items() if validator.is_valid(values)}
    assert accepted == MISTAKES_FOR_THE_READER - {"retry not a number"}


ODD_VALUES = {
    "removed": REMOVED,
    "an empty text": "",
    "a blank text": " \u00a0\u200b",
    "a whole number": 5,
    "decimals": 5.5,
    "a flag": True,
    "no items": [],
    "an empty table": {},
    "two lines": "x\ny",
    "a reference": "env:NAME",
    "a reference to nothing": "secret:",
    "a long text": "x" * 20_000,
    "an item that is no text": [5],
    "1001 items": ["https://www.example.com"] * 1001,
    "a table": {"x": {"y": 1}},
    "a word": "word",
    "a URL": "https://www.example.com/a?b=c#d",
}
QUICK = ("removed", "an empty text", "a whole number", "a flag", "no items", "two lines", "a reference", "a table")


def judged(values: Values, place: Place) -> tuple[bool, list[str]]:
    """Whether the schema accepts it, and what the reader says; fails where they differ for no reason that is listed."""
    accepted, said = VALIDATOR.is_valid(values), problems(values)
    if accepted and said:
        known = re.compile("|".join(f"(?:{each})" for each in ONLY_THE_READER_KNOWS.values()))
        assert [line for line in said if not known.search(line)] == [], place
    if not accepted and not said:
        texts = str(reduce(lambda value, key: value[key], place, values))
        assert re.search("|".join(REFUSED_BY_THE_SCHEMA_ALONE.values()), texts), (place, texts)
    return accepted, said


@pytest.mark.seconds
def test_one_wrong_value_anywhere_is_refused_by_both() -> None:
    cases = agreed = 0
    for place in places(every_key()):
        for name, value in ODD_VALUES.items():
            if THOROUGH or name in QUICK:
                accepted, said = judged(changed(every_key(), place, value), place[:-1] if value is REMOVED else place)
                cases += 1
                agreed += accepted == (not said)
        if isinstance(value_at(place), dict) and place[-1] != "fields" and "labels" not in place[:-1]:
            misspelt = changed(every_key(), (*place, "acount"), "paris")
            assert not VALIDATOR.is_valid(misspelt), place
            assert problems(misspelt), place
            cases += 1
            agreed += 1
    assert cases > 800
    assert agreed / cases > 0.96, "few mistakes are left to the reader"


@pytest.mark.parametrize("number", [*NUMBERS, SILENT_AFTER], ids=lambda number: number.key)
def test_every_number_has_the_same_ends_in_both(number: Number[int] | Number[float]) -> None:
    place = tuple(number.place.replace("NAME", "footer").split("."))
    step = 1 if isinstance(number.default, int) else number.lowest / 1000
    others = {"delivery": {"first_retry_seconds": 0.001, "longest_retry_seconds": 2592000}}
    for value, valid in (
        (number.lowest, True),
        (number.highest, True),
        (number.lowest - step, False),
        (number.highest + step, False),
        (str(number.lowest), False),
    ):
        values = changed(merged(every_key(), others), place, value)
        assert (VALIDATOR.is_valid(values), not problems(values)) == (valid, valid), value


PARTS = (
    *("https://", "http://", "HTTPS://", "localhost", "a.localhost", "127.0.0.1", "127.1", "[::1]", "[v1.x]", "x", "%"),
    *(":80", ":0", ":99999", ":", "/", "//", "?", "#", "@", "a@b.example", "A <a@b.example>", "<", ">", "😀", "paris"),
    *("whsec_", "A" * 30 + "==", "AAAA", "{link}", "{form}", "{x}", "{", "}", "{stage}", "secret:", "ssm:", "env:"),
    *("é", " ", "\u00a0", "\u200b", "\ufeff", "\n", "\t", "\\", "*", "fr", "auto", "json", "Europe/Paris", "eu-west-3"),
    *(
        ".",
        "-",
        "_",
        "www.example.com",
        "例え.jp",
        "xn--",
        "crm",
        "X" * 31,
        "a@[1.2.3.4]",
        "null",
        "ses",
        "]",
        "[",
        "00",
    ),
    *("]", "[", "00", '"a b"@c.example', "127.0.0.", "\x00", "\x85", "\u2028", "\u3000", "\r\n", "\u06dd"),
)
TEXTS = [place for place in places(every_key()) if isinstance(value_at(place), str | list)]


@pytest.mark.seconds
@same_examples(60)
@given(st.sampled_from(TEXTS), st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map("".join))
@example(("accounts", "paris", "api_key"), "\tsecret:relais/paris")  # a control character beside a reference
@example(("webhooks", "shop", "secret"), "env:NAME\u2028")
@example(("accounts", "crm", "secret"), "secret:relais/crm#\u3000")  # nothing behind the #
@example(("accounts", "paris", "api_key"), "\ufeff\u06dd")  # nothing that can be seen
@example(("privacy", "address_keys"), "\ufeff" + "X" * 31)  # 31 characters without what is dropped
@example(("forms", "footer", "redirect"), "https://www.example.com/\x00")  # a control character that is no white space
@example(("organisation", "privacy_url"), "https://www.example.com/\x85")
@example(("api", "public_url"), "https://relais.example.com/\ufeff")  # white space to JavaScript alone
@example(("forms", "footer", "redirect"), "https://[::1]]")  # something beside the brackets of an address
@example(("forms", "footer", "redirect"), "https://[v1.x]x")
@example(("api", "public_url"), "https://relais[::1]")
@example(("api", "public_url"), "http://127.00.0.256")  # no address
def test_texts_are_accepted_by_both_or_refused_by_both(place: Place, text: str) -> None:
    """The pinned examples are what such searches have found."""
    judged(changed(every_key(), place, [text] if isinstance(value_at(place), list) else text), place)


@pytest.mark.seconds
@same_examples(15)
@given(instances(SCHEMA, SCHEMA).filter(VALIDATOR.is_valid))
def test_what_the_schema_allows_the_reader_accepts(values: Values) -> None:
    """But for what the reader alone can know."""
    judged(values, ())
