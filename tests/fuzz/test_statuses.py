"""Every status that `/openapi.json` describes can be reached: each is asked for in one of few ways."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest

import app
from chalicelib.domain.errors import ConfigurationError, FieldError
from chalicelib.unsubscribe_links import tokens
from local import template, throttles
from local.http.gateway import Gateway
from local.http.proxy import HttpRequest
from local.lambdas.functions import FunctionFailed
from local.sandbox import SAMPLE_ADMIN_KEY
from local.sandbox.samples import SAMPLE_UNSUBSCRIBE_KEY
from local.template_reader import Throttle, describe
from tests.fuzz.world import LINK_TOKEN, configuration, signed
from tests.support.described import Exchange, document, require_described
from tests.support.http import ask, gateway_event
from tests.support.product import START
from tests.support.stack import MovableStack, SharedStack

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]
Status = tuple[str, str, str]
"""Method, path of the document, status."""
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
MORE_FORMS = """
[forms.leading]
account = "paris"
list = "4781"
redirect = "https://www.example.com/merci"
redirect_unsubscribe = "https://www.example.com/au-revoir"
[forms.leading.fields]
email = "@email"

[forms.asking]
account = "paris"
list = "4781"
confirm = "lettre"
[forms.asking.fields]
email = "@email"
"""
SIGNUP = {"type": "signup", "form": "footer", "email": "zoe@example.com"}
FIELDS: dict[str, Mapping[str, str]] = {
    "/forms/{form}/signup": {"email": "zoe@example.com"},
    "/forms/{form}/unsubscribe": {"email": "zoe@example.com"},
    "/dashboard/events/lookup": {"address": "zoe@example.com"},
    "/dashboard/events/resend": {"status": "parked"},
    "/dashboard/login": {"key": SAMPLE_ADMIN_KEY},
}


@dataclass(frozen=True)
class Sent:
    """A request to an operation."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def but(self, body: bytes | None = None, **headers: str | None) -> Sent:
        """Return it with other headers (None: without it), or another body."""
        changed = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        kept = {name: value for name, value in changed.items() if value is not None}
        return replace(self, headers=kept, body=self.body if body is None else body)

    def to(self, path: str) -> Sent:
        """Return it with another path."""
        return replace(self, path=path)


class Asked:
    """Asks a running stack for statuses, and remembers which it has got."""

    def __init__(self, stack: MovableStack) -> None:
        self.stack = stack
        self.reached: set[Status] = set()
        self.names = {"form": "footer", "token": LINK_TOKEN}
        self.cookie = ""

    def right(self, method: str, path: str) -> Sent:
        """Return the request that is answered with a success."""
        to = re.sub(r"\{(\w+)\}", lambda found: self.names[found[1]], path)
        if (method, path) == ("POST", "/events"):
            body = json.dumps(SIGNUP).encode()
            return Sent(to, {"content-type": JSON, **signed(body, self.stack.now())}, body)
        admin = path.startswith(("/events", "/stats", "/dashboard"))
        key = {"authorization": f"Bearer {SAMPLE_ADMIN_KEY}"} if admin else {}
        if path == "/dashboard/logout":
            key = {"cookie": self.cookie}
        if method != "POST":
            return Sent(to, key)
        return Sent(to, {"content-type": FORM, **key}, urlencode(FIELDS.get(path, {})).encode())

    def send(self, method: str, path: str, sent: Sent) -> Any:
        """Sends a request; its answer must be as the document says."""
        answer = self.stack.request(method, sent.path, sent.body or None, sent.headers)
        self.reached.add((method, path, str(answer.status)))
        return answer

    def ask(self, wanted: Status) -> None:
        """Sends what may be answered with a status until it is."""
        for sent in self.ways(*wanted):
            if wanted not in self.reached:
                self.send(wanted[0], wanted[1], sent)

    def ways(self, method: str, path: str, status: str) -> Iterator[Sent]:
        """Requests that may be answered with a status."""
        right = self.right(method, path)
        page = right.but(accept="text/html")
        elsewhere = {"origin": "https://elsewhere.example", "sec_fetch_site": "cross-site"}
        wrong_key = b"key=wrong" if path == "/dashboard/login" else None
        too_large = b" " * ((5 * 2**20 if path == "/events" else 100 * 2**10) + 1)
        done = [right, page]
        ways: dict[str, Sequence[Sent]] = {
            "200": done,
            "202": done,
            "204": done,
            "303": [right, page.but(authorization=None), page.to(page.path.replace("footer", "leading"))],
            "304": [right.but(if_none_match="*")],
            "400": [self.again(right, b"{", JSON)],
            "401": [right.but(wrong_key, authorization=None, webhook_signature=None)],
            "403": [right.but(**elsewhere), right.but(authorization=None, cookie=self.cookie, **elsewhere)],
            "404": [right.to(re.sub(r"\{\w+\}", nothing, path)) for nothing in ("nothing", "%FF")],
            "410": [right.to(f"/confirm/{confirmation('nothing')}")],
            "413": [self.again(right, too_large)],
            "415": [self.again(right, right.body or b"x", "image/png")],
            "422": [self.again(right, b"[]", JSON), self.again(right, b"email=&status=nothing", FORM)]
            + [right.to(f"{right.path}?{query}") for query in ("limit=0", "format=xml")],
        }
        yield from ways.get(status, ())

    def again(self, right: Sent, body: bytes, kind: str | None = None) -> Sent:
        """Return the request with another body, signed if it was."""
        signature = signed(body, self.stack.now()) if "webhook-id" in right.headers else {}
        headers = {**right.headers, **signature}
        return Sent(right.path, {**headers, "content-type": kind} if kind else headers, body)


