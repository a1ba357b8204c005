"""Choice of frames, the drawn skeletons, histograms, and whole pictures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Modality, SplitIndex, Status, Tracks
from data_cache.contract.skeleton import JOINTS, LIMBS, PARTS, joint_index
from data_cache.inspection.sheets import contact_sheet
from data_cache.inspection.sheets.contact_sheet import SheetCount, plot_split, plot_track
from data_cache.inspection.sheets.frame_choice import spread_rows, worst_rows
from data_cache.inspection.sheets.frame_tile import Tile, draw_tile
from data_cache.inspection.sheets.score_histograms import BIN_EDGES, draw_histograms, part_histograms, seen_part_share
from data_cache.inspection.sheets.sheet_page import shorten
from data_cache.inspection.sheets.skeleton_drawing import SIDE_COLOURS, draw_skeleton, joint_side, limb_side
from tests.factories import random_index, write_cache

Frames = Callable[[Path, SplitIndex], Path]


def write_frames(root: Path, path: Path) -> Path:
    """A picture of the stored size for every frame of a keypoints file whose status is ok."""
    with open_cache(path) as reader:
        for row, name in enumerate(reader.paths):
            if reader.status[row] == Status.OK:
                height, width = reader.read("size", row, row + 1)[0].tolist()
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / name), np.full((height, width, 3), (row % 200, 90, 120), np.uint8))
    return root


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A keypoints file and the folder with its frames."""
    folder = tmp_path_factory.mktemp("split")
    path = write_cache(folder / "train.h5", index=random_index(5, tracks=13), seed=5)
    return path, write_frames(folder / "frames", path)


# --- choice ---


def test_many_tracks_give_one_frame_each_evenly_spaced() -> None:
    track = np.repeat(np.arange(29, dtype=np.int32), 7)
    rows = np.arange(len(track)) + 100
    chosen = spread_rows(rows, track, 5)
    owners = track[chosen - 100]
    assert len(set(owners.tolist())) == 5
    assert set(np.diff(owners).tolist()) <= {5, 6}
    assert ((chosen - 100) % 7 == 3).all()  # the middle one of seven


def test_few_tracks_still_fill_the_sheet_with_distinct_frames() -> None:
    track = np.repeat(np.array([4, 9], np.int32), [3, 8])
    rows = np.arange(11) * 2
    for count in (5, 11, 40):
        chosen = spread_rows(rows, track, count)
        assert len(set(chosen.tolist())) == len(chosen) == min(count, 11)
        assert set(chosen) <= set(rows)
    assert len(spread_rows(rows[:0], track[:0], 5)) == 0


def test_worst_frames_are_the_lowest_of_their_tracks() -> None:
    random = np.random.default_rng(3)
    track = np.repeat(np.arange(7, dtype=np.int32), 11)
    score = random.random(77).astype(np.float32)
    rows = np.arange(77) + 13
    chosen = worst_rows(rows, track, score, 3)
    lowest = sorted(min((score[i], rows[i]) for i in range(77) if track[i] == t) for t in range(7))[:3]
    assert chosen.tolist() == [row for _, row in lowest]
    same = worst_rows(rows, track, np.full(77, 0.5, np.float32), 2)
    assert same.tolist() == [13, 24]  # ties: the first row of the first tracks


# --- skeleton ---


def test_sides_follow_the_names() -> None:
    assert {joint_side(joint) for joint in JOINTS} == {"left", "right", "middle"}
    assert joint_side("nose") == "middle"
    sides = {limb: limb_side(limb) for limb in LIMBS}
    assert sides["left_knee", "left_hip"] == sides["nose", "left_eye"] == "left"
    assert sides["right_ear", "right_shoulder"] == "right"
    assert [limb for limb, side in sides.items() if side == "middle"] == [
        ("left_hip", "right_hip"),
        ("left_shoulder", "right_shoulder"),
        ("left_eye", "right_eye"),
    ]


