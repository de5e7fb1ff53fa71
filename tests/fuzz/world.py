"""What generated requests meet: a configuration, its keys, and the document with the names of that configuration.

A schema cannot know which forms and accounts are configured. So that requests are not all refused for such names, the
document that they are generated from is narrowed to the world's own names and a few texts in place of wide patterns.
What is outside of it, and inside of the served document, is refused for a name, or is never generated.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from binascii import crc32
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from chalicelib.unsubscribe_links import tokens
from local.sandbox import SAMPLE_ADMIN_KEY, SAMPLE_WEBHOOK_SECRET, sample_config
from local.sandbox.samples import SAMPLE_UNSUBSCRIBE_KEY

EVENT = {"type": "unsubscribe", "id": "customer-17-left", "email": "zoe@example.com"}
"""An event that is there before anything is generated."""
LINK_TOKEN = tokens.seal("zoe@example.com", SAMPLE_UNSUBSCRIBE_KEY, bytes(tokens.NONCE_BYTES))
KEY = b64decode(SAMPLE_WEBHOOK_SECRET.removeprefix("whsec_"))
JSON_TYPES = ("application/json", "text/json", "text/plain", "application/vnd.shop+json; charset=utf-8", None)
"""The types that the document says JSON may have; None: without one."""
_DAY = r"20[01]\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"
PAST = rf"^{_DAY}[Tt]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{{1,6}})?)?([Zz]|[+-]0\d:[0-5]\d)$"
BYTE_ORDER_MARK = "\ufeff".encode()


def configuration(sandbox: str) -> str:
    """Return the sample world, with a shop that may send everything and a source that cannot be reached."""
    shop = '[webhooks.shop]\ntypes = ["signup", "unsubscribe", "sync"]'
    source = '\n[sources.crm]\nurl = "https://crm.example.com/export.csv"\naccount = "paris"\nlist = "4781"\n'
    return sample_config(sandbox).replace("[webhooks.shop]", shop) + source


class Sender(AuthBase):
    """Sends as who may: with the admin key, or signed; JSON under any of its types, events now and then in a list."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        path = urlsplit(request.url or "").path
        if request.headers.get("Content-Type") == JSON_TYPES[0] and path.startswith(("/events", "/forms/")):
            self._rewrite(request, path == "/events")
        if path == "/events" and request.method == "POST":
            self._sign(request)
        elif not path.startswith("/forms/"):
            request.headers["Authorization"] = f"Bearer {SAMPLE_ADMIN_KEY}"
        return request

    def _rewrite(self, request: PreparedRequest, wrap: bool) -> None:
        """Write the same JSON in another way that is accepted, one that follows from its own bytes."""
        body = _bytes(request.body)
        number = crc32(body)
        if wrap and number % 3 == 0 and _is_event(body):
            body = b'{"events": [' + body + b"]}"
        if number % 5 == 0 and body:
            body = BYTE_ORDER_MARK + body
        request.prepare_body(body, None)
        stated = JSON_TYPES[number % len(JSON_TYPES)]
        request.headers.pop("Content-Type", None)
        if stated is not None:
            request.headers["Content-Type"] = stated

    def _sign(self, request: PreparedRequest) -> None:
        request.headers.update(signed(_bytes(request.body), self._now()))