def confirmation(event_id: str) -> str:
    return tokens.seal(event_id, SAMPLE_UNSUBSCRIBE_KEY, bytes(tokens.NONCE_BYTES), tokens.CONFIRM)


def described() -> set[Status]:
    """Everything that the document describes."""
    return {
        (method.upper(), path, status)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if "responses" in operation
        for status in operation["responses"]
    }


def answers_of_the_gateway(wanted: set[Status]) -> set[Status]:
    """Return what API Gateway answers by itself: above a throttle, to 10 MB, and where the function fails."""
    built = template.build("local")
    throttles.apply(built)
    api = describe(built, "eu-west-3").api
    closed = replace(api, throttles=dict.fromkeys(api.throttles, Throttle(0, 0)))

    def fails(event: Any, wait: float) -> Any:
        raise FunctionFailed({"errorType": "Runtime.ExitError", "errorMessage": "it died"})

    throttled, failing = Gateway(closed, fails, lambda: START, throttled=True), Gateway(api, fails, lambda: START)
    large = b"x" * (7 * 2**20)
    reached = set()
    for method, path, status in wanted:
        gateway, body = (throttled if status == "429" else failing), (large if status == "413" else b"")
        to = re.sub(r"\{\w+\}", "name", path)
        answer = gateway.handle(HttpRequest(method, to, (), body, "203.0.113.9"))
        shown = b"" if method == "HEAD" else answer.body
        require_described(Exchange(method, to, {}, b"", answer.status, dict(answer.headers), shown))
        reached.add((method, path, str(answer.status)))
    return reached


@pytest.fixture
def asked(shared_stack: SharedStack) -> Iterator[Asked]:
    """The running stack, in which a sender has taken the ids of two forms' events."""
    config = configuration(shared_stack.sandbox) + MORE_FORMS
    posts = [
        Sent(f"/forms/footer/{verb}", {"content-type": FORM, "idempotency-key": "k"}, b"email=zoe@example.com")
        for verb in ("signup", "unsubscribe")
    ]
    first = Asked(shared_stack.reset(config))
    ids = [first.send("POST", "/forms/{form}/signup", post).json["id"] for post in posts]
    asked = Asked(shared_stack.reset(config))
    for event_id in ids:
        body = json.dumps({**SIGNUP, "email": "lea@example.com", "id": event_id}).encode()
        for _ in range(2):  # and one for `POST /events` itself
            asked.send("POST", "/events", asked.again(asked.right("POST", "/events"), body))
            body = body.replace(b"lea", b"noe")
    for post, verb in zip(posts, ("signup", "unsubscribe"), strict=True):
        asked.send("POST", f"/forms/{{form}}/{verb}", post)
    asked.names["id"] = ids[0]
    yield asked
    shared_stack.idle()


def unreadable() -> Any:
    raise ConfigurationError([FieldError("accounts", "is missing")])


def test_every_status_that_is_described_is_reached(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = asked.stack
    login = asked.send("POST", "/dashboard/login", asked.right("POST", "/dashboard/login"))
    asked.cookie = login.headers["set-cookie"].partition(";")[0]
    stack.invoke("collect_stats")
    campaigns = asked.send("GET", "/stats/campaigns", asked.right("GET", "/stats/campaigns")).json["campaigns"]
    asked.names |= {name: campaigns[0][name] for name in ("account", "campaign")}
    asking = Sent("/forms/asking/signup", {"content-type": FORM}, b"email=zoe@example.com")
    waiting = asked.send("POST", "/forms/{form}/signup", asking).json["id"]
    for wanted in sorted(described() - asked.reached, key=lambda each: (each[2] == "303", each)):  # a logout comes last
        asked.names["token"] = LINK_TOKEN if wanted[1].startswith("/unsubscribe") else confirmation(waiting)
        asked.ask(wanted)
    asked.reached |= answers_of_the_gateway(described() - asked.reached)
    bare = re.sub(
        r'\nadmin_key = .*|\n\[unsubscribe\]\nkeys = .*|\n"@unsubscribe_url" = .*', "", configuration(stack.sandbox)
    )
    stack.restart_workers(bare)
    for method, path, status in sorted(described() - asked.reached):
        if status in ("403", "404"):  # nobody may see the dashboard, and there are no links
            asked.send(method, path, asked.right(method, path))
    monkeypatch.setattr(app, "container", unreadable)
    for method in ("GET", "HEAD"):
        answer = ask(app.app, gateway_event(method, "/healthz"))
        asked.reached.add((method, "/healthz", str(answer.status)))
    assert described() - asked.reached == set()
    assert len(described()) > 300
