"""The one way to make HTML: escaping, texts in every language, the policy, and that nothing else loads Jinja2."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from jinja2 import UndefinedError

from chalicelib.domain.languages import DEFAULT_LANGUAGE, LANGUAGES
from chalicelib.web import pages
from chalicelib.web.pages import rendering
from chalicelib.web.pages.rendering import TEMPLATES, render, style_sheet
from chalicelib.web.pages.texts import Text, Texts

ROOT = Path(__file__).parents[2]
HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}{% raise %}"
TEXTS: Texts = {"title": Text(fr="Titre <{name}>", nl="Titel <{name}>", en="Title <{name}>")}


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A template of the test's own beside the product's."""
    shutil.copytree(TEMPLATES, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(rendering, "TEMPLATES", tmp_path)
    rendering._environment.cache_clear()
    yield tmp_path / "own.html"
    rendering._environment.cache_clear()


def all_texts() -> dict[str, Texts]:
    """The texts of every page, by the name of their module and of the value that holds them."""
    found: dict[str, Texts] = {}
    for module in walk_packages(pages.__path__, f"{pages.__name__}."):
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, dict) and value and all(isinstance(each, Text) for each in value.values()):
                found[f"{module.name.removeprefix(f'{pages.__name__}.')}.{name}"] = value
    return found


def test_the_texts_name_the_languages_of_the_product() -> None:
    assert tuple(field.name for field in fields(Text)) == LANGUAGES
    assert DEFAULT_LANGUAGE in LANGUAGES


def test_no_language_lacks_a_text_or_a_placeholder() -> None:
    found = all_texts()
    assert {"texts.COMMON", "unsubscribe_texts.UNSUBSCRIBE", "problem_texts.PROBLEM"} <= set(found)
    for place, texts in found.items():
        for name, text in texts.items():
            spoken = {language: getattr(text, language) for language in LANGUAGES}
            assert all(each.strip() for each in spoken.values()), (place, name)
            placeholders = [{part[1] for part in string.Formatter().parse(each)} for each in spoken.values()]
            assert placeholders.count(placeholders[0]) == len(LANGUAGES), (place, name)


def test_french_punctuation_never_begins_a_line() -> None:
    for place, texts in all_texts().items():
        for name, text in texts.items():
            assert not re.search(r"[^\u00a0\s][:;!?»](\s|$)| [:;!?»]|«[^\u00a0]", text.fr), (place, name)


def test_values_are_escaped_in_templates_and_in_texts(template: Path) -> None:
    template.write_text('<p title="{{ name }}">{{ t("title", name=name) }}</p>')
    page = render("own.html", "fr", TEXTS, name=HOSTILE)
    escaped = "&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}{% raise %}"
    assert page.body == f'<p title="{escaped}">Titre &lt;{escaped}&gt;</p>'


@pytest.mark.parametrize("source", ["{{ missing }}", "{% if missing %}{% endif %}", "{{ known.missing }}"])
def test_a_name_that_is_missing_is_an_error(template: Path, source: str) -> None:
    template.write_text(source)
    with pytest.raises(UndefinedError):
        render("own.html", "fr", TEXTS, known={})


def test_only_the_pages_own_style_sheet_is_allowed() -> None:
    page = render("problem.html", "nl", import_module("chalicelib.web.pages.problem_texts").PROBLEM, **OF_A_PROBLEM)
    [style] = re.findall(r"<style>(.*)</style>", page.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert page.headers["content-security-policy"] == (
        f"default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; style-src 'sha256-{digest}'"
    )
    assert style_sheet("base.css", "visitors.css").digest == digest
    assert (page.headers["content-language"], page.headers["vary"]) == ("nl", "Accept, Accept-Language")
    assert "/*" not in style and "url(" not in style and "@import" not in style
    assert len(page.body) < 8_000


def test_single_directives_of_the_policy_are_replaced() -> None:
    texts = import_module("chalicelib.web.pages.problem_texts").PROBLEM
    page = render("problem.html", "nl", texts, policy={"form-action": "'self' https://a.example"}, **OF_A_PROBLEM)
    directives = page.headers["content-security-policy"].split("; ")
    assert directives[:2] == ["default-src 'none'", "form-action 'self' https://a.example"]
    assert len(directives) == 5


def test_templates_have_no_inline_style_script_or_foreign_host() -> None:
    for source in TEMPLATES.glob("*.html"):
        text = source.read_text(encoding="utf-8").replace("<script>{{ solver }}</script>", "")  # by its digest
        assert not re.search(r"\sstyle=|\son[a-z]+=|<script|javascript:|https?://|\|\s*safe\b", text), source.name


OF_A_PROBLEM = {
    "kind": "404",
    "problem": {"detail": "d", "errors": ()},
    "request_id": "r-1",
    "advice": None,
    "organisation": None,
}
COLD = """
import sys
import app
from chalicelib.web import access, problems
from chalicelib.web.routes import events, forms, statistics, unsubscribe, webhooks
print(sorted({"jinja2", "markupsafe"} & set(sys.modules)))
from chalicelib.web.pages.problem import problem_page
from chalicelib.web.http_messages import Request
problem_page(Request("GET"), problems.not_found(), None)
print(sorted({"jinja2", "markupsafe"} & set(sys.modules)))
"""


@pytest.mark.server
def test_only_a_page_loads_jinja() -> None:
    done = subprocess.run([sys.executable, "-c", COLD], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout.splitlines(), done.stderr) == (["[]", "['jinja2', 'markupsafe']"], "")
