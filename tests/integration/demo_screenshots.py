"""Takes the screenshots of the demo for the README.

``python -m tests.integration.demo_screenshots`` writes them to ``docs/images``.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path
from shutil import which

from tests.integration.browser import Browser
from tests.integration.demo_site import Page, running_site
from tests.integration.servers import ROOT

_SCHEME, _USER = "stigg", "Ben Okafor"


def main() -> None:
    """Write the screenshots."""
    chromium, chromedriver = which("chromium"), which("chromedriver")
    if chromium is None or chromedriver is None:
        sys.exit("install chromium and chromium-driver")
    with tempfile.TemporaryDirectory() as folder, running_site() as site:
        browser = Browser((chromium, chromedriver), Path(folder, "profile"), keeps_pages=False)
        page = Page(browser, site)
        for colours in ("light", "dark"):
            taken = _shot(page, colours)
            (ROOT / f"docs/images/demo-{colours}.png").write_bytes(taken)
        browser.quit()


def _shot(page: Page, colours: str) -> bytes:
    command = page.driver.execute_cdp_cmd
    features = [{"name": "prefers-color-scheme", "value": colours}]
    command("Emulation.setEmulatedMedia", {"features": features})
    command("Emulation.setScrollbarsHidden", {"hidden": True})
    size = {"width": 1_000, "height": 1_000, "deviceScaleFactor": 1, "mobile": True}
    command("Emulation.setDeviceMetricsOverride", size)
    page.open(_SCHEME, _USER)
    end = "return document.querySelector('.pair').getBoundingClientRect().bottom + 14"
    size["height"] = int(page.driver.execute_script(end))
    command("Emulation.setDeviceMetricsOverride", size)
    return base64.b64decode(command("Page.captureScreenshot", {"format": "png"})["data"])


if __name__ == "__main__":
    main()
