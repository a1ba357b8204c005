"""Reading HITSZ-VCM trees: layouts, line ends, values against a naive parser, the embedded sample."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_cache.contract.records import SplitIndex
from pipeline.datasets.findings import Findings
from pipeline.datasets.hitsz_vcm.track_files import read_names, read_tracks
from pipeline.datasets.hitsz_vcm.tracks import read_query
from pipeline.datasets.split_index import read_split
from tests.pipeline.datasets.trees import INFRARED, TEST, TRAIN, VISIBLE, build_tree

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "sample"
ROWS = {"train": TRAIN, "test": TEST}


@pytest.mark.parametrize("frames", ["split", "flat"])
@pytest.mark.parametrize("info", ["info", "root"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_layout_gives_the_rows_it_was_made_from(tmp_path: Path, frames: str, info: str, split: str) -> None:
    tree = build_tree(tmp_path / "tree", frames, info)
    index = read_split(tree.root, "generated", split)
    assert (index.dataset, index.split) == ("generated", split)
    assert list(index.paths) == tree.paths[split]
    assert all(tree.frame(split, row).is_file() for row in range(len(index.paths)))
    start = 0
    for number, row in enumerate(ROWS[split]):
        tracks = index.tracks
        assert (tracks.person[number], tracks.camera[number]) == (row.person, row.camera)
        assert tracks.modality[number] == row.modality
        assert (tracks.start[number], tracks.stop[number]) == (start, start + row.frames)
        assert (index.track[start : start + row.frames] == number).all()
        start += row.frames
    assert len(index.tracks) == len(ROWS[split])
    assert len(index.paths) == start


def test_the_root_may_be_a_symbolic_link(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    (tmp_path / "link").symlink_to(tree.root)
    assert read_split(tmp_path / "link", "x", "train").paths == read_split(tree.root, "x", "train").paths


def test_names_at_the_end_may_belong_to_no_track(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    tree.add_lines(tree.name_file("train"), "0017M2D1T7F18.jpg", "0017M2D1T7F19.jpg")
    index = read_split(tree.root, "x", "train")
    assert index.paths[-1] == "Train/0017/rgb/D1/19.jpg"
    assert index.track[-3:].tolist() == [6, -1, -1]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n \n",
        lambda text: text.replace("\n", " \t\n"),
    ],
    ids=["crlf", "no last line feed", "blank lines at the end", "blanks at the line ends"],
)
def test_line_ends_do_not_matter(tmp_path: Path, change) -> None:
    tree = build_tree(tmp_path / "tree")
    before = read_split(tree.root, "x", "test")
    for file in (tree.name_file("test"), tree.track_file("test"), tree.query_file):
        file.write_bytes(change(file.read_text()).encode())
    after = read_split(tree.root, "x", "test")
    assert after.paths == before.paths
    for name in ("person", "camera", "modality", "start", "stop"):
        assert np.array_equal(getattr(after.tracks, name), getattr(before.tracks, name))
    assert read_query(tree.root, 5).tolist() == [1, 2, 4]


def test_query_rows_count_from_zero_and_keep_their_order(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    assert read_query(tree.root, 5).tolist() == [row for row, made in enumerate(TEST) if made.modality == INFRARED]
    tree.query_file.write_text("5\n2 3\n")
    assert read_query(tree.root, 5).tolist() == [4, 1, 2]


def test_leading_zeros_of_a_name_stay_in_its_path(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    tree.replace_line(tree.name_file("train"), 3, "0001M2D03T1F007.jpg")
    assert read_split(tree.root, "x", "train").paths[2] == "Train/0001/rgb/D03/007.jpg"


def naive_split(names: list[str], rows: list[str]) -> tuple[list[str], list[list[int]]]:
    """The grammar as one would read it aloud: cut each name at its letters, take each row's five words."""
    paths = []
    for name in names:
        modality, rest = name[4:].removeprefix("M").split("D")
        camera, rest = rest.split("T")
        frame = rest.split("F")[1]
        paths.append("/".join((name[:4], {"1": "ir", "2": "rgb"}[modality], "D" + camera, frame)))
    return paths, [[int(word) for word in row.split(" ")] for row in rows]


