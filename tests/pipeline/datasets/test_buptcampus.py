"""A BUPTCampus tree becomes the same description as every other data set, through to edges and graphs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_cache.contract.reader import open_cache
from data_cache.verification.check import check_file
from pipeline.__main__ import main
from pipeline.datasets.kinds import Kind, recognise
from pipeline.datasets.split_index import read_split
from pipeline.pose import models as pose_models
from tests.pipeline.datasets.buptcampus_trees import (
    GALLERY,
    QUERY,
    TRAIN,
    BuptcampusTree,
    build_buptcampus,
    described,
    looked_up,
)
from tests.pipeline.datasets.trees import build_tree
from tests.pipeline.keypoints.stub_estimator import StubSource


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> BuptcampusTree:
    return build_buptcampus(tmp_path_factory.mktemp("campus") / "campus")


def test_training_tracks_are_those_of_the_list_infrared_first(tree: BuptcampusTree) -> None:
    index = read_split(tree.root, "campus", "train")
    rows = described(index)
    assert rows == looked_up(tree, {"BOTH": TRAIN})
    assert [(row[0], row[2]) for row in rows[:3]] == [(1746, "INFRARED"), (1746, "VISIBLE"), (5, "INFRARED")]
    assert (len({row[0] for row in rows}), len(rows), len(index.paths)) == (3, 7, 43)
    assert (index.track >= 0).all()


def test_test_tracks_are_queries_then_gallery_and_one_is_both(tree: BuptcampusTree) -> None:
    index = read_split(tree.root, "campus", "test")
    rows = described(index)
    assert rows == looked_up(tree, {"QUERY": QUERY, "GALLERY": GALLERY})
    assert [row[3] for row in rows] == ["QUERY", "BOTH", "QUERY", "QUERY", *["GALLERY"] * 7]
    assert (len({row[0] for row in rows}), len(rows), len(index.paths)) == (3, 11, 83)


def test_frames_keep_the_order_of_the_file_not_of_their_names(tree: BuptcampusTree) -> None:
    paths = read_split(tree.root, "campus", "train").paths
    first = [path for path in paths if path.startswith("DATA/1746/IR/TSG2/")]
    assert [path.rpartition("_")[2] for path in first] == ["9998.jpg", "9999.jpg", "10000.jpg"]


def test_cameras_are_numbered_by_name_over_the_whole_file(
    tree: BuptcampusTree, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert main(["index", "--root", str(tree.root), "--split", "test", "--out", str(tmp_path / "x.csv")]) == 0
    assert "cameras are numbered by name: 1 CQ1, 2 G25, 3 LS3, 4 TSG2, 5 W4" in caplog.text
    # The order of the objects in the file says nothing.
    other = BuptcampusTree(tree.root, dict(reversed(tree.data.items())))
    other.write_data()
    again = described(read_split(tree.root, "campus", "test"))
    tree.write_data()
    assert again == described(read_split(tree.root, "campus", "test"))


def test_generated_infrared_is_read_from_nowhere(tree: BuptcampusTree) -> None:
    before = described(read_split(tree.root, "campus", "train"))
    fake = {"1": [path.replace("RGB", "FakeIR") for path in tree.data["5"]["RGB"]["CQ1"]["2"]]}
    data = {**tree.data, "5": {**tree.data["5"], "FakeIR": {"AA0": fake}}}
    BuptcampusTree(tree.root, data).write_data()
    after = described(read_split(tree.root, "campus", "train"))
    tree.write_data()
    assert after == before, "neither its tracks nor its cameras count"


def test_blanks_and_line_ends_do_not_matter(tmp_path: Path) -> None:
    tree = build_buptcampus(tmp_path / "campus")
    before = described(read_split(tree.root, "campus", "train"))
    (tree.root / "train.txt").write_bytes(
        "\r\n".join(row.replace(" ", " \t") + "  " for row in TRAIN).encode() + b"\n\n"
    )
    assert described(read_split(tree.root, "campus", "train")) == before


def test_the_kind_of_a_folder_is_recognised(tree: BuptcampusTree, tmp_path: Path) -> None:
    assert recognise(tree.root) == Kind.BUPTCAMPUS
    for frames, info in (("split", "info"), ("flat", "root")):
        assert recognise(build_tree(tmp_path / frames, frames, info).root) == Kind.HITSZ_VCM


def test_index_shows_roles(tree: BuptcampusTree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "--root", str(tree.root), "--split", "test", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["summary"]["roles"] == {"both": 1, "query": 3, "gallery": 7}
    assert [row["role"] for row in shown["tracks"][:5]] == ["query", "both", "query", "query", "gallery"]
    assert main(["index", "--root", str(tree.root), "--split", "test"]) == 0
    assert "tracks: 3 query only, 7 gallery only, 1 both\n" in capsys.readouterr().out
    assert main(["index", "--root", str(tree.root), "--split", "train"]) == 0
    assert "query only" not in capsys.readouterr().out


@pytest.mark.parametrize("split", ["train", "test"])
def test_keypoints_edges_and_graphs_carry_tracks_and_roles(
    tree: BuptcampusTree, split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pose_models, "resolve_pose_model", lambda settings, **options: StubSource())
    config, keypoints = tmp_path / "campus.yaml", tmp_path / "keypoints.h5"
    config.write_text("pose: {chunk_frames: 11, flip_test: false}\n")
    words: list[Any] = ["keypoints", "--config", config, "--root", tree.root, "--dataset", "campus", "--split", split]
    assert main([str(word) for word in (*words, "--out", keypoints, "--workers", 0)]) == 0
    files = {"keypoints": keypoints}
    for kind in ("edges", "graphs"):
        files[kind] = tmp_path / f"{kind}.h5"
        assert main([kind, "--config", str(config), "--keypoints", str(keypoints), "--out", str(files[kind])]) == 0
    expected = read_split(tree.root, "campus", split)
    for kind, file in files.items():
        with open_cache(file, kind) as cache:
            assert (cache.dataset, cache.split, cache.frames) == ("campus", split, {"train": 43, "test": 83}[split])
            assert (cache.status == 0).all()
            assert described(cache.index()) == described(expected)
        assert check_file(file) == []
