"""`make screenshots`: pictures of the dashboard into docs/pictures/: the sample world with an account in trouble."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from local.sandbox import SAMPLE_ADMIN_KEY
from tests.browser import chromium
from tests.browser.chromium import Browser
from tests.browser.sample_world import cause_trouble, log_in
from tests.browser.small_png import small_png
from tests.support.stack import ROOT, RunningStack, starting_stacks

PICTURES = ROOT / "docs" / "pictures"
SIZES = {1280: 1500, 390: 1400}
"""Widths, and the greatest height of a picture of each."""
MOST_BYTES = 60_000


def main() -> int:
    """Take every picture in both themes; returns 1 if one is too large to be committed."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, starting_stacks(Path(folder)) as start, chromium.started() as browser:
        stack = start()
        cause_trouble(stack)
        browser.speak("en")
        log_in(browser, stack.http)
        taken = [picture for name, path in _pages(stack).items() for picture in _pictures(browser, stack, name, path)]
    large = [picture.name for picture in taken if picture.stat().st_size > MOST_BYTES]
    sys.stderr.write(f"{len(taken)} pictures, {sum(picture.stat().st_size for picture in taken):,} bytes\n")
    if large:
        sys.stderr.write(f"more than {MOST_BYTES:,} bytes: {', '.join(large)}\n")
    return 1 if large else 0


def _pages(stack: RunningStack) -> dict[str, str]:
    answer = stack.request(
        "GET", "/stats/campaigns?account=paris&limit=2", headers={"authorization": f"Bearer {SAMPLE_ADMIN_KEY}"}
    )
    campaign = answer.json["campaigns"][-1]  # the newest one is only hours old
    return {
        "overview": "",
        "campaigns": "/campaigns",
        "campaign": f"/campaigns/{campaign['account']}/{campaign['campaign']}",
        "events": "/events",
        "form": "/forms/footer",
    }


def _pictures(browser: Browser, stack: RunningStack, name: str, path: str) -> list[Path]:
    taken = []
    for width, highest in SIZES.items():
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            browser.resize(width, 800)
            browser.open(f"{stack.http}/dashboard{path}")
            browser.resize(width, min(int(browser.run("document.documentElement.scrollHeight")), highest))
            picture = PICTURES / f"{name}-{width}-{scheme}.png"
            picture.write_bytes(small_png(browser))
            taken.append(picture)
    return taken


if __name__ == "__main__":
    sys.exit(main())