def signed(body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a signed body, whose id follows from it.

    The standard's own package signs texts alone; these bodies may be any bytes.
    """
    name, stamp = f"msg-{crc32(body)}", str(int(now.timestamp()))
    signature = b64encode(hmac.digest(KEY, f"{name}.{stamp}.".encode() + body, "sha256")).decode()
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def _is_event(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except ValueError:
        return False
    # In a list an id that is taken makes 422, not 409.
    return isinstance(value, dict) and "type" in value and value.keys().isdisjoint({"events", "id"})


def narrowed(served: dict[str, Any]) -> dict[str, Any]:
    """Return the document for generating requests, with the world's own names; answers are as served."""
    document = deepcopy(served)
    schemas = document["components"]["schemas"]
    _narrow_events(schemas)
    _narrow_parameters(document["components"]["parameters"])
    value = {"$ref": "#/components/schemas/FieldValue"}
    for name in ("FormSubmission", "UrlencodedForm", "MultipartForm"):
        schemas[name] |= {"required": ["email"], "properties": {"email": schemas["SignupAddress"], "prenom": value}}
    leave = {"type": "object", "required": ["email"], "properties": {"email": schemas["UnsubscribeAddress"]}}
    for content in document["paths"]["/forms/{form}/unsubscribe"]["post"]["requestBody"]["content"].values():
        content["schema"] = leave
    for content in document["paths"]["/dashboard/login"]["post"]["requestBody"]["content"].values():
        content["schema"]["properties"]["key"] = {"type": "string", "enum": [SAMPLE_ADMIN_KEY]}
    links = document["paths"]["/unsubscribe/{token}"]["parameters"]
    links[:] = [{"in": "path", "name": "token", "required": True, "schema": {"enum": [LINK_TOKEN]}}]
    return document


def _narrow_events(schemas: dict[str, Any]) -> None:
    def allow(name: str, **properties: Any) -> None:
        for member, schema in properties.items():
            schemas[name]["properties"][member] = schema

    some_list = {"type": ["string", "integer"], "enum": ["4781", 4781]}
    account = {"type": "string", "enum": ["paris"]}
    none = {"type": "null"}
    allow(
        "SignupByForm", form={"enum": ["footer"]}, account={"anyOf": [account, none]}, list={"anyOf": [some_list, none]}
    )
    allow("SignupToList", account=account)
    allow("ContactsSync", account=account)
    allow("SourceSync", source={"enum": ["crm"]}, account={"anyOf": [account, none]}, list={"anyOf": [some_list, none]})
    schemas["Unsubscribe"]["properties"]["accounts"]["contains"] = {"enum": ["paris", "lettre", "brussel"]}
    several = {"type": ["array", "null"], "minItems": 1, "items": {"enum": ["lettre", "brussel"]}}
    allow("UnsubscribesSync", **{"from": several, "to": several})
    del schemas["ContactsSync"]["properties"]["contacts"]["maxItems"]  # the end is tested with the parser
    some = r"[a-z0-9]{1,20}(\.[a-z0-9]{1,9})?@[a-z0-9]{1,20}\.(com|example|fr)"
    dressed = [" ZOE@example.com ", "zoé@exämple.com", "Zoé.O'Neil+a@example.com"]
    schemas["SignupAddress"] = {"type": "string", "pattern": f"^({'|'.join([some, *map(_escaped, dressed)])})$"}
    # A list: nearly everything beside a pattern is an address, too.
    left = ["zoe@example.com", "lea+a@example.fr", *dressed, "Zoé <zoe@example.com>.", "mailto:zoe%40example.com"]
    schemas["UnsubscribeAddress"] = {"type": "string", "enum": left}
    for each in ("SignupByForm", "SignupToList", "Unsubscribe", "UnsubscribesSync", "ContactsSync", "SourceSync"):
        allow(each, occurred_at={"type": ["string", "null"], "pattern": PAST})
    schemas["EventsRequest"] = schemas["EventsRequest"]["anyOf"][0]  # lists are made by the sender


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in ".+^$()[]{}|*?\\" else each for each in text)


def _narrow_parameters(parameters: dict[str, Any]) -> None:
    parameters["id"]["example"] = EVENT["id"]
    parameters["form"]["schema"] = {"enum": ["footer"]}
    parameters["cursor"]["schema"] = {"type": "string", "maxLength": 0}
    for name, parameter in parameters.items():
        if name.endswith("_since"):
            parameter["schema"] = {"enum": ["2025-01-01", "2025-12-31T23:59:59Z", "2026-01-01T00:00+01:00", ""]}
        elif name.endswith("_until"):
            parameter["schema"] = {"enum": ["2026-12-31", "2027-01-01T00:00:00.5-12:00", ""]}
