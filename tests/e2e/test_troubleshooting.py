"""docs/troubleshooting.md: each mistake is made here, and the product's own answer is what stands in the tables.

`REWRITE=yes make test PYTEST_ARGS=tests/e2e/test_troubleshooting.py` writes the answers of today into the document.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from local import invoke, package, startup_check
from local.configuration import read_configuration
from local.options import StartFailed, read_options
from local.sandbox import SAMPLE_ADMIN_KEY, SAMPLE_FILE, SAMPLE_WEBHOOK_SECRET, sample_config
from local.stack import Stack
from tests.e2e.world import event, submit
from tests.support.stack import ROOT, MovableStack, SharedStack

DOCUMENT = ROOT / "docs" / "troubleshooting.md"
SAMPLE = SAMPLE_FILE.read_text(encoding="utf-8")
REWRITE = bool(os.environ.get("REWRITE"))


def compare(part: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Compare the table of a part with the rows: mistake, answer, and what to do where the answer does not say it."""
    lines = ["| the mistake | what Relais says | what to do |", "|---|---|---|"]
    lines += [f"| {title} | {code(answer)} | {remedy} |" for title, answer, remedy in rows]
    table = "\n".join(lines)
    text = DOCUMENT.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {part}: [^\n]*-->\n).*?(\n<!-- end -->)", re.DOTALL)
    assert marks.search(text), f"the document has no part {part}"
    made = marks.sub(lambda found: f"{found[1]}{table}{found[2]}", text)
    if REWRITE:
        DOCUMENT.write_text(made, encoding="utf-8")
    assert made == DOCUMENT.read_text(encoding="utf-8"), "run it with REWRITE=yes, and read what changed"


def code(answer: str) -> str:
    """Format each line of an answer as code in a table's cell."""
    lines = [line.replace("|", "\\|") for line in answer.splitlines()]
    return "<br>".join(f"`` {line} ``" if "`" in line else f"`{line}`" for line in lines)


# --- the start of make run ---


@dataclass(frozen=True)
class Wrong:
    """The sample configuration with `old` replaced by `new`; `title` as in the table, `remedy` beside the answer."""

    title: str
    old: str
    new: str
    remedy: str = ""


CONFIGURATIONS = [
    Wrong("`site_id = 0616074266001` without quotes", '"0616074266001"', "0616074266001"),
    Wrong("`list = 4781` without quotes", '"4781"', "4781"),
    Wrong("a quotation mark is missing", 'account = "paris"', 'account = "paris'),
    Wrong("curly quotes, from a word processor", 'account = "paris"', "account = “paris”"),
    Wrong("`:` in place of `=`", 'account = "paris"', 'account: "paris"'),
    Wrong(
        "a field's name with a space or an accent, without quotes", 'prenom = "prenom"', 'code postal = "CODE_POSTAL"'
    ),
    Wrong("the same section twice", "[forms.nieuwsbrief]", "[forms.footer]", "Give each form a name of its own."),
    Wrong("a key's name is misspelt", "[forms.footer]", '[forms.footer]\norigin = ["https://www.example.com"]'),
    Wrong("a provider's name is misspelt", 'provider = "ediware"', 'provider = "edware"'),
    Wrong("the form names an account that is not there", 'account = "paris"', 'account = "pari"'),
    Wrong("a form of an account at MailPartner", 'account = "paris"\nlist = "4781"', 'account = "lettre"'),
    Wrong("the form names no list", 'account = "paris"\nlist = "4781"', 'account = "paris"'),
    Wrong("no field is the address", 'email = "@email"\nprenom', 'email = "email"\nprenom'),
    Wrong("two fields are the address", 'prenom = "prenom"', 'prenom = "@email"'),
    Wrong("two fields for one field of the provider", 'nom = "nom"', 'nom = "prenom"'),
    Wrong(
        "an origin with a path or a final slash",
        "[forms.footer]",
        '[forms.footer]\norigins = ["https://www.example.com/contact"]',
    ),
    Wrong(
        "origins without brackets",
        "[forms.footer]",
        '[forms.footer]\norigins = "https://www.example.com"',
        'Write `origins = ["https://www.example.com"]`.',
    ),
    Wrong("`*` as an origin", "[forms.footer]", '[forms.footer]\norigins = ["*"]'),
    Wrong("a short admin key", '"sample-admin-key-only-for-this-machine-0000"', '"secret"'),
    Wrong(
        "a webhook's secret that is none", '"whsec_c2FtcGxlLXdlYmhvb2sta2V5LW9ubHktZm9yLXRoaXMtbWFjaGluZQ=="', '"shop"'
    ),
    Wrong("no `[privacy]`", '[privacy]\naddress_keys = ["sample-address-key-only-for-this-machine-0000"]', ""),
    Wrong("a key in AWS, for an account at the sandbox", '"sample-ediware-key-not-a-secret"', '"secret:relais/paris"'),
    Wrong("a key of Relais' own in AWS", '"sample-admin-key-only-for-this-machine-0000"', '"ssm:/relais/admin"'),
    Wrong(
        "a key in a variable that is not set",
        '"whsec_c2FtcGxlLXdlYmhvb2sta2V5LW9ubHktZm9yLXRoaXMtbWFjaGluZQ=="',
        '"env:SHOP_SECRET"',
    ),
]


