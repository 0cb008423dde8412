"""Takes the screenshots of the page for the documentation.

``python -m tests.integration.rollout_screenshots`` writes them to ``docs/images``.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path
from shutil import which

from countermark.rollout import DAY, Meter, as_html
from tests.integration.browser import Browser
from tests.integration.servers import ROOT
from tests.rollout.verdicts import NOON, Clock, unverified, verified

#: For each day, the verified requests with the current and with the previous key, and others.
_DAYS = [
    (310, 2_150, 640), (520, 1_980, 505), (980, 1_660, 372), (1_240, 1_205, 190),
    (1_530, 930, 96), (2_010, 610, 41), (2_420, 260, 12), (1_690, 38, 4),
]  # fmt: skip
_ORIGINS = ("https://app.example", "https://app.example", "https://shop.example")
_CODES = ("missing", "missing", "missing", "expired", "missing", "mismatch", "missing")


def sample() -> Meter:
    """Return a meter with a week of a rollout."""
    clock = Clock()
    meter = Meter(clock=clock)
    for index, (current, previous, others) in enumerate(_DAYS):
        clock.now = NOON - (len(_DAYS) - 1 - index) * DAY
        for number in range(current + previous):
            role = "current" if number < current else "previous"
            origin = _ORIGINS[number % len(_ORIGINS)]
            meter(verified(f"user-{number % 413}", role=role, origin=origin))
        for number in range(others):
            known = f"user-{number % 421}" if number % 4 == 0 else None
            page = _ORIGINS[0] if number % 9 == 0 else None
            meter(unverified(known, code=_CODES[number % len(_CODES)], origin=page))
    return meter


def main() -> None:
    """Write the screenshots."""
    chromium, chromedriver = which("chromium"), which("chromedriver")
    if chromium is None or chromedriver is None:
        sys.exit("install chromium and chromium-driver")
    images = ROOT / "docs/images"
    images.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(as_html(sample().snapshot(), refresh=10), encoding="utf-8")
        browser = Browser((chromium, chromedriver), Path(folder, "profile"), keeps_pages=False)
        for scheme in ("light", "dark"):
            (images / f"rollout-{scheme}.webp").write_bytes(_shot(browser, page.as_uri(), scheme))
        browser.quit()


def _shot(browser: Browser, url: str, scheme: str) -> bytes:
    command = browser.driver.execute_cdp_cmd
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    command("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": 1_000, "height": 1_280, "deviceScaleFactor": 1, "mobile": True}
    command("Emulation.setDeviceMetricsOverride", size)
    browser.driver.get(url)
    taken = command("Page.captureScreenshot", {"format": "webp", "quality": 85})
    return base64.b64decode(taken["data"])


if __name__ == "__main__":
    main()