@st.composite
def split_texts(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Lines of a name file, and of a track file whose rows leave gaps and are in any order."""
    names, rows = [], []
    numbers = draw(
        st.lists(
            st.tuples(
                st.sampled_from([INFRARED, VISIBLE]), st.integers(1, 9999), st.integers(1, 32767), st.integers(1, 7)
            ),
            min_size=1,
            max_size=11,
        )
    )
    for track, (modality, person, camera, frames) in enumerate(numbers, 1):
        for _ in range(draw(st.integers(0, 2))):
            names.append(f"{person:04d}M{modality}D{camera}T{track}F{len(names)}.jpg")
        first = len(names) + 1
        names += [f"{person:04d}M{modality}D{camera}T{track}F{len(names) + frame}.jpg" for frame in range(frames)]
        rows.append(f"{modality} {first} {len(names)} {person:04d} {camera}")
    random.Random(draw(st.integers(0, 99))).shuffle(rows)
    return names, rows


@settings(max_examples=60, deadline=None)
@given(texts=split_texts())
def test_reading_equals_a_naive_parser(tmp_path_factory: pytest.TempPathFactory, texts) -> None:
    names, rows = texts
    root = tmp_path_factory.mktemp("texts")
    (root / "names").write_text("\n".join(names))
    (root / "rows").write_text("\n".join(rows))
    read, count = read_names(root / "names", root, "", Findings(strict=True))
    tracks = read_tracks(root / "rows", root, count, Findings(strict=True))
    paths, numbers = naive_split(names, rows)
    assert list(read.paths) == paths
    assert count == len(names)
    for row, (modality, start, end, person, camera) in enumerate(numbers):
        assert tracks.modality[row] == modality
        assert (tracks.start[row], tracks.stop[row]) == (start - 1, end)
        assert (tracks.person[row], tracks.camera[row]) == (person, camera)
    labels = [(int(name[:4]), int(name[5]), int(name[name.index("D") + 1 : name.index("T")])) for name in names]
    assert list(zip(read.person, read.modality, read.camera, strict=True)) == labels
    index = SplitIndex("x", "train", read.paths, tracks)
    naive = [-1] * len(names)
    for row, (_, start, end, _, _) in enumerate(numbers):
        naive[start - 1 : end] = [row] * (end - start + 1)
    assert index.track.tolist() == naive


# person: (split, rgb tracks, rgb frames, ir tracks, ir frames), from the sample's README
SAMPLE_TABLE = {
    1: ("train", 5, 109, 5, 112),
    2: ("train", 5, 109, 5, 131),
    3: ("train", 5, 111, 5, 113),
    4: ("train", 5, 117, 5, 110),
    5: ("train", 4, 86, 1, 24),
    6: ("train", 1, 24, 2, 36),
    7: ("test", 5, 111, 5, 114),
    8: ("test", 5, 95, 5, 109),
    9: ("test", 1, 24, 3, 61),
    10: ("test", 5, 114, 4, 92),
}


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_sample_holds_what_its_readme_says(split: str) -> None:
    index = read_split(SAMPLE, "sample", split)
    tracks = index.tracks
    found = {}
    for person in np.unique(tracks.person).tolist():
        numbers = []
        for modality in (VISIBLE, INFRARED):
            chosen = (tracks.person == person) & (tracks.modality == modality)
            numbers += [int(chosen.sum()), int(tracks.lengths[chosen].sum())]
        found[person] = (split, *numbers)
    assert found == {person: row for person, row in SAMPLE_TABLE.items() if row[0] == split}
    assert len(index.paths) == {"train": 1082, "test": 720}[split]
    assert (index.track >= 0).all()


def test_the_query_list_of_the_sample_is_its_infrared_test_tracks() -> None:
    index = read_split(SAMPLE, "sample", "test")
    rows = read_query(SAMPLE, len(index.tracks))
    assert rows.tolist() == np.flatnonzero(index.tracks.modality == INFRARED).tolist()
    assert len(rows) == 17
