"""A person at the dashboard of a product in this process: logs in, reads pages, presses buttons."""

from __future__ import annotations

import re
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from chalicelib.config.model import Api
from chalicelib.config.secrets import Secret
from tests.support.http import Answer, request
from tests.support.product import Product, settings

ADMIN_KEY = "placeholder-admin-key-of-32-chars"


def with_admin_key(product: Product, **changes: Any) -> Product:
    """The product with an admin key, as another instance over the same state."""
    api = Api(Secret.plain(ADMIN_KEY), "https://relais.example.com")
    product.settings = settings(api=api, **changes)
    product.restart()
    return product


class Person:
    """Keeps the session's cookie, and the token of the last page for the next form."""

    def __init__(self, product: Product, language: str = "en") -> None:
        self._product = product
        self._language = language
        self.cookie = ""
        self.csrf = ""

    def log_in(self) -> Answer:
        return self.post("/dashboard/login", key=ADMIN_KEY)

    def get(self, path: str, **headers: str) -> Answer:
        answer = self._ask("GET", path, **headers)
        found = re.search(r'name="csrf" value="(\w+)"', answer.body)
        self.csrf = found[1] if found else self.csrf
        return answer

    def post(self, path: str, **fields: str) -> Answer:
        return self._ask("POST", path, urlencode({"csrf": self.csrf, **fields}))

    def follow(self, answer: Answer) -> Answer:
        """The page that an answer sends the browser to."""
        assert answer.status == 303, answer.body
        return self.get(answer.headers["location"].removeprefix("/api"))

    def _ask(self, method: str, path: str, body: str | None = None, **more: str) -> Answer:
        headers = {
            "Accept": "text/html",
            "Accept-Language": self._language,
            "Content-Type": "application/x-www-form-urlencoded",
            **({"Cookie": self.cookie} if self.cookie else {}),
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        answer = request(self._product.container, method, path, headers, body)
        if "relais_session" in answer.headers.get("set-cookie", ""):
            self.cookie = f"relais_session={SimpleCookie(answer.headers['set-cookie'])['relais_session'].value}"
        return answer


def words(answer: Answer) -> str:
    """The text of a page as a reader sees it, in one line."""
    text = re.sub(r"<(style|title|script)\b.*?</\1>", " ", answer.body, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).replace("\u00a0", " ").replace("\u202f", " ").split())
