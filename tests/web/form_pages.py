"""What tests of a form's pages share: a browser, what it would send from a page, settings."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from chalicelib.config.model import Form, Organisation, Settings
from tests.web.surroundings import Answer, World, ask, gateway_event, make_app, make_settings

ORGANISATION = Organisation("Les Amis & Cie", "https://amis.example.com/", "https://amis.example.com/vie-privee")
SITE = "https://shop.example.com"
BROWSER = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Content-Type": "application/x-www-form-urlencoded",
    "Origin": SITE,
    "Referer": f"{SITE}/",
}
BROWSER_HEADERS = {name.lower(): value for name, value in BROWSER.items()}
Fields = list[tuple[str, str]]


class Page(HTMLParser):
    """What a browser would send from a page's form, its links, and its text."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.body
        self.sent: dict[str, list[str]] = {}
        self.shown: list[str] = []
        self.forms: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.buttons = 0
        self._area: str | None = None
        self.text = ""
        self.feed(answer.body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not [name for name in given if name == "style" or name.startswith("on")]
        assert tag not in ("script", "img", "link", "iframe")
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "form":
            self.forms.append(given)
        elif tag == "a":
            self.links.append(str(given["href"]))
        elif tag == "button":
            self.buttons += 1
        elif tag in ("input", "textarea"):
            name = str(given["name"])
            self._area = name if tag == "textarea" else None
            self.sent.setdefault(name, []).append(str(given.get("value") or ""))
            if given.get("type") != "hidden":
                self.shown.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is None:
            self.text += data
        else:  # a browser drops one line break after the start tag
            self.sent[self._area][-1] += data.removeprefix("\n") if not self.sent[self._area][-1] else data


def settings_with(**form: Any) -> Settings:
    settings = make_settings()
    made: dict[str, Form] = {**settings.forms, "footer": replace(settings.forms["footer"], **form)}
    return replace(settings, organisation=ORGANISATION, forms=made)


def browse(
    world: World, settings: Settings, path: str, fields: Fields | None, method: str = "POST", **headers: str
) -> Answer:
    body = None if fields is None else urlencode(fields)
    answer = ask(make_app(world, settings), gateway_event(method, path, {**BROWSER, **headers}, body))
    assert answer.headers["cache-control"] == "no-store"
    if answer.body:
        assert "Les Amis &amp; Cie</a>" in answer.body and 'href="https://amis.example.com/vie-privee"' in answer.body
        assert answer.body.count("<h1>") == 1
        assert answer.headers["referrer-policy"] == "same-origin", "a form on it has to state its origin"
    return answer


def heading(answer: Answer) -> str:
    [found] = re.findall("<h1>(.*)</h1>", answer.body)
    return str(found)
