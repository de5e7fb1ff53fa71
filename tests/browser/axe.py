"""Accessibility of a page in Chromium by axe-core, which npm installs: it is not part of this repository."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from local.npm import NotInstalled, installed
from tests.browser.chromium import Browser
from tests.support.required_tools import missing

VERSION = "4.14.1"
HOME = Path(__file__).resolve().parents[2] / ".local" / "axe-core"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""WCAG 2.2 AA, and what axe advises beyond it."""
_RUN = """
const [tags, done] = arguments;
axe.run(document, {runOnly: {type: "tag", values: tags}}).then((found) => done(found), (error) => done(String(error)));
"""


def axe(browser: Browser) -> list[str]:
    """What axe-core objects to on the page that is shown: the rule and the elements, one text each.

    Without axe-core the running test ends, as without any other tool. Scripts have to be enabled.
    """
    browser.driver.execute_script(_source())
    found: Any = browser.driver.execute_async_script(_RUN, list(TAGS))
    assert isinstance(found, dict), found
    assert found["passes"], "axe looked at the page"
    return [
        f"{rule['id']} ({rule['impact']}), {rule['help']}: {[node['target'][0] for node in rule['nodes']]}"
        for rule in found["violations"]
    ]


@cache
def _source() -> str:
    try:
        return (installed("axe-core", VERSION, HOME) / "axe.min.js").read_text(encoding="utf-8")
    except NotInstalled as reason:
        missing(f"a test of accessibility needs axe-core: {reason}")
