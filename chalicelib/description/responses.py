"""Answers as OpenAPI response objects: their headers, media types and schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from ..web.accept import HTML
from ..web.problems import MEDIA_TYPE, NO_TYPE, title_of
from .json_schema import Schema, ref

JSON, CSV = "application/json", "text/csv"
GATEWAY = frozenset({"400", "413", "429", "503"})
"""Statuses that API Gateway also answers by itself, as `application/json` for a client that asks for that."""


class Family(StrEnum):
    """Groups of routes whose answers have headers of their own."""

    API = ""
    FORM = "Form"
    LINK = "Link"
    DASHBOARD = "Dashboard"


_TEXT: Schema = {"type": "string"}
BASE_HEADERS = ("x-request-id", "cache-control", "x-content-type-options")
_CORS = ("access-control-allow-origin", "access-control-expose-headers", "vary")
PAGE_HEADERS = ("content-language", "content-security-policy", "referrer-policy", "vary")
_OWN: Mapping[Family, Sequence[str]] = {
    Family.API: (),
    Family.FORM: _CORS,
    Family.LINK: ("x-robots-tag",),
    Family.DASHBOARD: ("x-robots-tag",),
}
_OF_STATUS: Mapping[str, Sequence[str]] = {
    "401": ("x-amzn-remapped-www-authenticate",),
    "405": ("allow",),
    "429": ("retry-after",),
    "503": ("retry-after",),
}


def _header(description: str, schema: Schema = _TEXT, *, required: bool = False) -> Schema:
    return {"description": description, **({"required": True} if required else {}), "schema": schema}


HEADERS: dict[str, Schema] = {
    "x-request-id": _header("Names the request; the log has it.", {"type": "string", "minLength": 1}, required=True),
    "cache-control": _header(
        "No cache may keep the answer; `no-cache`: if it asks each time whether the `etag` is still right.",
        {"type": "string", "enum": ["no-store", "no-cache"]},
    ),
    "x-content-type-options": _header("The content type is authoritative.", {"const": "nosniff"}),
    "retry-after": _header(
        "Seconds after which to try again.", {"type": "string", "pattern": "^[0-9]+$"}, required=True
    ),
    "allow": _header("The methods of the path.", {"type": "string", "minLength": 1}, required=True),
    "location": _header("Where the browser goes next.", {"type": "string", "minLength": 1}, required=True),
    "etag": _header("A digest of the content.", {"type": "string", "pattern": '^"[0-9a-f]+"$'}),
    "link": _header('The next page (RFC 8288, `rel="next"`), as a query of the same path.'),
    "content-disposition": _header("Offers the answer as a file to save."),
    "set-cookie": _header("Begins or ends the session, or keeps a chosen language."),
    "x-amzn-remapped-www-authenticate": _header(
        "What is asked for. `WWW-Authenticate` bears this name behind API Gateway, which renames it.", required=True
    ),
    "access-control-allow-origin": _header("The page's origin, where the form lists it."),
    "access-control-expose-headers": _header("The headers that a page's script may read."),
    "access-control-allow-methods": _header("The method that a page's script may use.", required=True),
    "access-control-allow-headers": _header(
        "The headers that a page's script may send: those that it asked for.", required=True
    ),
    "access-control-max-age": _header(
        "Seconds for which a browser may keep this answer.", {"type": "string", "pattern": "^[0-9]+$"}, required=True
    ),
    "vary": _header("The request headers that the answer depends on."),
    "x-robots-tag": _header("Search engines leave it out.", {"const": "noindex"}),
    "content-language": _header("The language of the page."),
    "content-security-policy": _header("What the page may load: nothing of another host."),
    "referrer-policy": _header("What the page's links and forms say of where they are."),
}
PAGE_SCHEMA: Schema = {"type": "string", "description": "A page for people, in French, Dutch or English."}
_NAMES = {
    "400": ("BadRequest", "The body, or a header, cannot be read."),
    "401": ("Unauthorized", "The admin key, or the signature, is missing or wrong."),
    "403": ("Forbidden", "No admin key is configured; or another website sent the request."),
    "404": ("NotFound", "There is no such thing."),
    "405": ("MethodNotAllowed", "The path does not know that method; `allow` names those that it knows."),
    "409": ("Conflict", "The id was used before, with other content; ids are shared by all senders."),
    "410": ("Gone", "The signup was not confirmed in time, or it has ended in another way."),
    "413": ("ContentTooLarge", "The body is too large."),
    "415": ("UnsupportedMediaType", "The type of the body, or its content coding, is not read here."),
    "422": ("UnprocessableContent", "The body or the parameters can be read and are wrong; `errors` names the fields."),
    "429": ("TooManyRequests", "Too many requests; or too many wrong admin keys, while the right one still works."),
    "500": ("InternalServerError", "The configuration cannot be read; the log says why."),
    "503": ("ServiceUnavailable", "Nothing could be stored or read just now. Repeating the request later is safe."),
}
_HEAD = "ToHead"
_FORM_WORDS = {
    "403": "The page's site is not among the form's `origins`.",
    "409": "The id that the Idempotency-Key stands for is that of another sender's event.",
    "404": "There is no such form.",
}


def headers(names: Iterable[str]) -> Schema:
    """Returns references to headers, each once."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in dict.fromkeys(names)}