def test_low_joints_are_hollow_their_limbs_dashed_and_absent_joints_left_out() -> None:
    axes = Figure().add_subplot()
    keypoints = np.stack([np.arange(17) * 3.0, np.arange(17) * 5.0], 1).astype(np.float32)
    score = np.full(17, 0.9, np.float32)
    score[joint_index("left_wrist")] = 0.2
    keypoints[joint_index("right_ankle")] = np.nan
    draw_skeleton(axes, keypoints, score, 0.3)
    outline, limbs, solid, hollow = axes.collections
    assert len(outline.get_segments()) == len(limbs.get_segments()) == 18  # right_ankle-right_knee is not there
    assert len(solid.get_offsets()) == 15
    wrist = keypoints[joint_index("left_wrist")].tolist()
    assert hollow.get_offsets().tolist() == [wrist]
    assert len(hollow.get_facecolor()) == 0
    assert to_hex(hollow.get_edgecolor()[0]) == SIDE_COLOURS["left"]
    dashed = [number for number, (_, style) in enumerate(limbs.get_linestyle()) if style is not None]
    assert len(dashed) == 1
    assert wrist in limbs.get_segments()[dashed[0]].tolist()
    strength = limbs.get_colors()[:, 3]
    assert strength[dashed[0]] < 1
    assert np.delete(strength, dashed).tolist() == [1] * 17
    for colour, segment in zip(limbs.get_colors(), limbs.get_segments(), strict=True):
        sides = {joint_side(JOINTS[int(x) // 3]) for x in segment[:, 0]} - {"middle"}
        assert to_hex(colour) == SIDE_COLOURS[sides.pop() if len(sides) == 1 else "middle"]


def test_a_tile_without_picture_is_a_placeholder_and_another_size_is_noted() -> None:
    keypoints, score = np.full((17, 2), 4, np.float32), np.full(17, 0.9, np.float32)
    absent = Tile(3, "row 3", None, (20, 10), keypoints, score, Status.OK)
    resized = Tile(3, "row 3", np.zeros((40, 20, 3), np.uint8), (20, 10), keypoints, score, Status.OK)
    missing = Tile(4, "row 4", None, (0, 0), keypoints * np.nan, score * np.nan, Status.MISSING)
    assert [tile.absent for tile in (absent, resized, missing)] == [True, False, False]
    notes = []
    for tile in (absent, resized, missing):
        axes = Figure().add_subplot()
        draw_tile(axes, tile, 0.3, 2)
        notes.append([text.get_text() for text in axes.texts])
        left, right = axes.get_xlim()
        low, high = axes.get_ylim()
        assert left < 0 < right
        assert high < 0 < low  # y downwards, as in the picture
    assert notes == [["not on disk"], ["was 10 by 20"], ["missing"]]


# --- histograms ---


def test_histograms_are_shares_of_each_parts_joints() -> None:
    score = np.random.default_rng(5).random((29, 17)).astype(np.float32)
    shares = part_histograms(score)
    seen = seen_part_share(score, 0.3)
    for number, joints in enumerate(PARTS.values()):
        own = [float(score[frame, joint_index(joint)]) for frame in range(29) for joint in joints]
        for place in range(len(BIN_EDGES) - 1):
            inside = [s for s in own if BIN_EDGES[place] <= s < BIN_EDGES[place + 1]]
            assert shares[number, place] == pytest.approx(len(inside) / len(own))
        assert seen[number] == pytest.approx(np.mean([s >= 0.3 for s in own]))
    assert part_histograms(np.ones((2, 17), np.float32))[:, -1].tolist() == [1] * 6
    assert np.isnan(seen_part_share(score[:0], 0.3)).all()


def test_panels_name_part_modality_and_share() -> None:
    panels = [Figure().add_subplot() for _ in PARTS]
    draw_histograms(panels, {"infrared": np.full((3, 17), 0.7, np.float32)}, 0.3)
    assert [axes.get_title("left") for axes in panels] == [part.replace("_", " ") for part in PARTS]
    assert {text.get_text() for axes in panels for text in axes.texts} == {"infrared 100.0% seen"}


def test_shorten_keeps_both_ends() -> None:
    assert shorten("short", 10) == "short"
    text = shorten("/a/very/long/path/" + "x" * 90 + "/keypoints/train.h5", 40)
    assert len(text) == 40
    assert text.startswith("/a/very")
    assert text.endswith("keypoints/train.h5")


# --- whole pictures ---


@pytest.fixture(autouse=True)
def small_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few frames are enough here; a whole sheet takes seconds."""
    monkeypatch.setattr(contact_sheet, "SPREAD_COLUMNS", 3)
    monkeypatch.setattr(contact_sheet, "WORST_COLUMNS", 2)
    monkeypatch.setattr(contact_sheet, "ROWS", 1)


def test_a_split_is_drawn_the_same_every_time(split: tuple[Path, Path], tmp_path: Path) -> None:
    path, root = split
    with open_cache(path) as reader:
        for name in ("a.png", "b.png"):
            count = plot_split(reader, root, 0.3, tmp_path / name)
        ok = int(((reader.status == Status.OK) & (reader.read("track", 0, reader.frames) >= 0)).sum())
    assert count.absent == 0
    assert 0 < count.shown <= min(10, ok)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    image = cv2.imread(str(tmp_path / "a.png"))
    assert image.shape[1] > 1000
    # Frames of this test are filled with one colour each, whose blue-green-red ends in 90, 120.
    assert ((image[:, :, 1] == 90) & (image[:, :, 2] == 120)).mean() > 0.05
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_absent_frames_are_counted_and_a_wrong_root_is_an_error(split: tuple[Path, Path], tmp_path: Path) -> None:
    path, root = split
    some = tmp_path / "some"
    with open_cache(path) as reader:
        whole = plot_split(reader, root, 0.3, tmp_path / "whole.png")
        for name in reader.paths:
            if (root / name).exists() and "/rgb/" in name:
                (some / name).parent.mkdir(parents=True, exist_ok=True)
                (some / name).symlink_to(os.path.relpath(root / name, (some / name).parent))
        with pytest.raises(ValueError, match="expected a frame inside"):
            plot_split(reader, some, 0.3, tmp_path / "some.png")
        for link in some.rglob("*.jpg"):
            data = link.read_bytes()
            link.unlink()
            link.write_bytes(data)
        count = plot_split(reader, some, 0.3, tmp_path / "some.png")
        assert 0 < count.absent < count.shown == whole.shown
        (tmp_path / "empty").mkdir()
        with pytest.raises(ValueError, match=f"found none of the {whole.shown} that were looked for; name the right"):
            plot_split(reader, tmp_path / "empty", 0.3, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize("modality", list(Modality))
def test_one_track_of_one_modality_is_a_sheet_too(tmp_path: Path, modality: Modality) -> None:
    tracks = Tracks(
        np.array([3], np.int32),
        np.array([5], np.int16),
        np.array([modality], np.uint8),
        np.array([0], np.int64),
        np.array([5], np.int64),
    )
    index = SplitIndex("x", "test", tuple(f"0003/ir/D5/{frame}.png" for frame in range(1, 6)), tracks)
    path = write_cache(tmp_path / "one.h5", index=index)
    root = write_frames(tmp_path / "frames", path)
    with open_cache(path) as reader:
        ok = int((reader.status == Status.OK).sum())
        assert plot_split(reader, root, 0.3, tmp_path / "split.png") == SheetCount(ok, 0)
        assert plot_track(reader, 0, root, 0.3, tmp_path / "track.png") == SheetCount(5, 0)
    assert cv2.imread(str(tmp_path / "split.png")) is not None
    assert cv2.imread(str(tmp_path / "track.png")) is not None


def test_letters_that_mean_something_to_matplotlib_are_only_letters(
    split: tuple[Path, Path], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path, root = split
    odd = tmp_path / r"$\frac_{ 行 % & #" / "train.h5"
    odd.parent.mkdir()
    odd.write_bytes(path.read_bytes())
    with open_cache(odd) as reader:
        assert plot_split(reader, root, 0.3, tmp_path / "odd.png").shown > 0
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_nothing_to_draw_is_an_error(tmp_path: Path) -> None:
    path = write_cache(tmp_path / "none.h5", index=random_index(5))
    with h5py.File(path, "r+") as file:
        file["frames/status"][:] = Status.MISSING
    with open_cache(path) as reader, pytest.raises(ValueError, match="got none: nothing to draw"):
        plot_split(reader, tmp_path, 0.3, tmp_path / "none.png")
    edges = write_cache(tmp_path / "edges.h5", "edges")
    with open_cache(edges) as reader:
        for plot in (
            lambda: plot_split(reader, tmp_path, 0.3, tmp_path / "none.png"),
            lambda: plot_track(reader, 0, tmp_path, 0.3, tmp_path / "none.png"),
        ):
            with pytest.raises(ValueError, match="expected a keypoints file to draw skeletons from, got one of edges"):
                plot()
    assert not (tmp_path / "none.png").exists()
