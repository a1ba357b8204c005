"""The documentation as a site: it builds without a warning, every link in it leads somewhere, and it loads nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Attributes by which a browser fetches what it is not asked to open.
FETCHED = {"src", "srcset", "poster", "data"}


@dataclass
class Links(HTMLParser):
    """What a page refers to.

    targets: addresses a reader may follow; fetched: those the browser loads with the page; names: the page's anchors
    """

    targets: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    without_text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: text or "" for name, text in attrs}
        self.names |= {given["id"]} if "id" in given else set()
        self.fetched += [text for name, text in given.items() if name in FETCHED]
        if "href" in given:
            (self.fetched if tag == "link" else self.targets).append(given["href"])
        if tag == "img" and not given.get("alt"):
            self.without_text.append(given.get("src", tag))


def links_of(page: Path) -> Links:
    """The links of the HTML file `page`."""
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, by the command of `make docs`."""
    built = tmp_path_factory.mktemp("site")
    (line,) = re.findall(r"-m (sphinx .*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    command = [sys.executable, "-m", *line.split()]
    assert command[-2:] == ["docs", "build/docs"]
    command[-1] = str(built)
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return built


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    """Every page of the site and what it refers to."""
    return {page: links_of(page) for page in sorted(site.rglob("*.html"))}


def test_every_page_is_in_the_site_and_in_its_menu(site: Path, pages: dict[Path, Links]) -> None:
    written = {page.stem for page in DOCS.glob("*.md")}
    assert {page.stem for page in pages} - {"search", "genindex"} == written
    menu = {Path(target.split("#")[0]).stem for target in pages[site / "index.html"].targets}
    assert written - {"index"} <= menu


def test_every_local_link_leads_to_a_file_and_a_place_in_it(pages: dict[Path, Links]) -> None:
    followed, broken = 0, []
    for page, links in pages.items():
        for address in links.targets + links.fetched:
            parts = urlsplit(address)
            if parts.scheme:
                continue
            followed += 1
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchors = pages[file].names if file in pages else set()
            if not file.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                broken.append(f"{page.name}: {address}")
    assert broken == []
    assert followed > 100


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Links]) -> None:
    fetched = {address for links in pages.values() for address in links.fetched}
    assert any(address.startswith("_static/") for address in fetched)
    assert [address for address in fetched if urlsplit(address).scheme or address.startswith("//")] == []
    for style in site.rglob("*.css"):
        loads = re.findall(r"(?:@import|url\()\s*['\"]?([^'\")\s]+)", style.read_text(encoding="utf-8"))
        assert [load for load in loads if re.match(r"https?:|//", load)] == [], style.name


def test_every_picture_has_a_text(pages: dict[Path, Links]) -> None:
    assert [(page.name, links.without_text) for page, links in pages.items() if links.without_text] == []
