"""A page in headless Chromium, watched: what it logs, what it asks the network for, and what it throws."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

# Chromium itself asks nothing of the network either.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Watched:
    """A page and what happened on it.

    errors:   of the console (warnings too), and exceptions that nobody caught
    requests: addresses of all requests but data: and blob:
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def chromium_path() -> str:
    """The browser to test in: STAR_CHROMIUM, or the Chromium or Chrome on the path; AssertionError without one."""
    named = os.environ.get("STAR_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert named, "no Chromium: `make test` installs Debian's; or name one in STAR_CHROMIUM"
    return named


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium without a profile; start one for a test file, not for a test."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=list(QUIET))
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def watched_page(
    chromium: Browser,
    *,
    width: int = 1280,
    height: int = 800,
    dark: bool = False,
    allowed: str = "file:",
) -> Iterator[Watched]:
    """A fresh page of that size in pixels; requests to what does not begin with `allowed` are refused (and noted)."""
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True
    )
    page = context.new_page()
    watched = Watched(page)
    page.on("console", lambda m: watched.errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("data:", "blob:")) else watched.requests.append(request.url),
    )
    page.route(lambda address: not address.startswith((allowed, "data:", "blob:")), lambda route: route.abort())
    try:
        yield watched
    finally:
        context.close()


def note_values(page: Page, name: str) -> None:
    """From now on `data-shown` of the page's root element lists the values that the input `name` had, in order."""
    page.evaluate(
        """name => {
          const input = document.getElementById(name), shown = [];
          new MutationObserver(() => {
            if (shown.at(-1) !== input.value) shown.push(input.value);
            document.documentElement.dataset.shown = shown.join(" ");
          }).observe(input, { attributes: true });
        }""",
        name,
    )
