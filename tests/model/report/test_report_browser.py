"""The report in Chromium: it opens offline without a word on the console, and its controls change what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from model.__main__ import main
from tests.browser import browser, watched_page
from tests.model.report.report_runs import write_report_tree
from tests.model.report.report_text import ReportText


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


@pytest.fixture
def page(chromium: Browser, report: Path) -> Iterator[Page]:
    """The report, opened; afterwards nothing may have been said or asked for."""
    with watched_page(chromium) as watched:
        watched.page.goto(report.as_uri())
        yield watched.page
        assert watched.errors == []
        assert watched.requests == [report.as_uri()]


def colour(page: Page, selector: str, name: str = "background-color") -> str:
    """A computed colour."""
    found: str = page.eval_on_selector(selector, f"one => getComputedStyle(one).getPropertyValue('{name}')")
    return found


def test_it_opens_offline_and_every_chart_is_drawn(page: Page, report: Path) -> None:
    places = page.locator("[data-figure]:visible")
    assert places.count() == 7 + 2 + 6 + 2  # losses and rate, CMC, parts of one clip, quality of one split
    for number in range(places.count()):
        places.nth(number).scroll_into_view_if_needed()
        places.nth(number).locator(".main-svg").first.wait_for()
    assert len(ReportText(report).figures) == 7 + 2 + 4 * 6 + 2 * 2


def test_the_worst_query_can_be_selected(page: Page) -> None:
    shown = page.locator("#rankings article:visible")
    assert shown.count() == 1
    best = shown.locator("p").first.inner_text()
    page.get_by_label("queries", exact=True).select_option(label="visible → infrared, worst")
    assert shown.count() == 1
    assert "visible" in shown.locator("h3").inner_text()
    worst = shown.locator("p").first.inner_text()
    assert shown.locator("li.wrong:visible").count() > 0
    page.locator("#rankings select:visible").nth(1).select_option(index=1)
    second = shown.locator("p").first.inner_text()
    assert len({best, worst, second}) == 3
    previous = page.locator("#rankings button[data-step='-1']:visible").nth(1)
    previous.click()
    assert shown.locator("p").first.inner_text() == worst
    assert previous.is_disabled()


def test_the_heat_controls_change_the_layers(page: Page) -> None:
    clips = page.locator("#heat .heat:visible")
    assert clips.count() == 1
    assert clips.locator("h3").all_inner_texts()[0].startswith("baseline cosine")
    first = clips.locator("img").first.get_attribute("src")
    page.get_by_label("clip", exact=True).first.select_option(index=3)
    assert clips.count() == 1
    assert clips.locator("img").first.get_attribute("src") != first
    assert clips.locator("svg:visible").count() == 2 * 3
    page.get_by_role("checkbox", name="skeleton").uncheck()
    assert clips.locator("svg:visible").count() == 0
    page.get_by_label("heat", exact=True).fill("0")
    assert colour(page, "#heat .warmth", "opacity") == "0"
    page.get_by_label("heat", exact=True).fill("100")
    assert colour(page, "#heat .warmth", "opacity") == "1"


def test_the_theme_changes_page_and_charts(page: Page) -> None:
    chart = page.locator("#cmc-infrared_to_visible")
    chart.scroll_into_view_if_needed()
    line = chart.locator(".scatterlayer path.js-line").first
    line.wait_for()
    light = colour(page, "body"), line.evaluate("one => getComputedStyle(one).stroke")
    toggle = page.get_by_role("button", name="Dark")
    assert toggle.get_attribute("aria-pressed") == "false"
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    dark = colour(page, "body"), line.evaluate("one => getComputedStyle(one).stroke")
    assert light[0] == "rgb(255, 255, 255)"
    assert light[0] != dark[0] and light[1] != dark[1]
    toggle.click()
    assert colour(page, "body") == light[0]


def test_charts_that_were_hidden_take_the_theme_and_the_width_of_the_page(page: Page) -> None:
    first = page.locator("#quality-train-median")
    first.scroll_into_view_if_needed()
    label = first.locator(".ytick text").first
    label.wait_for()
    page.get_by_label("split", exact=True).select_option(label="test split")
    assert not first.is_visible()
    page.get_by_role("button", name="Dark").click()
    page.set_viewport_size({"width": 500, "height": 800})
    page.get_by_label("split", exact=True).select_option(label="train split")
    first.scroll_into_view_if_needed()
    expect(label).to_have_css("fill", "rgb(231, 237, 242)")
    widths = "one => [one.clientWidth, one.querySelector('.main-svg').clientWidth]"
    assert len(set(first.evaluate(widths))) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 500


def test_paper_is_light_and_has_every_chart_of_what_is_chosen(page: Page) -> None:
    page.get_by_role("button", name="Dark").click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert colour(page, "body") == "rgb(255, 255, 255)"
    for place in page.locator("[data-figure]:visible").all():
        place.locator(".main-svg").first.wait_for()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert colour(page, "body") == "rgb(17, 23, 29)"


def test_the_system_may_ask_for_dark(chromium: Browser, report: Path) -> None:
    with watched_page(chromium, dark=True) as watched:
        watched.page.goto(report.as_uri())
        assert colour(watched.page, "body") == "rgb(17, 23, 29)"
        watched.page.get_by_role("button", name="Dark").click()
        assert colour(watched.page, "body") == "rgb(255, 255, 255)"


def test_a_phone_scrolls_down_only(chromium: Browser, report: Path) -> None:
    with watched_page(chromium, width=390, height=844) as watched:
        page = watched.page
        page.goto(report.as_uri())
        for details in page.locator("details").all():
            details.evaluate("one => { one.open = true; }")
        page.locator("#skeletons").scroll_into_view_if_needed()
        page.locator("#skeletons .main-svg").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.evaluate("scrollTo(500, scrollY)")
        assert page.evaluate("scrollX") == 0
        assert watched.errors == []


def test_the_keyboard_reaches_every_control_and_shows_where_it_is(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    wanted = page.evaluate(
        "[...document.querySelectorAll('main a, main button:not(:disabled), main select, main input, main summary,"
        ' main [tabindex="0"]\')].filter(one => one.checkVisibility()).length'
    )
    reached = 0
    for _ in range(wanted):
        page.keyboard.press("Tab")
        inside, outline = page.evaluate(
            "[document.activeElement.closest('main') !== null, getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached += inside
        assert outline != "none"
    assert reached == wanted > 30


def test_the_keyboard_changes_the_query(page: Page) -> None:
    page.get_by_label("queries", exact=True).focus()
    before = page.locator("#rankings article:visible h3").inner_text()
    page.keyboard.press("End")
    assert page.locator("#rankings article:visible h3").inner_text() != before


def test_every_image_has_a_text_and_every_chart_a_sentence_and_a_table(page: Page, report: Path) -> None:
    text = ReportText(report)
    images = text.body.find_all("img")
    assert len(images) > 100
    for image in images:
        assert image["alt"].strip()
        assert image["src"].startswith(("data:image/jpeg;base64,", "data:image/png;base64,"))
    for figure in text.body.find_all("figure", class_="chart"):
        assert len(figure.find(class_="plot")["aria-label"]) > 20
        assert figure.find("table").find("td")
    assert page.evaluate("[...document.images].filter(one => one.complete && !one.naturalWidth).length") == 0
    ids = [one["id"] for one in text.body.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert all(text.body.find(id=link["href"][1:]) for link in text.body.find_all("a"))


def test_a_chart_is_saved_as_a_picture(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile(r"Save as SVG\s+of CMC, infrared → visible")).click()
    assert download.value.suggested_filename == "cmc-infrared_to_visible.svg"
    assert "<svg" in download.value.path().read_text(encoding="utf-8")
