"""Makes docs/schemas/relais.toml.schema.json: runs the reader of the configuration over tables that record keys."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.config.field_errors import Place
from chalicelib.config.load import read_settings
from chalicelib.config.model import MAIL_BY_SES
from chalicelib.providers.spec import ProviderSpec
from local.schemas.annotations import Annotations
from local.schemas.recording_table import RecordingTable
from local.schemas.values import NAME_PATTERN, Schema

FILE = "relais.toml.schema.json"


def configuration_schema(specs: Mapping[str, ProviderSpec], annotations: Annotations) -> Schema:
    """Returns the schema of `relais.toml` for accounts at the providers `specs`.

    Draft 7, which editors of TOML know, without an `$id`: Taplo takes no relative one. An account's other keys depend
    on its `provider`. A chain of if, then and else says so: editors complete what stands beside `if`, but nothing
    inside it, nor beside `allOf`. Tombi takes a schema for complete that does not say that it allows other keys.
    """
    accounts: dict[str, Schema] = {}
    whole: Schema = {}
    for spec in specs.values():
        whole = _recorded(spec, annotations)
        account = whole["properties"]["accounts"]["patternProperties"][NAME_PATTERN]
        for option in (each for each in spec.options if each.help):
            account["properties"][option.name]["description"] = _sentence(option.help)
        accounts[spec.name] = account
    sections = whole["properties"]
    sections["accounts"]["propertyNames"] = {"not": {"const": MAIL_BY_SES}}
    titles = {name: spec.title for name, spec in specs.items()}
    sections["accounts"]["patternProperties"] = {NAME_PATTERN: _account(accounts, titles)}
    sections["forms"]["patternProperties"][NAME_PATTERN]["properties"]["fields"]["not"] = {
        "$comment": "One field is the address.",
        "additionalProperties": {"not": {"const": "@email"}},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration of Relais, relais.toml",
        "description": "Made by `python -m local.schemas`. docs/configuration.md explains every key.",
        **{key: value for key, value in whole.items() if key != "description"},
    }


def _recorded(spec: ProviderSpec, annotations: Annotations) -> Schema:
    """Returns the schema of a file whose accounts are all at one provider."""

    def annotate(place: Place) -> Schema:
        return annotations.at(place, spec.name) if place else {}

    root = RecordingTable((), annotate)
    read_settings(root, {spec.name: spec})
    return root.schema()


def _account(accounts: Mapping[str, Schema], titles: Mapping[str, str]) -> Schema:
    """Returns the schema of an account at any of the providers."""
    keys = dict.fromkeys(key for account in accounts.values() for key in account["properties"])
    either: Schema = {}
    others_allowed = {"additionalProperties": True}
    shared = {key: _of_any_provider(key, accounts, titles) for key in keys}
    for name in reversed(list(accounts)):
        account = accounts[name]
        its_own = {"required": account["required"], "properties": _beyond(account["properties"], shared)}
        either = {
            "if": {"properties": {"provider": {"const": name}}, "required": ["provider"], **others_allowed},
            "then": {**its_own, "additionalProperties": False},
            "else": either or True,
            **others_allowed,
        }
    description = next(iter(accounts.values()))["description"]
    return {"type": "object", "description": description, "required": ["provider"], "properties": shared, **either}


def _of_any_provider(key: str, accounts: Mapping[str, Schema], titles: Mapping[str, str]) -> Schema:
    """Returns what a key is at every provider that has it, which editors show before they know the provider."""
    theirs = {name: account["properties"][key] for name, account in accounts.items() if key in account["properties"]}
    first, *others = theirs.values()
    meanings = {titles[name]: schema["description"] for name, schema in theirs.items()}
    told_apart = "\n\n".join(f"{title}: {meaning}" for title, meaning in meanings.items())
    description = first["description"] if len(set(meanings.values())) == 1 else told_apart
    examples = [example for schema in theirs.values() for example in schema.get("examples", ())]
    if key == "provider":
        return {**first, "enum": list(accounts), "examples": examples}
    common = {name: value for name, value in _unannotated(first).items() if all(value == it.get(name) for it in others)}
    return {"description": description, **({"examples": examples} if examples else {}), **common}


def _beyond(properties: Mapping[str, Schema], shared: Mapping[str, Schema]) -> Schema:
    """Returns of each key what is not said for every provider already."""
    beyond: Schema = {"provider": {}}
    for key, schema in properties.items():
        if key != "provider":
            beyond[key] = {each: it for each, it in _unannotated(schema).items() if shared[key].get(each) != it}
    return beyond


def _unannotated(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name not in ("description", "examples")}


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
