"""Makes the OpenAPI document from the routes, their descriptions, and what providers say of their own requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .. import __version__
from ..domain.limits import EVENTS_REQUEST_MB
from ..providers import registry
from ..web.gateway import Route
from .answer_schemas import answer_definitions
from .bodies import request_definitions
from .dashboard_operations import DASHBOARD
from .event_schema import event_batch, event_definitions
from .json_schema import Schema
from .operations import OPERATIONS, SECURITY_SCHEMES, Operation
from .parameters import PARAMETERS, of_path, parameters
from .responses import HEADERS, answer, error_component, errors, without_body

VERSION = "3.1.0"
OTHER_METHODS = "x-other-methods"
"""Extends a path: the answer to every method that it does not know, for which OpenAPI has no place."""
DESCRIBED: Mapping[tuple[str, str], Operation] = {**OPERATIONS, **DASHBOARD}
"""The operations by method and path. HEAD is as GET without a body; OPTIONS lists the methods of a path."""
_TAGS = {
    "Forms": "What websites post, and pages for those without a website. Nobody signs in.",
    "Links": "The links of mails. Their token says for whom.",
    "Events": "What back ends send, signed, and what became of it.",
    "Statistics": "Campaigns of all accounts with their history, and what forms bring.",
    "Dashboard": "Pages for the person who is responsible.",
    "Service": "Relais itself.",
    "Webhooks": "What Relais posts to back ends that are accounts.",
}
_INTRODUCTION = f"""\
Relais takes signups, unsubscribes and syncs from website forms and back ends, and brings them to e-mail marketing \
providers.

What a schema of a request shows is what is accepted, leniency included. What lies outside is refused with 4xx. What \
lies inside is refused only for what no schema can know: names that are not configured, what a sender may send, a \
form's own rules, the clock, sizes in bytes (a request of more than {EVENTS_REQUEST_MB} MB), the finer rules of e-mail \
addresses, cursors of another list.

Errors are problems (RFC 9457) for programs, and pages for clients whose `Accept` prefers HTML. Any other method of a \
path is 405 (`{OTHER_METHODS}`), any other path 404. A web ACL of the deployment may refuse any request with 403.
"""


def openapi(routes: Sequence[Route], own_url: str | None) -> Schema:
    """Returns the document for these routes; `own_url` is the address of this Relais.

    Raises:
        KeyError: A route is not described.
    """
    paths = {path: _path_item(path, each) for path, each in _by_path(routes).items()}
    webhooks = {
        name: item for provider in registry.names() for name, item in registry.spec(provider).webhooks().items()
    }
    schemas = {
        **event_definitions(),
        "EventBatch": event_batch(),
        **request_definitions(),
        **answer_definitions(),
    }
    components: Schema = {
        "responses": {name: error_component(name) for name in _used(paths, "responses")},
        "parameters": {name: PARAMETERS[name] for name in _used(paths, "parameters")},
        "headers": HEADERS,
        "securitySchemes": SECURITY_SCHEMES,
        "schemas": schemas,
    }
    document: Schema = {
        "openapi": VERSION,
        "info": {
            "title": "Relais",
            "version": __version__,
            "description": _INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": own_url or "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "webhooks": webhooks,
        "components": components,
    }
    moved: Schema = _in_components(document)
    return moved


def _by_path(routes: Iterable[Route]) -> dict[str, list[Route]]:
    found: dict[str, list[Route]] = {}
    for route in routes:
        found.setdefault(route.path, []).append(route)
    return found


def _path_item(path: str, routes: Sequence[Route]) -> Schema:
    operations: Schema = {}
    described = [DESCRIBED[method, path] for route in routes for method in route.methods if method != "HEAD"]
    for route in routes:
        for method in route.methods:
            operation = DESCRIBED["GET" if method == "HEAD" else method, path]
            operations[method.lower()] = _operation(route, method, operation)
    operations["options"] = _options(path, routes[0], described)
    own = parameters(*of_path(path))
    ordered = [method for method in ("get", "head", "post", "options") if method in operations]
    others = errors(405, family=described[0].family)["405"]
    return {
        **({"parameters": own} if own else {}),
        **{method: operations[method] for method in ordered},
        OTHER_METHODS: others,
    }


def _operation(route: Route, method: str, operation: Operation) -> Schema:
    first, _, rest = " ".join((route.view.__doc__ or "").split()).partition(". ")
    single = len(set(route.methods) - {"HEAD"}) == 1
    responses = operation.responses
    if method == "HEAD":
        responses = {status: without_body(response) for status, response in responses.items()}
    description = operation.description or (rest if single and not operation.summary else "")
    given = parameters(*operation.parameters)
    return {
        "tags": [operation.tag],
        "operationId": _operation_id(route, method),
        "summary": operation.summary or first.rstrip("."),
        **({"description": description} if description and method != "HEAD" else {}),
        **({"parameters": given} if given else {}),
        **({"requestBody": operation.body} if operation.body and method != "HEAD" else {}),
        "responses": dict(responses),
        "security": [dict(one) for one in operation.security],
    }


def _operation_id(route: Route, method: str) -> str:
    """Returns the view's name, followed by the method where the view has several."""
    primary = "GET" if "GET" in route.methods else route.methods[0]
    return route.view.__name__ if method == primary else f"{route.view.__name__}_{method.lower()}"


def _options(path: str, route: Route, described: Sequence[Operation]) -> Schema:
    usual = {"204": answer("The methods of the path.", more_headers=("allow",))}
    if of_path(path):
        usual |= errors(404)
    own = next((one.options for one in described if one.options), None)
    return {
        "tags": [described[0].tag],
        "operationId": f"{route.view.__name__}_options",
        "summary": "Answers which methods the path has",
        "responses": dict(own or usual),
        "security": [],
    }


def _used(value: Any, kind: str) -> list[str]:
    """Returns the names of the components of a kind that are referred to, in alphabetical order."""
    start = f"#/components/{kind}/"
    return sorted({each.removeprefix(start) for each in _references(value) if each.startswith(start)})


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "$ref":
                yield each
            else:
                yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _in_components(value: Any) -> Any:
    """Returns the document with references to definitions as OpenAPI writes them."""
    if isinstance(value, Mapping):
        return {
            name: each.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _in_components(each)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_in_components(each) for each in value]
    return value
