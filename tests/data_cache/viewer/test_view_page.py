"""The viewer's page in Chromium: list, player, skeleton, tabs, marks, keyboard, phone and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from data_cache.contract.reader import CacheReader, open_cache
from data_cache.contract.records import Modality, Status
from data_cache.contract.skeleton import JOINTS, LIMBS
from data_cache.contract.track_marks import mark_track, read_marks
from data_cache.inspection.sheets.skeleton_drawing import SIDE_COLOURS, limb_side
from data_cache.viewer.page_server import PageServer
from tests.browser import Watched, browser, note_values, watched_page
from tests.data_cache.viewer.viewed_files import make_split, served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_split(tmp_path_factory.mktemp("view"))


@pytest.fixture(scope="module")
def reader(files: tuple[Path, Path]) -> Iterator[CacheReader]:
    with open_cache(files[0]) as opened:
        yield opened


@pytest.fixture
def server(files: tuple[Path, Path], tmp_path: Path) -> Iterator[PageServer]:
    with served(*files, tmp_path / "marks.json") as running:
        yield running


@pytest.fixture
def watched(chromium: Browser, server: PageServer) -> Iterator[Watched]:
    """The page at a desk; afterwards nothing was logged and nobody else was asked."""
    with watched_page(chromium, width=1440, height=900, allowed=server.address) as page:
        page.page.goto(server.address)
        opened(page.page, 0)
        yield page
        assert page.errors == []
        assert all(request.startswith(server.address) for request in page.requests)


def opened(page: Page, track: int) -> None:
    expect(page.locator("#track-title")).to_contain_text(f"Track {track}:")
    expect(page.locator("#list [aria-current]")).to_have_attribute("data-track", str(track))


def listed(page: Page) -> list[int]:
    return [int(str(item.get_attribute("data-track"))) for item in page.locator("#list button").all()]


def usable_frame(reader: CacheReader, track: int) -> tuple[int, int]:
    """Place within the track and row of a frame with keypoints."""
    start, stop = int(reader.tracks.start[track]), int(reader.tracks.stop[track])
    place = int(np.flatnonzero(reader.status[start:stop] == Status.OK)[-1])
    return place, start + place


def test_the_list_filters_sorts_and_opens(watched: Watched, reader: CacheReader) -> None:
    page, tracks = watched.page, reader.tracks
    assert listed(page) == list(range(13))
    page.select_option("[name=modality]", "infrared")
    infrared = [track for track in range(13) if tracks.modality[track] == Modality.INFRARED]
    expect(page.locator("#list-count")).to_have_text(f"{len(infrared)} of 13 tracks")
    assert listed(page) == infrared
    page.select_option("[name=modality]", "")
    page.fill("[name=person]", "2")
    page.press("[name=person]", "Enter")
    second = [track for track in range(13) if tracks.person[track] == 2]
    expect(page.locator("#list-count")).to_have_text(f"{len(second)} of 13 tracks")
    page.click(f"#list [data-track='{second[-1]}']")
    opened(page, second[-1])
    page.fill("[name=person]", "99")
    page.press("[name=person]", "Enter")
    expect(page.locator("#page-place")).to_have_text("none")


def test_worst_goes_from_the_worst_track_and_frame_on(
    watched: Watched, server: PageServer, reader: CacheReader
) -> None:
    page = watched.page
    means = {}
    for track in range(13):
        start, stop = int(reader.tracks.start[track]), int(reader.tracks.stop[track])
        score = reader.read("score", start, stop).mean(axis=1, dtype=np.float64)
        means[track] = (float(np.nanmean(score)), int(np.nanargmin(score)))
    order = sorted(means, key=lambda track: means[track][0])
    for track in order[:3]:
        page.click("#worst")
        opened(page, track)
        expect(page.locator("#slider")).to_have_value(str(means[track][1]))
    assert listed(page) == order


def test_the_skeleton_lies_where_the_keypoints_are(watched: Watched, server: PageServer, reader: CacheReader) -> None:
    page, track = watched.page, 4
    place, row = usable_frame(reader, track)
    page.goto(f"{server.address}#track={track}&frame={place}")
    opened(page, track)
    expect(page.locator("#slider")).to_have_value(str(place))
    points = reader.read("keypoints", row, row + 1)[0]
    score = reader.read("score", row, row + 1)[0]
    height, width = reader.read("size", row, row + 1)[0].tolist()
    assert page.get_attribute("#skeleton", "viewBox") == f"0 0 {width} {height}"
    assert page.locator("#skeleton circle").count() == 17
    for joint, name in enumerate(JOINTS):
        dot = page.locator(f"#skeleton circle[data-joint={name}]")
        assert (float(str(dot.get_attribute("cx"))), float(str(dot.get_attribute("cy")))) == tuple(
            points[joint].tolist()
        )
        seen = score[joint] >= np.float32(0.3)
        assert ("unsure" in str(dot.get_attribute("class"))) != seen
        shown = page.locator(f"#panel-joints tr[data-joint={name}]")
        assert f"{score[joint]:.3f}" in shown.inner_text()
        assert ("unseen" in shown.inner_text()) != seen
    for number, limb in enumerate(page.locator("#skeleton .limb").all()):
        a, b = (JOINTS.index(joint) for joint in LIMBS[number])
        ends = [float(str(limb.get_attribute(name))) for name in ("x1", "y1", "x2", "y2")]
        assert ends == [*points[a].tolist(), *points[b].tolist()]
        assert limb.get_attribute("stroke") == SIDE_COLOURS[limb_side(LIMBS[number])]
        sure = min(score[a], score[b]) >= np.float32(0.3)
        assert (limb.get_attribute("stroke-dasharray") is None) == sure
    picture = page.locator("#stage img")
    expect(picture).to_have_js_property("naturalWidth", width)
    assert picture.get_attribute("alt") == f"frame {place} of track {track}"
    assert picture.bounding_box() == page.locator("#skeleton").bounding_box()
    expect(page.locator("#stage-note")).to_be_hidden()


def test_it_plays_and_steps(watched: Watched, reader: CacheReader) -> None:
    page = watched.page
    longest = int(reader.tracks.lengths.argmax())
    page.click(f"#list [data-track='{longest}']")
    opened(page, longest)
    page.select_option("#speed", "25")
    note_values(page, "slider")
    page.click("#play")
    expect(page.locator("#play")).to_have_text("Pause")
    # However slow the machine is: the frames follow each other, and none is left out.
    expect(page.locator("html")).to_have_attribute("data-shown", re.compile(r"^1 2 3 4\b"))
    page.click("#play")
    expect(page.locator("#play")).to_have_text("Play")
    page.locator("#slider").fill("2")
    page.click("#step-on")
    expect(page.locator("#frame-place")).to_contain_text("3 of")
    page.click("#step-back")
    expect(page.locator("#frame-place")).to_contain_text("2 of")
    page.wait_for_url(f"**#track={longest}&frame=2")


def test_frames_without_keypoints_say_so(watched: Watched, server: PageServer, reader: CacheReader) -> None:
    page = watched.page
    row = int(np.flatnonzero(reader.status[: reader.tracks.stop.max()] == Status.MISSING)[0])
    track = next(n for n in range(13) if reader.tracks.start[n] <= row < reader.tracks.stop[n])
    page.goto(f"{server.address}#track={track}&frame={row - int(reader.tracks.start[track])}")
    expect(page.locator("#stage-text")).to_contain_text("name its folder with --root DIR")
    expect(page.locator("#stage-note")).to_contain_text("missing when keypoints were estimated")
    assert page.locator("#skeleton circle").count() == 0
    page.click("#tab-edges")
    expect(page.locator("#panel-edges .notice")).to_have_text("No edges: this frame has no keypoints.")


def test_edges_and_graph_show_the_files_beside(
    watched: Watched, server: PageServer, reader: CacheReader, files: tuple[Path, Path]
) -> None:
    page, track = watched.page, 4
    place, row = usable_frame(reader, track)
    page.goto(f"{server.address}#track={track}&frame={place}")
    opened(page, track)
    beside = files[0].parent.parent
    with open_cache(beside / "edges" / "train.h5") as edges, open_cache(beside / "graphs" / "train.h5") as graphs:
        stored = edges.read("edges", row, row + 1)[0]
        nodes, seen = graphs.read("nodes", row, row + 1)[0], graphs.read("seen", row, row + 1)[0]
    page.click("#tab-edges")
    for measure, number in (("distance", 0), ("angle", 1)):
        page.check(f"[name=measure][value={measure}]")
        page.hover(".matrix tbody tr:nth-child(6) td:nth-of-type(12)")
        expect(page.locator("#edge-reading")).to_contain_text(
            f"left shoulder \N{EN DASH} left hip: {measure} {stored[5, 11, number]:.3f}"
        )
        cells = [float(str(cell.get_attribute("data-value"))) for cell in page.locator(".matrix [role=gridcell]").all()]
        assert cells == stored[..., number].ravel().tolist()
    page.click("#tab-graph")
    expect(page.locator("#panel-graph circle")).to_have_count(int(seen.sum()))
    for joint in np.flatnonzero(seen):
        dot = page.locator(f"#panel-graph circle[data-joint={JOINTS[joint]}]")
        assert [float(str(dot.get_attribute(name))) for name in ("cx", "cy")] == nodes[joint, :2].tolist()
    expect(page.locator("#panel-graph")).to_contain_text("temporal edges join the same joint")
    page.check("[name=part][value=head]")
    expect(page.locator("#panel-graph tr.outside")).to_have_count(12)


def test_the_keyboard_is_enough_and_marks_are_kept(watched: Watched, reader: CacheReader, tmp_path: Path) -> None:
    page = watched.page
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#player")).to_be_focused()
    page.keyboard.press("n")
    opened(page, 1)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#slider")).to_have_value("1")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#slider")).to_have_value("0")
    page.keyboard.press("m")
    expect(page.locator("#mark")).to_have_attribute("aria-pressed", "true")
    page.locator("#note").focus()
    page.keyboard.type("two persons")  # n, p, s and w are letters here
    expect(page.locator("#marks-count")).to_have_text("1 marked, 1 not saved")
    page.locator("#play").focus()
    page.keyboard.press("n")
    opened(page, 2)
    page.keyboard.press("m")
    page.keyboard.press("s")
    expect(page.locator("#live")).to_contain_text("2 marked tracks are saved")
    expect(page.locator("#save")).to_be_disabled()
    marks = read_marks(tmp_path / "marks.json")
    assert marks.tracks == tuple(
        mark_track(track, reader.tracks, reader.paths, note) for track, note in ((1, "two persons"), (2, ""))
    )
    page.keyboard.press("p")
    opened(page, 1)
    page.keyboard.press("m")
    page.select_option("[name=marked]", "yes")  # what is not saved counts too
    expect(page.locator("#list-count")).to_have_text("1 of 13 tracks")
    assert listed(page) == [2]
    page.locator("#play").focus()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_two_pages_keep_each_others_marks(
    watched: Watched, server: PageServer, chromium: Browser, tmp_path: Path
) -> None:
    page = watched.page
    page.click("#mark")
    with watched_page(chromium, allowed=server.address) as other:
        other.page.goto(f"{server.address}#track=5&frame=0")
        opened(other.page, 5)
        other.page.click("#mark")
        other.page.click("#save")
        expect(other.page.locator("#save")).to_be_disabled()
    page.click("#save")
    expect(page.locator("#live")).to_contain_text("saved from elsewhere meanwhile is kept")
    assert [mark.track for mark in read_marks(tmp_path / "marks.json").tracks] == [0, 5]
    watched.errors[:] = [error for error in watched.errors if "409" not in error]  # Chromium logs each refusal


def test_a_phone_in_the_dark(chromium: Browser, server: PageServer) -> None:
    with watched_page(chromium, width=390, height=844, dark=True, allowed=server.address) as phone:
        page = phone.page
        page.goto(server.address)
        opened(page, 0)
        for tab in ("joints", "edges", "graph"):
            page.click(f"#tab-{tab}")
            expect(page.locator(f"#panel-{tab}")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == 390
        ground = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(ground) == "rgb(18, 22, 27)"
        page.click("#theme")
        assert page.evaluate(ground) == "rgb(246, 247, 249)"
        assert phone.errors == []


def test_without_frames_skeletons_are_shown_alone(
    chromium: Browser, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no params.yaml here
    with (
        served(files[0], None, tmp_path / "marks.json") as server,
        watched_page(chromium, allowed=server.address) as seen,
    ):
        seen.page.goto(server.address)
        opened(seen.page, 0)
        expect(seen.page.locator("#notice")).to_contain_text("skeletons are shown without frames")
        assert seen.page.locator("#stage img").count() == 0
        assert seen.errors == []