def start(path: Path) -> str:
    """Return what `make run` says of the configuration at `path`."""
    try:
        configured = read_configuration(path)
        configured.at_sandbox("http://127.0.0.1:8025", "http://127.0.0.1:8000").check_secrets({}, None)
    except StartFailed as refused:
        return str(refused).partition("\n")[2].replace(f"{path.parent}/", "")
    raise AssertionError(f"{path} is accepted")


def test_mistakes_in_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my.toml"
    rows = [("`RELAIS_CONFIG` names a file that is not there", start(path), "`cp local/sample.toml my.toml`")]
    rows.append(("`RELAIS_CONFIG` names a folder", start(tmp_path).replace(tmp_path.name, "my-folder"), ""))
    path.write_text(SAMPLE, encoding="utf-16")
    rows.append(('saved as "Unicode" (UTF-16)', start(path), 'In the editor\'s "Save as", choose UTF-8.'))
    for wrong in CONFIGURATIONS:
        assert wrong.old in SAMPLE, wrong.title
        path.write_text(SAMPLE.replace(wrong.old, wrong.new, 1), encoding="utf-8")
        rows.append((wrong.title, start(path), wrong.remedy))
    path.write_text(SAMPLE, encoding="utf-8")
    assert package.main({"STAGE": "prod", "RELAIS_CONFIG": str(path)}, tmp_path / "out") == 1
    said = capsys.readouterr().err.removeprefix("Not packaged.\n").replace(f"{tmp_path}/", "").strip()
    rows.append(("`make package` with `sandbox = true`", said, ""))
    assert len(rows) > 20
    compare("configuration", rows)


@pytest.mark.server
def test_mistakes_in_the_environment() -> None:
    def said(environ: dict[str, str]) -> str:
        stack = Stack(read_options({"HOST": "127.0.0.1", "PORT": "0", **environ}), environ)
        try:
            stack.start(threading.Event())
        finally:
            stack.stop()
        raise AssertionError("it started")

    def refused(environ: dict[str, str]) -> str:
        with pytest.raises(StartFailed) as error:
            said(environ)
        return str(error.value)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        in_use = refused({"PORT": port}).replace(port, "8000")
    rows = [
        ("another program, or another `make run`, has the port", in_use, "`PORT=8001 make run`"),
        ("`PORT=http`", refused({"PORT": "http"}), ""),
        ("`HOST` is another machine's", refused({"HOST": "192.0.2.1"}), ""),
        ("`AWS_ENDPOINT_URL=localhost`", refused({"AWS_ENDPOINT_URL": "localhost"}), ""),
    ]
    compare("environment", rows)