def answer(
    description: str,
    content: Mapping[str, Schema] | None = None,
    *,
    family: Family = Family.API,
    more_headers: Sequence[str] = (),
    links: Mapping[str, Any] | None = None,
) -> Schema:
    """Returns a response object; `content`: media type objects by media type."""
    on_page = PAGE_HEADERS if content and HTML in content else ()
    return {
        "description": description,
        "headers": headers((*BASE_HEADERS, *_OWN[family], *more_headers, *on_page)),
        **({"content": dict(content)} if content else {}),
        **({"links": dict(links)} if links else {}),
    }


def page(description: str, *, family: Family = Family.API, more_headers: Sequence[str] = ()) -> Schema:
    """Returns the response object of a page."""
    return answer(description, {HTML: {"schema": PAGE_SCHEMA}}, family=family, more_headers=more_headers)


def errors(*statuses: int, family: Family = Family.API) -> dict[str, Schema]:
    """Returns references to the error answers of these statuses, by status."""
    return {str(one): {"$ref": f"#/components/responses/{family}{_NAMES[str(one)][0]}"} for one in statuses}


def without_body(response: Schema) -> Schema:
    """Returns the answer to HEAD: that to GET without content and links, also for a reference of `errors`."""
    if "$ref" in response:
        return {"$ref": f"{response['$ref']}{_HEAD}"}
    return {"description": response["description"], "headers": response["headers"]}


def error_component(name: str) -> Schema:
    """Returns the error answer that `errors`, or its `without_body`, refers to by this name."""
    if name.endswith(_HEAD):
        return without_body(error_component(name.removesuffix(_HEAD)))
    family = next(one for one in reversed(Family) if name.startswith(one.value))
    status, description = next((s, text) for s, (n, text) in _NAMES.items() if n == name.removeprefix(family.value))
    return error_answer(status, _FORM_WORDS.get(status, description) if family is Family.FORM else description, family)


def error_answer(status: str, description: str, family: Family, schema: str = "Problem") -> Schema:
    """Returns an error answer: a problem, or a page for a client that prefers HTML."""
    example = {"type": NO_TYPE, "title": title_of(int(status)), "status": int(status), "detail": description}
    problem: Schema = {"schema": ref(schema), "example": example}  # one type for clients, whatever the status
    content = {MEDIA_TYPE: problem, **({JSON: problem} if status in GATEWAY else {}), HTML: {"schema": PAGE_SCHEMA}}
    return answer(description, content, family=family, more_headers=_OF_STATUS.get(status, ()))
