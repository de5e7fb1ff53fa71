"""The examples of the document are requests that the product takes, and its links lead where they say."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from urllib3 import encode_multipart_formdata

from chalicelib.config.model import Api, Webhook
from chalicelib.config.secrets import Secret
from chalicelib.domain.events import EventType
from chalicelib.domain.figures import Snapshot
from chalicelib.statistics.store import StatsStore
from chalicelib.unsubscribe_links.links import Links
from tests.description.test_event_schema import CONFIGURED, SECRET
from tests.support.aws import TestAws
from tests.support.described import document, resolved
from tests.support.http import Answer, ask, gateway_event, routes_over
from tests.support.product import START, Product, settings
from tests.support.webhooks import signed

KEY = Secret.plain("placeholder-key-of-more-than-32-characters")
URL = "https://relais.example.com"


def product(resources: TestAws) -> Product:
    """A product with everything that the examples name."""
    shop = Webhook("shop", (Secret.plain(SECRET),), types=frozenset(EventType))
    made = Product(
        settings(**CONFIGURED, webhooks={"shop": shop}, api=Api(KEY, URL), unsubscribe_keys=(KEY,)), providers={}
    )
    store = StatsStore(resources.dynamodb, "relais-local-stats")
    store.record(None, Snapshot("paris", "ediware", "5312", "Mars", "Rendez-vous", START, START, sent=1), START)
    return made


def bodies(operation: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The examples of a request body in each of its media types, with the type."""
    for media_type, content in operation["requestBody"]["content"].items():
        given = [content["example"]] if "example" in content else []
        for example in given + [one["value"] for one in content.get("examples", {}).values()]:
            if media_type == "application/x-www-form-urlencoded":
                yield media_type, urlencode(example).encode()
            elif media_type == "multipart/form-data":
                body, stated = encode_multipart_formdata(example)
                yield stated, body
            else:
                yield media_type, json.dumps(example).encode()


def parameters(path: str, operation: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The examples of an operation's parameters by name, for each place that parameters have."""
    found: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
    for reference in [*document()["paths"][path].get("parameters", ()), *operation.get("parameters", ())]:
        parameter, _ = resolved(reference, "")
        if "example" in parameter:
            found[parameter["in"]][parameter["name"]] = str(parameter["example"])
    return found


def requests(path: str, method: str, known: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """Path, headers and body of an operation's examples: no parameter, each alone, all together; and each body.

    `known` are parameters of paths that only a running product can give.
    """
    operation = document()["paths"][path][method]
    examples = parameters(path, operation)
    for name, text in {**examples["path"], **known}.items():
        path = path.replace(f"{{{name}}}", text)
    single = [{name: text} for name, text in examples["query"].items()]
    for query in [{}, *single, *([examples["query"]] if len(single) > 1 else [])]:
        address = f"{path}?{urlencode(query)}" if query else path
        for media_type, body in bodies(operation) if "requestBody" in operation else [("", b"")]:
            yield address, {**examples["header"], **({"content-type": media_type} if media_type else {})}, body


@pytest.mark.seconds
def test_every_example_is_taken_and_what_is_secured_asks_for_a_credential(resources: TestAws) -> None:
    """Each answer is held against the document as well, as all are."""
    running = product(resources)
    app = routes_over(running.container)
    known = {"token": Links([KEY], URL, os.urandom).url("zoe@example.com").rpartition("/")[2]}
    asked = 0
    for path, item in document()["paths"].items():
        for method in [one for one in ("post", "get", "head") if one in item]:
            operation = item[method]
            if path == "/confirm/{token}" or (path.startswith("/dashboard") and method == "post"):
                continue  # there are no examples of these
            for number, (address, headers, body) in enumerate(requests(path, method, known)):
                sent = b64encode(body).decode()
                if number == 0 and operation["security"]:
                    refused = ask(app, gateway_event(method.upper(), address, headers, sent, base64=True))
                    assert refused.status == 401, (method, path)
                headers |= credentials(operation, f"msg-{number}", body)
                answer = ask(app, gateway_event(method.upper(), address, headers, sent, base64=True))
                assert answer.status < 400, (method, address, body, answer.status, answer.body)
                known |= linked(operation, answer)
                asked += 1
    assert asked > 150


def credentials(operation: Mapping[str, Any], id: str, body: bytes) -> dict[str, str]:
    """The headers that an operation asks for: none, the admin key, or those of Standard Webhooks."""
    if not operation["security"]:
        return {}
    if {"adminKey": []} in operation["security"]:
        return {"authorization": f"Bearer {KEY.reveal()}"}
    return signed(body.decode(), id, START, SECRET)


def linked(operation: Mapping[str, Any], answer: Answer) -> dict[str, str]:
    """The parameters of other operations that an answer gives, by the links of its description."""
    response, _ = resolved(operation["responses"][str(answer.status)], "")
    found = {}
    for link in response.get("links", {}).values() if answer.body else ():
        for name, expression in link["parameters"].items():
            with suppress(IndexError):  # an empty list
                found[name] = at(answer.json, expression.removeprefix("$response.body#/"))
    return {name: value for name, value in found.items() if value and name != "cursor"}


def at(value: Any, pointer: str) -> Any:
    """The value at a JSON pointer."""
    for part in pointer.split("/"):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
