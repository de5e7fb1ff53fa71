"""Renders every HTML page from its template in `templates/`, with its texts in the visitor's language.

Jinja2 escapes every value, and raises for a name that a template lacks. It is imported here alone, by the first page
that an instance makes: it costs 30 ms and 25 modules.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..http_messages import Response
from .texts import COMMON, Texts

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
VISITORS = ("base.css", "visitors.css")
"""The style sheets of visitors' pages."""
_POLICY = {"default-src": "'none'", "form-action": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'"}
_LINE_COMMENT = re.compile(r"^[ \t]*//[^\n]*\n", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StyleSheet:
    """A style sheet or a script, and its SHA-256 in base64: for a Content-Security-Policy, or as the ETag of a file."""

    text: str
    digest: str

    def __html__(self) -> str:
        """Returns the text as it stands: a template takes it for HTML, as it does its own text."""
        return self.text


def render(
    template: str,
    language: str,
    texts: Texts,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    policy: Mapping[str, str] | None = None,
    styles: tuple[str, ...] = VISITORS,
    **values: Any,
) -> Response:
    """Returns the page of a template, with `values` under their names, and `texts` as `t("name", placeholder=value)`.

    The style sheets stand in the page. Its Content-Security-Policy allows them alone, by their digest, so that an
    escaping error could add no other: no script, no file, no frame, and forms to Relais itself. `policy` replaces
    single directives, as in {"script-src": "'self'"}.
    """
    sheet = style_sheet(*styles)
    directives = {**_POLICY, "style-src": f"'sha256-{sheet.digest}'", **(policy or {})}
    body = (
        _environment()
        .get_template(template)
        .render(language=language, t=_translator(language, {**COMMON, **texts}), style=sheet, **values)
    )
    return Response(
        status,
        body,
        {
            "content-type": "text/html; charset=utf-8",
            "content-language": language,
            "content-security-policy": "; ".join(f"{name} {value}" for name, value in directives.items()),
            "vary": "Accept, Accept-Language",
            **(headers or {}),
        },
    )


@cache
def style_sheet(*names: str) -> StyleSheet:
    """Returns some style sheets of `templates/` as one, without comments."""
    text = "".join(_COMMENT.sub("", (TEMPLATES / name).read_text(encoding="utf-8")) for name in names)
    return StyleSheet(text, b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii"))


@cache
def script(name: str) -> StyleSheet:
    """Returns a script of `templates/`, without comments, for a page's own policy."""
    text = _LINE_COMMENT.sub("", (TEMPLATES / name).read_text(encoding="utf-8"))
    return StyleSheet(text, b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii"))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def code(text: str) -> Markup:
    """Returns a text marked up as code, for a placeholder of a text."""
    from markupsafe import Markup

    return Markup("<code>{}</code>").format(text)


def _translator(language: str, texts: Texts) -> Any:
    """Returns the function `t` of a template. Values are escaped, unless a template has made them HTML."""
    from markupsafe import escape as escaped

    def translate(name: str, /, **values: Any) -> Markup:
        return escaped(getattr(texts[name], language)).format(**values)

    return translate
