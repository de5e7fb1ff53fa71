"""Chromium without a window, driven by Selenium, with a profile of its own that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.required_tools import need

# Chromium runs as root in CI, has no graphics, and must only connect to the server of the page.
_ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"),
)


class Browser:
    """One tab. `driver` is Selenium's."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def speak(self, languages: str) -> None:
        """Send this Accept-Language from now on."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": languages}})

    def resize(self, width: int, height: int = 800, scale: float = 1) -> None:
        """Make the page so many CSS pixels wide, at `scale` device pixels each."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        """Prefer the colour scheme "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, url: str) -> None:
        """Load a page and collect its console messages in `complaints` from now on."""
        self.driver.get_log("browser")
        self.driver.get(url)

    def complaints(self) -> list[str]:
        """Console messages so far: policy violations, missing resources, failures."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def offline(self, offline: bool) -> None:
        """Cut the network off, or restore it."""
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        """Run no script of a page."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    def press(self, *keys: str) -> None:
        """Press keys, one after another, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def all(self, selector: str) -> list[Any]:
        """The elements that a CSS selector finds."""
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def texts(self, selector: str) -> list[str]:
        """The texts of the elements that a selector finds, read at once: the browser may be about to leave the page."""
        found: list[str] = self.driver.execute_script(
            "return Array.from(document.querySelectorAll(arguments[0]), (each) => each.innerText)", selector
        )
        return found

    def roles(self) -> list[tuple[str, str]]:
        """Role and name of everything exposed to assistive technology, except plain text and ignored nodes."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        named = [
            (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]
        ]
        return [(role, name) for role, name in named if role not in ("StaticText", "InlineTextBox", "generic", "none")]

    def run(self, script: str) -> Any:
        """Result of a script in the page. The driver runs it regardless of the page's policy."""
        return self.driver.execute_script(f"return {script}")


@contextmanager
def started() -> Iterator[Browser]:
    """A browser for as long as the block lasts; ends the running test where there is none."""
    chromium, driver = need("chromium", "a test of pages"), need("chromedriver", "a test of pages")
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = chromium
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(prefix="relais-browser-", ignore_cleanup_errors=True) as profile:
        for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        running = Chrome(options, ChromeService(driver))  # the driver is named, so none is looked for or downloaded
        try:
            yield Browser(running)
        finally:
            running.quit()
