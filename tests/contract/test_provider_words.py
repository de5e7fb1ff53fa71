"""What a provider says is kept as a short clean excerpt, without secrets and addresses in any encoding (hostile 12)."""

from __future__ import annotations

import base64
import html
import json
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.secret_masking import without_secrets
from chalicelib.providers.transport.session import Transport
from tests.contract import mymailmarket
from tests.contract.mailpartner import account as mailpartner_account, connect
from tests.contract.provider_kits import EDIWARE
from tests.contract.scripted import Scripted, answer

pytestmark = pytest.mark.no_cover
KEY = "Placeholder-Key/é+7f3a"
RAW = KEY.encode()


def entities(text: str, form: str = "&#{};") -> str:
    return "".join(form.format(ord(letter)) for letter in text)


ECHOES = {
    "as it is": KEY,
    "upper case": KEY.upper(),
    "lower case": KEY.lower(),
    "mixed case": KEY.swapcase(),
    "base64": base64.b64encode(RAW).decode(),
    "base64 without padding": base64.b64encode(RAW).decode().rstrip("="),
    "base64 for URLs": base64.urlsafe_b64encode(RAW).decode(),
    "basic credentials": base64.b64encode(b"user:" + RAW).decode(),
    "base64 of JSON": base64.b64encode(json.dumps({"api_key": KEY}, ensure_ascii=False).encode()).decode(),
    "hex": RAW.hex(),
    "hex in capitals": RAW.hex().upper(),
    "URL-encoded": quote(KEY, safe=""),
    "URL-encoded, as a form": quote_plus(KEY),
    "URL-encoded twice": quote(quote(KEY, safe=""), safe=""),
    "every byte URL-encoded": "".join(f"%{byte:02x}" for byte in RAW),
    "JSON": json.dumps(KEY),
    "JSON as PHP writes it": json.dumps(KEY).replace("/", "\\/"),
    "the same in JSON": json.dumps(json.dumps(KEY).replace("/", "\\/")),
    "JSON in JSON": json.dumps(json.dumps(KEY)),
    "HTML": html.escape(KEY),
    "HTML entities": entities(KEY),
    "HTML entities in hex": entities(KEY, "&#x{:x};"),
    "escapes of bytes": "".join(f"\\x{byte:02x}" for byte in KEY.encode("latin-1")),
    "escapes of Unicode": "".join(f"\\u{ord(letter):04x}" for letter in KEY),
    "with invisible characters": "\u200b".join(KEY),
    "with control characters": "\x00".join(KEY),
}
ADDRESSES = {
    "as it is": "zoe.person@example.com",
    "commat": "zoe.person&commat;example.com",
    "at in brackets": "zoe.person(at)example.com",
    "at in brackets with spaces": "zoe.person (at) example.com",
    "at in square brackets": "zoe.person [AT] example [dot] com",
    "spaces": "zoe.person @ example.com",
    "one space": "zoe.person @example.com",
    "hex escape": "zoe.person\\x40example.com",
    "Unicode escape": "zoe.person\\u0040example.com",
    "entity": "zoe.person&#64;example.com",
    "entity in hex": "zoe.person&#x00040;example.com",
    "entity of an entity": "zoe.person&amp;#64;example.com",
    "URL-encoded": "zoe.person%40example.com",
    "URL-encoded twice": "zoe.person%2540example.com",
    "full width": "zoe.person\uff20example.com",
    "small": "zoe.person\ufe6bexample.com",
    "invisible characters": "zoe.person\u200b@\u2060example.com",
    "all entities": entities("zoe.person@example.com"),
}


def failure(ask: Callable[[], Any]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


def said(message: str, server: Scripted, transport: Transport) -> str:
    """What Relais keeps of this message of Ediware's."""
    server.script = [answer({"error": "1", "message": f"Error wrong value {message} given"})]
    client = EDIWARE.connect(server.url, transport, {"api_key": KEY})
    return failure(lambda: client.call(*EDIWARE.change, budget=5)).message


@pytest.mark.parametrize("case", ECHOES)
def test_hostile_12_no_encoding_of_a_secret_is_kept(case: str, server: Scripted, transport: Transport) -> None:
    shown = said(ECHOES[case], server, transport)
    assert shown.startswith("list_insert: Error wrong value ") and "***" in shown
    for trace in (ECHOES[case], KEY, "laceholder", base64.b64encode(RAW).decode()[4:12], RAW.hex()[4:12]):
        assert trace.lower() not in shown.lower()


@pytest.mark.parametrize("case", ADDRESSES)
def test_hostile_12_no_spelling_of_an_address_is_kept(case: str, server: Scripted, transport: Transport) -> None:
    shown = said(ADDRESSES[case], server, transport)
    assert shown.startswith("list_insert: Error wrong value") and shown.endswith(" given")
    for part in ("zoe", "person", "example"):
        assert part not in shown.lower()


@pytest.mark.parametrize(
    "odd", ["\x00", "\x1b[31m", "\u202e", "\u2066", "\x7f", "\x9b", "\u2028", "\\ud800", "&#x202e;", "%1b", "\\x1b"]
)
def test_hostile_12_control_characters_are_left_out(odd: str, server: Scripted, transport: Transport) -> None:
    shown = said(f"pre{odd}nom\r\nsecond line", server, transport)
    assert all(unicodedata.category(letter)[0] != "C" and letter.isprintable() for letter in shown)
    assert "nom second line given" in shown


def test_hostile_12_what_is_said_is_short(server: Scripted, transport: Transport) -> None:
    shown = said("x " * 100_000, server, transport)
    assert len(shown) <= 300 and shown.endswith("…")


def test_hostile_12_the_code_is_clean_too(server: Scripted, transport: Transport) -> None:
    server.script = [answer({"error": f"E1\x1b {KEY.upper()} zoe.person(at)example.com", "message": "Error email"})]
    client = EDIWARE.connect(server.url, transport, {"api_key": KEY})
    code = failure(lambda: client.call(*EDIWARE.change, budget=5)).provider_code or ""
    assert code.isprintable() and "PLACEHOLDER" not in code and "zoe" not in code


def test_hostile_12_holds_for_the_other_providers(server: Scripted) -> None:
    message = f"\x1bwrong {base64.b64encode(RAW).decode()} of zoe.person (at) example.com"
    server.otherwise = answer({"success": False, "code": 9, "message": message})
    client = connect(mailpartner_account(server.url, key=KEY))
    shown = [failure(lambda: client.call("unsubscribe_add", {"email": "a@example.com"}, budget=5)).message]
    echo = base64.b64encode(mymailmarket.SECRETS["api_key"].encode()).decode()
    theirs = mymailmarket.connect(server, mymailmarket.LOGIN, mymailmarket.nok(message + echo))
    server.otherwise = mymailmarket.nok(message + echo)
    shown.append(failure(lambda: theirs.sign_up(mymailmarket.NEWS, [mymailmarket.PERSON], budget=5)).message)
    for text in shown:
        assert text.isprintable() and "wrong" in text
        assert "zoe" not in text and echo not in text
    assert base64.b64encode(RAW).decode() not in shown[0]


@pytest.mark.parametrize(
    "plain",
    [
        "Error email invalid",
        "100 % of 12 rows refused (5 @ once)",
        "prix: 12 € & 3 %",
        "l'adresse n'est pas valide",
    ],
)
def test_ordinary_words_stay(plain: str) -> None:
    assert without_secrets(plain, KEY) == plain
    assert ProviderError(Kind.CONTACT, plain).message == plain
