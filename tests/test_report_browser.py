"""The report in Chromium: it opens offline without a word on the console, and its controls change what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from model.__main__ import main
from tests.browser import Watched, browser, watched_page
from tests.report_runs import write_report_tree


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the tiny run with heat maps, made through the command line."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_report_tree()
        assert main(["report", "--config", "full.yaml", "--queries", "2", "--clips", "2"]) == 0
    return folder / "artifacts/tiny/reports/full.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


def opened(watched: Watched, report: Path) -> Watched:
    watched.page.goto(report.as_uri())
    return watched


def test_it_opens_offline_and_every_chart_is_drawn(chromium: Browser, report: Path) -> None:
    with watched_page(chromium) as watched:
        page = opened(watched, report).page
        places = page.locator("[data-figure]:visible")
        assert places.count() >= 9
        for number in range(places.count()):
            places.nth(number).scroll_into_view_if_needed()
            places.nth(number).locator(".main-svg").first.wait_for()
        assert watched.errors == []
        assert watched.requests == [report.as_uri()]
