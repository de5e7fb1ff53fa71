"""docs/first-form.md as a newcomer follows it: the sample with the guide's form, posted by the guide's page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from local.configuration import read_configuration
from local.sandbox import SAMPLE_FILE
from local.toml_writer import write_toml
from tests.e2e.world import Ediware
from tests.support.stack import ROOT, SharedStack

GUIDE = (ROOT / "docs" / "first-form.md").read_text(encoding="utf-8")
SECTIONS = r"^\[forms\.footer\]$.*?(?=^\[forms\.nieuwsbrief\]$)"


def block(language: str) -> str:
    """The guide's first block in a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    return str(found[0])


def test_the_guides_form_and_page_work_together(shared_stack: SharedStack, tmp_path: Path) -> None:
    sample = SAMPLE_FILE.read_text(encoding="utf-8")
    assert "from the line `[forms.footer]` to the line before\n`[forms.nieuwsbrief]`" in GUIDE, "what SECTIONS replaces"
    mine, replaced = re.subn(SECTIONS, f"{block('toml')}\n", sample, flags=re.DOTALL | re.MULTILINE)
    assert replaced == 1
    path = tmp_path / "my.toml"
    path.write_text(mine, encoding="utf-8")
    configured = read_configuration(path).at_sandbox(shared_stack.sandbox, shared_stack.http)
    configured.check({})
    stack = shared_stack.reset(write_toml(configured.document.values))

    page = block("html")
    [action] = re.findall(r'<form method="post" action="http://127\.0\.0\.1:8000(/[^"]+)">', page)
    typed = {"courriel": "zoe@example.com", "prenom": "Zoé", "postcode": "1000", "website": ""}
    assert re.findall(r'<input [^>]*name="(\w+)"', page) == list(typed)
    [origin] = tomllib.loads(block("toml"))["forms"]["club"]["origins"]
    assert f"open {origin} in a browser" in GUIDE
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
    assert stack.request("POST", action, urlencode(typed), headers).status == 202

    def row() -> Any:
        rows = Ediware(stack.sandbox).account()["lists"]["4782"]["rows"]
        return [one for one in rows if one["EMAIL"] == "zoe@example.com"]

    assert stack.until(row) == [{"EMAIL": "zoe@example.com", "PRENOM": "Zoé", "NOM": "", "CODE_POSTAL": "1000"}]
    shared_stack.idle()
