"""The pictures of report and viewer in README.md and the documentation, from the embedded sample.

    python -m docs.screenshots        after `make demo`; `make screenshots` does both

Writes docs/images/{report,rankings,heat,viewer}.png.
"""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser import browser, watched_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

REPORT = Path("artifacts/sample/reports/full.html")
KEYPOINTS = Path("artifacts/sample/keypoints/test.h5")
IMAGES = Path("docs/images")
SIZE = {"width": 1200, "height": 820}


def main() -> None:
    """Take all pictures; exits with a sentence where the demo has not run."""
    for needed in (REPORT, KEYPOINTS):
        if not needed.is_file():
            sys.exit(f"error: {needed}: no such file; make it with `make demo`")
    IMAGES.mkdir(exist_ok=True)
    with browser() as chromium:
        take_report(chromium)
        take_viewer(chromium)


def take_report(chromium: Browser) -> None:
    """Its first screen, a ranked gallery, and the heat maps of both runs."""
    with watched_page(chromium, **SIZE) as watched:
        page = watched.page
        page.goto(REPORT.resolve().as_uri())
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / "report.png")
        for section in ("rankings", "heat"):
            take_section(page, section)
        assert watched.errors == []


def take_section(page: Page, section: str) -> None:
    """One section of the report, with its pictures loaded."""
    part = page.locator(f"#{section}")
    part.scroll_into_view_if_needed()
    # Pictures are loaded when they come near: each is decoded before the picture of the section is taken.
    part.locator("img:visible").evaluate_all("all => Promise.all(all.map(image => image.decode()))")
    part.screenshot(path=IMAGES / f"{section}.png")


def take_viewer(chromium: Browser) -> None:
    """The worst track of the test split."""
    with served() as address, watched_page(chromium, **SIZE, allowed=address) as watched:
        page = watched.page
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.keyboard.press("w")
        expect(page.get_by_role("heading", name="Track 0:")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / "viewer.png")
        assert watched.errors == []


@contextmanager
def served() -> Iterator[str]:
    """The viewer's address while it runs."""
    command = [sys.executable, "-m", "data_cache", "view", str(KEYPOINTS), "--root", "data/sample"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as viewer:
        assert viewer.stdout is not None
        try:
            yield next(found[0] for line in viewer.stdout if (found := re.search(r"http://\S+", line)))
        finally:
            viewer.terminate()


if __name__ == "__main__":
    main()
