from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import chromium
from tests.browser.chromium import Browser


@pytest.fixture(scope="session")
def running_browser() -> Iterator[Browser]:
    with chromium.started() as running:
        yield running


@pytest.fixture
def browser(running_browser: Browser) -> Browser:
    """The one browser of all tests, without the cookies of the last."""
    running_browser.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return running_browser
