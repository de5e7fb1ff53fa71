"""docs/schemas/event.schema.json finds what a sender writes wrongly; queue-message.schema.json is what queues take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, strategies as st
from jsonschema import Draft202012Validator

from chalicelib.description.event_schema import EVENT_EXAMPLES
from chalicelib.domain.limits import ENVELOPES, EVENTS_A_MESSAGE
from chalicelib.ingestion.envelopes import unwrap
from local.schemas.__main__ import FOLDER
from local.schemas.annotations import ROOT
from local.schemas.events import EVENT_FILE, QUEUE_FILE, queue_message_schema, strict_event_schema
from tests.description.test_event_schema import CONFIGURED, EVENTS, UNKNOWABLE, mistakes, nearly
from tests.support.examples import same_examples
from tests.support.from_schema import instances

CAREFUL = strict_event_schema()
SENDER = Draft202012Validator(CAREFUL)
QUEUE = Draft202012Validator(queue_message_schema())
DOCUMENTS = ("docs/back-ends.md", "docs/senders.md", "docs/unsubscribe-sync.md", "docs/contacts-sync.md")

SIGNUP = {
    "type": "signup",
    "id": "shop-17",
    "occurred_at": "2026-03-01T09:30:00Z",
    "form": "footer",
    "email": "zoe@example.com",
    "fields": {"prenom": "Zoé"},
    "consent": {"source": "https://www.example.com/", "ip": "203.0.113.9", "text": "v3"},
}


@pytest.mark.parametrize("name", [EVENT_FILE, QUEUE_FILE])
def test_a_file_is_a_schema_that_is_complete_in_itself(name: str) -> None:
    schema = json.loads((FOLDER / name).read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert "$id" not in schema, "it has no address of its own, and nothing is fetched"
    assert all(each.startswith("#/$defs/") for each in re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema)))


# --- what a careful sender sends ---


def documented() -> Iterator[tuple[str, Any]]:
    """The events of the documents, wherever one stands: by itself, in a file that senders send, inside a program."""
    for path in DOCUMENTS:
        text = (ROOT / path).read_text("utf-8")
        for found in re.finditer(r'\{"type": "(?:signup|unsubscribe|sync)"', text):
            yield path, json.JSONDecoder().raw_decode(text, found.start())[0]


def test_the_events_of_the_documents_are_as_a_careful_sender_writes_them() -> None:
    found = list(documented())
    assert {path for path, _ in found} == set(DOCUMENTS)
    assert {event["type"] for _, event in found} == {"signup", "unsubscribe", "sync"}
    for path, event in found:
        misspelt = "feilds" in event  # that it is found is what the program shows
        assert ([error.message for error in SENDER.iter_errors(event)] == []) is not misspelt, path


def test_the_file_that_all_documented_senders_send_may_stand_on_a_queue() -> None:
    [text] = re.findall(
        r"> events\.json <<'END'\n(.*?)^END$", (ROOT / "docs/senders.md").read_text("utf-8"), re.M | re.S
    )
    QUEUE.validate(json.loads(text))
    assert len(json.loads(text)["events"]) == 3


def test_its_examples_are_all_that_are_not_in_leniency() -> None:
    lenient = {name for name, event in EVENT_EXAMPLES.items() if event not in CAREFUL["examples"]}
    assert lenient == {
        "signup to a list",  # a field that is null
        "signup by a shop in PHP, which writes empty arrays",
        "unsubscribe from every account",  # a name round the address
    }


@pytest.mark.parametrize("event", [SIGNUP, *EVENTS], ids=lambda event: "-".join(event))
def test_a_misspelt_member_is_found_and_named(event: dict[str, Any]) -> None:
    for name in event:
        misspelt = name[:1] + name[2:] + name[1:2] + "s"
        wrong = {(misspelt if each == name else each): value for each, value in event.items()}
        messages = [error.message for error in SENDER.iter_errors(wrong)]
        assert any(f"'{misspelt}'" in message or f"'{name}' is a required" in message for message in messages), name


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({**SIGNUP, "feilds": {}}, "Additional properties are not allowed ('feilds' was unexpected)"),
        ({**SIGNUP, "consent": {"adress": "x"}}, "Additional properties are not allowed ('adress' was unexpected)"),
        ({"type": "signup", "form": "footer"}, "'email' is a required property"),
        ({"type": "signup", "email": "zoe@example.com", "account": "paris"}, "'list' is a required property"),
        ({"type": "sync", "kind": "contacts", "account": "paris", "list": "1"}, "'contacts' is a required property"),
        ({"type": "sync", "kind": "contact", "source": "crm"}, "'contacts' was expected"),
        ({"type": "sign-up"}, "'sign-up' is not one of ['signup', 'unsubscribe', 'sync']"),
        ({"form": "footer"}, "'type' is a required property"),
    ],
)
def test_a_mistake_is_told_in_one_message(event: dict[str, Any], message: str) -> None:
    assert [error.message for error in SENDER.iter_errors(event)] == [message]


@pytest.mark.parametrize("schema", [SENDER, QUEUE], ids=["event", "queue message"])
@pytest.mark.parametrize("name", ["id", "occurred_at"])
def test_a_line_break_behind_a_value_is_a_mistake_in_python_too(schema: Draft202012Validator, name: str) -> None:
    """Where `$` also matches before a last line break."""
    event = {**SIGNUP, name: f"{SIGNUP[name]}\n"}
    assert mistakes(event)
    assert not schema.is_valid(event)


@pytest.mark.seconds
@same_examples(50)
@given(instances(CAREFUL, CAREFUL).filter(SENDER.is_valid))
def test_what_a_careful_sender_sends_is_accepted(event: dict[str, Any]) -> None:
    """But for what no schema can know, such as which forms there are."""
    named = {"form": "footer", "account": "paris", "list": "4781", "source": "crm"}
    event = {name: named.get(name, value) for name, value in event.items()}
    refused = mistakes(event)
    assert refused is None or all(map(UNKNOWABLE.fullmatch, refused)), refused


LENIENT_ADDRESS = re.compile(r"\s|[<>]|[^\x21-\x7e]|mailto:|[.,;'\"]$|^['\"]", re.IGNORECASE)
MEMBERS = {"type", "id", "occurred_at"}
MEMBERS_OF = {
    "signup": MEMBERS | {"form", "account", "list", "email", "fields", "consent"},
    "unsubscribe": MEMBERS | {"email", "accounts", "scope"},
    "unsubscribes": MEMBERS | {"kind", "from", "to"},
    "contacts": MEMBERS | {"kind", "source", "account", "list", "contacts"},
}


def carefully(event: dict[str, Any]) -> dict[str, Any]:
    """An accepted event without what is accepted in leniency: each such thing has its line here."""
    members = MEMBERS_OF[event["kind"] if event["type"] == "sync" else event["type"]]
    careful = stated({name: value for name, value in event.items() if name in members})  # unknown members, null
    if event["type"] == "signup":
        fields = stated(careful.get("fields") or {})  # an empty array
        mapped = CONFIGURED["forms"]["footer"].fields if "form" in careful else fields
        careful["fields"] = {name: fields[name] for name in fields if name in mapped}  # fields that the form lacks
        careful.pop("consent", None)  # flaws in consent
    if "accounts" in careful:
        named = [each for each in careful["accounts"] if isinstance(each, str) and each.strip()]
        careful["accounts"] = named  # accounts that are no names
    if LENIENT_ADDRESS.search(careful.get("email", "")):
        careful["email"] = "zoe@example.com"  # decoration of an address
    if "contacts" in careful:
        careful["contacts"] = [stated(row) for row in careful["contacts"]]
    return careful


def stated(members: dict[str, Any]) -> dict[str, Any]:
    """Members without null, also in their arrays."""
    values = {name: value for name, value in members.items() if value is not None}
    return {
        name: [each for each in value if each is not None] if isinstance(value, list) else value
        for name, value in values.items()
    }


@pytest.mark.seconds
@same_examples(150)
@given(nearly)
@example({"type": "signup", "account": "paris", "list": 4781.0, "email": "zoe@example.com"})
def test_what_is_accepted_and_not_careful_is_accepted_in_a_listed_leniency(event: dict[str, Any]) -> None:
    if mistakes(event) is None:
        assert [error.message for error in SENDER.iter_errors(carefully(event))] == []
    elif SENDER.is_valid(event):
        assert all(map(UNKNOWABLE.fullmatch, mistakes(event) or ()))


# --- what may stand on a queue ---

RIGHT = st.sampled_from([*EVENTS, SIGNUP, {"type": "unsubscribe", "email": "Zoé <zoe@example.com>", "extra": 1}])
WRONG = st.sampled_from(
    [None, 5, "", "no JSON", [], {}, {"type": "signup"}, {"events": None}, {"type": "unsubscribe", "events": [SIGNUP]}]
)


def in_envelopes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Each envelope round `inner`, right and almost right ones."""
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.builds(lambda one: {"events": [one]}, inner),
        st.builds(lambda one: {"events": one, "extra": True}, inner),
        st.builds(lambda one: {"id": "e1", "detail-type": "CustomerLeft", "source": "crm", "detail": one}, inner),
        st.builds(lambda one: {"detail-type": 5, "detail": one}, inner),
        st.builds(lambda one: {"Type": "Notification", "Message": one, "events": [one]}, inner),
        st.builds(lambda one: {"Type": "Notification", "MessageId": "m1", "Message": json.dumps(one)}, inner),
        st.builds(json.dumps, inner),
    )