# --- requests ---

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
SITE = {"Origin": "https://www.example.org"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
FILE = '--x\r\nContent-Disposition: form-data; name="cv"; filename="a.pdf"\r\n\r\nx\r\n--x--\r\n'


@dataclass(frozen=True)
class Request:
    """A request that is refused."""

    title: str
    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    remedy: str = ""


REQUESTS = [
    Request("the page's site is not listed", "POST", "/forms/footer/signup", "email=a@example.com", FORM | SITE),
    Request(
        "the page was opened from the disk, or hides its origin",
        "POST",
        "/forms/footer/signup",
        "email=a@example.com",
        FORM | {"Origin": "null"},
    ),
    Request(
        'the form lacks `method="post"`, or its address was opened in a browser',
        "GET",
        "/forms/footer/signup?email=a@example.com",
    ),
    Request(
        "the form's name in its address is wrong",
        "POST",
        "/forms/foter/signup",
        "email=a@example.com",
        FORM,
        "It is the NAME of `[forms.NAME]` in the configuration that is in use.",
    ),
    Request(
        "`/subscribe` in place of `/signup`",
        "POST",
        "/forms/footer/subscribe",
        "email=a@example.com",
        FORM,
        "A form has the addresses `/forms/NAME/signup` and `/forms/NAME/unsubscribe`.",
    ),
    Request("a body of another type", "POST", "/forms/footer/signup", "<email/>", {"Content-Type": "application/xml"}),
    Request(
        "JSON with single quotes",
        "POST",
        "/forms/footer/signup",
        "{'email': 'a@example.com'}",
        JSON,
        "`JSON.stringify` and its like make JSON; texts in it stand in double quotes.",
    ),
    Request("a form with a file", "POST", "/forms/footer/signup", FILE, MULTIPART),
    Request(
        "the page's field is not the one that the configuration calls the address",
        "POST",
        "/forms/footer/signup",
        "courriel=a@example.com",
        FORM,
        'The `name` in HTML is what stands left of `"@email"`.',
    ),
    Request("an address without `@`", "POST", "/forms/footer/signup", "email=example.com", FORM),
    Request("a field that is too long", "POST", "/forms/footer/signup", f"email=a@b.be&nom={'x' * 501}", FORM),
    Request("no admin key", "GET", "/events/some-id", remedy="Send the header `Authorization: Bearer` with the key."),
    Request(
        "a wrong admin key",
        "GET",
        "/events/some-id",
        headers={"Authorization": "Bearer something-else"},
        remedy="It is the `admin_key` of `[api]`; `make run` prints that of the sample world.",
    ),
    Request(
        "an event that is not there",
        "GET",
        "/events/some-id",
        headers={"Authorization": f"Bearer {SAMPLE_ADMIN_KEY}"},
        remedy="Compare the id with the one in the answer to the sender. When `make run` stops, its events are gone.",
    ),
    Request(
        "`/events` without a signature",
        "POST",
        "/events",
        '{"type": "signup"}',
        JSON,
        "[Signed webhooks](back-ends.md#signed-webhooks) has examples in several languages.",
    ),
]


def signed(body: str, secret: str = SAMPLE_WEBHOOK_SECRET, minutes: int = 0, *, at: datetime) -> dict[str, str]:
    when = at + timedelta(minutes=minutes)
    return JSON | {
        "webhook-id": "msg-1",
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg-1", when, body),
    }


def signed_requests(now: datetime) -> Iterator[Request]:
    """Requests whose mistake is in the signature, or in what it covers."""
    good = '{"type": "unsubscribe", "email": "a@example.com"}'
    other = "whsec_b3RoZXItd2ViaG9vay1rZXktZm9yLXRoaXMtdGVzdA=="
    forged = signed(good, other, at=now)
    remedy = "The secret is that of `[webhooks.NAME]`. Sign the very bytes that are sent."
    yield Request("signed with another secret", "POST", "/events", good, forged, remedy)
    late = signed(good, minutes=-10, at=now)
    yield Request("signed by a clock that is ten minutes late", "POST", "/events", good, late, "Set the clock.")
    for title, body in (
        ("a signup that names no form", '{"type": "signup", "email": "a@example.com"}'),
        ("a form that is not there", '{"type": "signup", "form": "foter", "email": "a@example.com"}'),
        ("an account that is not there", '{"type": "unsubscribe", "email": "a@example.com", "accounts": ["pari"]}'),
        ("a signup at MailPartner", '{"type": "signup", "account": "lettre", "email": "a@example.com"}'),
        ("a time without an offset", f'{good[:-1]}, "occurred_at": "2026-03-01 09:30"}}'),
        ("a type that the webhook may not send", '{"type": "sync", "kind": "contacts", "source": "crm"}'),
    ):
        yield Request(title, "POST", "/events", body, signed(body, at=now))


@pytest.fixture(scope="module")
def stack(shared_stack: SharedStack) -> Iterator[MovableStack]:
    yield shared_stack.reset(
        f"{sample_config(shared_stack.sandbox)}\n{WRONG_AT_PROVIDER}".replace("@SANDBOX@", shared_stack.sandbox)
    )
    shared_stack.idle()


def test_mistakes_in_requests(stack: MovableStack) -> None:
    rows = []
    for one in [*REQUESTS, *signed_requests(stack.now())]:
        answer = stack.request(one.method, one.path, one.body or None, one.headers)
        problem = answer.json
        assert answer.status >= 400, one.title
        lines = [f"{answer.status} {problem['detail']}"]
        lines += [f"{wrong['field']}: {wrong['message']}" for wrong in problem.get("errors", [])]
        for rejected in problem.get("rejected", []):
            lines += [f"{wrong['field']}: {wrong['message']}" for wrong in rejected["errors"]]
        rows.append((one.title, "\n".join(dict.fromkeys(lines)), one.remedy))
    compare("requests", rows)


COMMANDS: list[tuple[str, str, Any, str]] = [
    ("a function's name is misspelt", "collect_stat", None, ""),
    ("an account that is not there", "call_provider", {"account": "pari", "function": "list_list"}, ""),
    ("a call that the provider does not have", "call_provider", {"account": "paris", "function": "lists"}, ""),
    (
        "a call that changes something, without `confirm`",
        "call_provider",
        {"account": "paris", "function": "unsub_add", "params": {"email": "a@example.com"}},
        "",
    ),
    ("`resend` with a status that is none", "resend", {"status": "failed"}, ""),
    ("`forget` without an address", "forget", {}, ""),
]


def test_mistakes_in_commands(
    stack: MovableStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(port: str, name: str, asked: Any) -> str:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(asked))
        monkeypatch.setenv("PORT", port)
        assert invoke.main([name, *(["--event", str(path)] if asked is not None else [])]) == 1
        shown = capsys.readouterr()
        return str(json.loads(shown.out)["error"]["message"]) if shown.out else shown.err.strip()

    rows = [("`make run` is not running", said("1", "report", None).replace(" with PORT=1", ""), "")]
    rows += [(title, said(stack.port, name, asked), remedy) for title, name, asked, remedy in COMMANDS]
    compare("commands", rows)


# --- what only the provider knows ---

WRONG_AT_PROVIDER = """\
[accounts.lyon]
provider = "ediware"
api_key = "another-key-than-the-account-has"
base_url = "@SANDBOX@/ediware/api_http"

[forms.membres]
account = "lyon"
list = "4781"
fields = {email = "@email"}

[forms.oldlist]
account = "paris"
list = "9999"
fields = {email = "@email"}

[forms.leden]
account = "brussel"
list = "0616074266229"
fields = {email = "@email", voornaam = "Firstname"}

[forms.clients]
account = "paris"
list = "4782"
fields = {email = "@email", prenom = "firstname"}
"""


def test_what_check_says(stack: MovableStack) -> None:
    code_, answer = stack.invoke("check", {})
    assert code_ == 0
    lines = list(startup_check.lines_of(answer))

    def said(start: str) -> str:
        return "\n".join(line for line in lines if line.startswith(f"check: {start}:"))

    rows = [
        ("the account's key is wrong, or (Ediware) this machine's address is not declared", said("account lyon"), ""),
        ("the list is not there", said("form oldlist"), ""),
        ("a field is misspelt (at Ediware only a signup shows it)", said("form leden"), ""),
    ]
    assert all(answer for _, answer, _ in rows), lines
    compare("check", rows)


def outcome(stack: MovableStack, fields: dict[str, str], form: str = "footer") -> Callable[[], Any]:
    """Sign up; return what finds the first delivery once it has a status other than pending, or a reason."""
    made = submit(stack, "signup", fields, form)
    assert made.status == 202, made.body

    def found() -> Any:
        [delivery] = event(stack, made.json["id"])["deliveries"]
        return delivery if delivery["status"] != "pending" or delivery["reason"] else None

    return found


def test_what_becomes_of_accepted_signups(stack: MovableStack) -> None:
    signups = [
        ("the list is not there", {"email": "a@example.com"}, "oldlist"),
        ("a field is not there", {"email": "a@example.com", "prenom": "Ana"}, "clients"),
        ("the account's key is wrong", {"email": "a@example.com"}, "membres"),
        ("the hidden field of the form was filled in", {"email": "b@example.com", "website": "x"}, "footer"),
        ("a link in a field", {"email": "c@example.com", "nom": "www.example.com"}, "footer"),
    ]
    rows = []
    for title, fields, form in signups:
        delivery = stack.until(outcome(stack, fields, form))
        rows.append((title, f"{delivery['status']}: {delivery['reason']}", REMEDIES[title]))
    left = submit(stack, "unsubscribe", {"email": "left@example.com"}).json["id"]

    def has_left() -> bool:
        return any(
            one["account"] == "paris" and one["status"] == "delivered" for one in event(stack, left)["deliveries"]
        )

    stack.until(has_left)
    delivery = stack.until(outcome(stack, {"email": "left@example.com"}))
    remedy = f"{delivery['remedy'][0].upper()}{delivery['remedy'][1:]}."
    rows.append(("the person has unsubscribed before", f"{delivery['status']}: {delivery['reason']}", remedy))
    compare("events", rows)


REMEDIES = {
    "the list is not there": "Correct `list` in the configuration. The signup waits and goes on by itself.",
    "a field is not there": "Correct `[forms.NAME.fields]`, then `resend` with the status `refused`.",
    "the account's key is wrong": "Correct the key, or declare the address at the provider. The signup waits and "
    "goes on by itself.",
    "the hidden field of the form was filled in": "Nothing, if it was a robot. Otherwise hide the field better: "
    "[the trap](forms.md#the-trap).",
    "a link in a field": "`link_fields` or `allow_links`, if visitors may write links: "
    "[links and tags](forms.md#links-and-tags).",
}
