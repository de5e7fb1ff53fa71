"""A yes with a vendor's noise round it is a yes; a page that only shows one is not (field case 21)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.observability import metrics
from chalicelib.providers.transport.session import Transport
from tests.contract import mymailmarket
from tests.contract.mailpartner import account as mailpartner_account, connect
from tests.contract.provider_kits import EDIWARE, MAILPARTNER, MYMAILMARKET, Kit
from tests.contract.scripted import Scripted, answer

pytestmark = pytest.mark.no_cover
YES = '{"result":"ok"}'
HTML = "<br />\n<b>{}</b>:  Undefined index: prenom in <b>/var/www/api/insert.php</b> on line <b>12</b><br />\n"
PLAIN = "\n{}: Undefined variable $nom in /var/www/api/insert.php on line 7\n"
NOTICE = HTML.format("Notice")

NOISY = {
    "field-21, a notice": f"<br />\n<b>Notice</b>:  x in <b>f.php</b> on line <b>3</b><br />\n{YES}",
    "a notice before": NOTICE + YES,
    "a notice behind": YES + NOTICE,
    "three of them": NOTICE + HTML.format("Warning") + HTML.format("Deprecated") + YES,
    "strict standards": HTML.format("Strict Standards") + YES,
    "a link to the manual": "<br />\n<b>Warning</b>:  fopen(x) [<a href='function.fopen'>function.fopen</a>]: failed"
    f" in <b>/a.php</b> on line <b>1</b><br />\n{YES}",
    "a notice without html_errors": PLAIN.format("Notice") + YES,
    "a warning as the command line writes it": PLAIN.format("PHP Warning") + YES,
    "a notice as in a log": "[27-Nov-2026 10:00:00 Europe/Paris] PHP Notice:  x in /a.php on line 12\n" + YES,
    "two plain ones behind": YES + PLAIN.format("Deprecated") + PLAIN.format("Notice"),
    "line ends of Windows": NOTICE.replace("\n", "\r\n") + PLAIN.format("Notice").replace("\n", "\r\n") + YES,
    "a comment before": f"<!-- cached at 10:00 -->\n{YES}",
    "a comment behind": f"{YES}\n<!-- page generated in 0.1 s by web-3 -->\n",
    "comments of a script": f"/* api */ // 2.1\n{YES}",
    "an empty comment": f"<!---->{YES}",
    "byte order marks": f"\ufeff\ufeff \ufeff{YES}\ufeff",
    "a mark between": f"{NOTICE}\ufeff{YES}",
    "much white space": "\n" * 50_000 + YES + "\r\n\t " * 10_000,
    "a notice in Latin-1": NOTICE.replace("prenom", "prénom").encode("latin-1") + YES.encode(),
}
ECHO = YES.replace('"', "&quot;")
PAGES = {
    "a page that echoes the field": f"<html><body>Invalid value {YES}</body></html>",
    "an escaped echo": f"<p>Invalid: {ECHO}</p>",
    "a page with a yes at its end": f"<!doctype html><p>Maintenance</p>{YES}",
    "a page with a yes at its start": f"{YES}<html><body>Maintenance</body></html>",
    "a text that ends with the field": f"Invalid value for prenom: {YES}",
    "a text that begins with the field": f"{YES} is no valid value for prenom",
    "a notice that echoes the field": NOTICE.replace("prenom", YES),
    "a notice that the field ends and another begins": f"<br />\n<b>Notice</b>:  x in <b>f</b> on line <b>1</b><br />"
    f"{YES}<br /><b>Notice</b>:  y in <b>/real.php</b> on line <b>9</b><br />\n",
    "the same in plain": f"Notice: x in f on line 1\n{YES}\nNotice: y in /real.php on line 9\n",
    "a comment that the field ends": f"<!-- value: x -->{YES} -->",
    "a comment that the field ends and another begins": f"<!-- value: x -->{YES}<!-- y -->",
    "a comment that holds the field": f"<!-- value: {YES} -->",
    "a comment that holds a no, and a yes": f'<!-- {{"error":"1"}} -->{YES}',
    "a comment without an end": f"{YES}<!-- value: x",
    "a fatal error": f"{YES}<br />\n<b>Fatal error</b>:  Uncaught x in <b>f</b> on line <b>1</b><br />",
    "a parse error in plain": f"\nParse error: syntax error in f on line 1\n{YES}",
    "a notice with a page in it": f"<br />\n<b>Notice</b>:  <h1>x</h1> in <b>f</b> on line <b>1</b><br />\n{YES}",
    "a script": f"<script>var x = 1</script>{YES}",
    "two values": YES + YES,
    "two values round a notice": YES + NOTICE + YES,
    "a notice cut short": f"<br />\n<b>Notice</b>:  x in <b>f{YES}",
    "a notice alone": NOTICE,
    "a notice and half a yes": NOTICE + YES[:-2],
    "a notice as long as a page": HTML.format("Notice").replace("prenom", "x" * 100_000) + YES,
    "a thousand notices": NOTICE * 1_000 + YES,
}


def insert(server: Scripted, transport: Transport, body: str | bytes, status: int = 200, **headers: str) -> Any:
    """The result of `list_insert` where Ediware answers so."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.script = [answer(body.encode() if isinstance(body, str) else body, status, named)]
    return EDIWARE.connect(server.url, transport).call(*EDIWARE.change, budget=5)