def refused(message: Any) -> list[str]:
    """Why events of a message are not accepted, one text each."""
    found = unwrap(message, "message")
    return [str(one.error or mistakes(one.value)) for one in found if one.error or mistakes(one.value) is not None]


def has_text(message: Any) -> bool:
    """Whether JSON stands in a text, which a schema does not read."""
    if isinstance(message, dict):
        return message.get("Type") == "Notification" or any(map(has_text, message.values()))
    if isinstance(message, list):
        return any(map(has_text, message))
    return isinstance(message, str) and message[:1] in ("[", "{", '"')


@pytest.mark.seconds
@same_examples(200)
@given(st.recursive(RIGHT | WRONG, in_envelopes, max_leaves=3))
def test_a_queue_takes_what_the_schema_allows(message: Any) -> None:
    """Every event of it; what stands in a JSON text is the parser's to see."""
    said = refused(message)
    if not said:
        assert QUEUE.is_valid(message)
    elif not has_text(message):
        assert not QUEUE.is_valid(message), said


def nested(depth: int) -> Any:
    message: Any = SIGNUP
    for _ in range(depth):
        message = [message]
    return message


@pytest.mark.seconds
def test_the_ends_of_envelopes_are_those_of_the_queue() -> None:
    for message, valid in (
        (nested(ENVELOPES), True),
        (nested(ENVELOPES + 1), False),
        ([SIGNUP] * EVENTS_A_MESSAGE, True),
        ([SIGNUP] * (EVENTS_A_MESSAGE + 1), False),
    ):
        assert (QUEUE.is_valid(message), not refused(message)) == (valid, valid)


def test_the_sample_messages_are_allowed() -> None:
    samples = [json.loads(path.read_text("utf-8")) for path in (ROOT / "events").glob("sqs_*.json")]
    bodies = [json.loads(record["body"]) for sample in samples for record in sample["Records"]]
    sent = [body for body in bodies if "event_ids" not in body]  # which Relais sends to itself
    assert sent
    for body in sent:
        QUEUE.validate(body)
