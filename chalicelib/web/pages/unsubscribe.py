"""Renders the unsubscribe pages in the visitor's language: no script, no loaded files, usable without styles."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from string import Template

from ...domain.addresses import masked
from ..http_messages import Request, Response
from .unsubscribe_texts import DEFAULT, TEXTS, Page, Texts

_STYLE = """
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --text: #1b1f24; --action: #1a56c4; --label: #fff }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --card: #1f2429; --text: #eceff2; --action: #9cc1ff; --label: #0d1a30 }
}
* { box-sizing: border-box }
body { margin: 0; padding: 1rem; background: var(--page); color: var(--text); font: 1.125rem/1.6 system-ui, sans-serif }
main { max-width: 34rem; margin: 8vh auto 0; padding: clamp(1.25rem, 6vw, 2.5rem); border-radius: .75rem;
  background: var(--card) }
h1 { margin: 0; font-size: 1.6em; line-height: 1.25 }
p { margin: 1rem 0 0 }
h1, p, button { overflow-wrap: anywhere }
form { margin: 1.75rem 0 0 }
button { min-height: 3rem; padding: .5rem 1.5rem; border: 2px solid transparent; border-radius: .5rem;
  background: var(--action); color: var(--label); font: inherit; font-weight: 600; cursor: pointer }
button:hover { text-decoration: underline }
button:focus-visible { outline: 3px solid var(--action); outline-offset: 3px }
"""

# Accept-Language (RFC 9110 §12.5.4)
_QUALITY = r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?"
_RANGE = re.compile(rf"\s*([a-z]{{1,8}}|\*)(?:-[a-z0-9-]*)?\s*(?:;\s*q\s*=\s*({_QUALITY})\s*)?", re.IGNORECASE)

_HTML = Template("""\
<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
$paragraphs$form</main>
</body>
</html>
""")

# Only this style sheet is allowed, by its digest: an escaping error could not add another.
_STYLE_DIGEST = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "vary": "Accept, Accept-Language",
}


def ask(request: Request, address: str) -> Response:
    """Return the page with the button."""
    language, texts = _texts(request)
    return _response(200, language, texts.ask, address)


def done(request: Request, address: str) -> Response:
    """Return the page that confirms the unsubscribe, after it is stored."""
    language, texts = _texts(request)
    return _response(200, language, texts.done, address)


def unknown(request: Request) -> Response:
    """Return the page for a link that is not genuine; it does not say why."""
    language, texts = _texts(request)
    return _response(404, language, texts.unknown)


def later(request: Request) -> Response:
    """Return the page for a temporary failure, with a button to repeat the request."""
    language, texts = _texts(request)
    return _response(503, language, texts.later, method="post" if request.method == "POST" else "get")


def _texts(request: Request) -> tuple[str, Texts]:
    language = preferred(request.headers.get("accept-language", ""), tuple(TEXTS), DEFAULT)
    return language, TEXTS[language]


def preferred(header: str, offered: Sequence[str], default: str) -> str:
    """Return the language of `offered` (primary subtags such as "fr") that the header prefers, else `default`.

    A range counts by its primary subtag (`nl-BE` is `nl`); of equal ranges the first wins; `*` stands for all languages
    not named. Malformed ranges are ignored.
    """
    wanted = _wanted(header)
    rest = wanted.get("*", (0.0, 0))
    ranked = [(*wanted.get(language, rest), language) for language in offered]
    quality, _, best = max(ranked, key=lambda each: (each[0], -each[1]))
    return best if quality > 0 else default


def _wanted(header: str) -> dict[str, tuple[float, int]]:
    """Return quality and position of each primary subtag, from the best of its ranges."""
    found: dict[str, tuple[float, int]] = {}
    for place, text in enumerate(header.split(",")):
        match = _RANGE.fullmatch(text)
        if match is None:
            continue
        language, quality = match[1].lower(), float(match[2] or 1)
        if language not in found or quality > found[language][0]:
            found[language] = (quality, place)
    return found


def _response(status: int, language: str, page: Page, address: str = "", method: str = "post") -> Response:
    # Isolated left-to-right text: right-to-left letters stay on their side of the @.
    shown = f'<strong><bdi dir="ltr">{escape(masked(address))}</bdi></strong>' if address else ""
    paragraphs = "".join(f"<p>{escape(text).format(address=shown)}</p>\n" for text in page.paragraphs)
    form = f'<form method="{method}"><button>{escape(page.button)}</button></form>\n' if page.button else ""
    body = _HTML.substitute(language=language, title=escape(page.title), style=_STYLE, paragraphs=paragraphs, form=form)
    return Response(status, body, {**_HEADERS, "content-language": language})