def failure(ask: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize("case", NOISY)
def test_field_case_21_a_yes_with_noise_round_it_is_a_yes(case: str, server: Scripted, transport: Transport) -> None:
    assert insert(server, transport, NOISY[case]) is True


@pytest.mark.parametrize("case", PAGES)
def test_field_case_21_a_page_that_shows_a_yes_is_none(case: str, server: Scripted, transport: Transport) -> None:
    assert failure(lambda: insert(server, transport, PAGES[case])).kind is Kind.UNKNOWN


@pytest.mark.parametrize("status", [500, 502, 408, 302])
def test_a_yes_with_noise_counts_under_2xx_alone(status: int, server: Scripted, transport: Transport) -> None:
    assert insert(server, transport, NOTICE + YES, 201) is True
    assert failure(lambda: insert(server, transport, NOTICE + YES, status)).kind is Kind.UNKNOWN


def test_a_no_with_noise_round_it_is_a_no(server: Scripted, transport: Transport) -> None:
    error = failure(lambda: insert(server, transport, NOTICE + '{"error":"1","message":"Error email invalid"}'))
    assert (error.kind, error.message) == (Kind.CONTACT, "list_insert: Error email invalid")


WRONG_HEADERS: dict[str, tuple[bytes, Mapping[str, str]]] = {
    "a page's type": (YES.encode(), {"Content_Type": "text/html; charset=UTF-8"}),
    "an image's type": (YES.encode(), {"Content_Type": "image/png"}),
    "another charset": ('{"result":"ok","é":1}'.encode(), {"Content_Type": "application/json; charset=ISO-8859-1"}),
    "gzip that is none": (YES.encode(), {"Content_Encoding": "gzip"}),
    "gzip that is none, with a notice": ((NOTICE + YES).encode(), {"Content_Encoding": "gzip"}),
    "deflate that is none": (YES.encode(), {"Content_Encoding": "deflate"}),
    "br that is none": (YES.encode(), {"Content_Encoding": "br"}),
    "utf-8 as a coding": (YES.encode(), {"Content_Encoding": "utf-8"}),
    "gzip that says nothing": (gzip.compress(YES.encode()), {}),
    "gzip that says br": (gzip.compress(YES.encode()), {"Content_Encoding": "br"}),
    "gzip that says none": (gzip.compress(YES.encode()), {"Content_Encoding": "none"}),
}


@pytest.mark.parametrize("case", WRONG_HEADERS)
def test_a_yes_under_wrong_headers_is_a_yes(case: str, server: Scripted, transport: Transport) -> None:
    body, headers = WRONG_HEADERS[case]
    assert insert(server, transport, body, **headers) is True


DONE: dict[str, tuple[Kit, Any]] = {
    "ediware": (EDIWARE, {"result": "ok"}),
    "mailpartner": (MAILPARTNER, {"success": True, "code": 200, "data": {"id": 5}}),
    "mymailmarket": (MYMAILMARKET, {"Result": "OK", "ResultID": "0616074266333", "ErrorMessage": ""}),
}


@pytest.mark.parametrize("name", DONE)
@pytest.mark.parametrize("before", [True, False], ids=["before", "behind"])
def test_field_case_21_every_provider_is_read_through_noise(
    name: str, before: bool, server: Scripted, transport: Transport, capsys: pytest.CaptureFixture[str]
) -> None:
    kit, reply = DONE[name]
    text = json.dumps(reply)
    login = [] if kit.login is None else [answer((NOTICE + json.dumps(kit.login)).encode())]
    server.script = [*login, answer((NOTICE + text if before else text + NOTICE).encode())]
    client = kit.connect(server.url, transport)
    metrics.flush()
    capsys.readouterr()
    function, params = kit.change
    assert client.call(function, params, budget=5)
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    said = [line for line in lines if line.get("message") == "provider answer with noise"]
    assert [(line["level"], line["account"]) for line in said] == [("WARNING", "paris")] * (1 + len(login))
    assert said[-1]["provider_function"] == function
    assert [line["provider_noise"] for line in lines if "provider_noise" in line] == [1 + len(login)]


def test_an_answer_without_noise_says_nothing(
    server: Scripted, transport: Transport, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(server, transport, "\ufeff" + YES + "\n")
    metrics.flush()
    assert "noise" not in capsys.readouterr().out


@pytest.mark.parametrize("noise", [NOTICE, PLAIN.format("Notice"), "<!-- x -->\n", "\ufeff\ufeff", " \n"])
@pytest.mark.parametrize("kind", ["json", "xml", "json behind"])
def test_the_opt_out_list_is_read_through_noise(kind: str, noise: str, server: Scripted) -> None:
    rows = [{"id": n, "email": f"p{n}@example.com", "createdAt": "2026-01-01 10:00:00"} for n in range(2_000)]
    text = json.dumps({"success": True, "code": 200, "nbData": len(rows), "data": rows})
    if kind == "xml":
        entries = "".join(
            f"<entry><entry>{row['id']}</entry><entry>{row['email']}</entry><entry>{row['createdAt']}</entry></entry>"
            for row in rows
        )
        text = f"<?xml version='1.0'?><result><entry>true</entry><entry>200</entry><entry>2000</entry><entry>{entries}"
        text += "</entry></result>"
    server.otherwise = answer((text + noise if kind == "json behind" else noise + text).encode())
    client = connect(mailpartner_account(server.url, format="xml" if kind == "xml" else "json"))
    assert len(list(client.unsubscribed(budget=5))) == 2_000
    assert len(client.call("unsubscribe_list", {}, budget=5)["data"]) == 2_000


def test_an_xml_failure_is_read_through_noise(server: Scripted) -> None:
    refused = "<?xml version='1.0'?><result><entry>false</entry><entry>10</entry><entry>Clé</entry></result>"
    server.otherwise = answer((NOTICE + refused).encode())
    client = connect(mailpartner_account(server.url))
    assert failure(lambda: client.call("me", {}, budget=5)).kind is Kind.ACCOUNT


@pytest.mark.parametrize(
    "body",
    [
        *("<b>" * 50_000, "<br />" * 50_000, "<!--" * 50_000, "Notice: " * 50_000, " in <b>x</b>" * 20_000),
        *("<br />\n<b>Notice</b>:  " + " in <b>" * 20_000, "Notice:" + " in x on line 1" * 20_000, "/*" * 50_000),
        *("[" * 200_000, "\ufeff " * 100_000, NOTICE * 3_000, "// \n" * 50_000, "<b>Notice</b>: " + "<a x" * 50_000),
    ],
)
@pytest.mark.timeout(20)
def test_hostile_noise_is_read_in_linear_time(body: str, server: Scripted, transport: Transport) -> None:
    assert failure(lambda: insert(server, transport, body)).kind is Kind.UNKNOWN


def test_sign_up_at_mymailmarket_is_read_through_noise(server: Scripted) -> None:
    yes = json.dumps({"Result": "OK", "ResultID": "0616074266333", "ErrorMessage": ""})
    client = mymailmarket.connect(server, mymailmarket.LOGIN, answer((NOTICE + yes).encode()))
    client.sign_up(mymailmarket.NEWS, [mymailmarket.PERSON], budget=5)
    assert mymailmarket.paths(server)[0] == "login"
