"""The graphs file: nodes and seen joints of all frames, streamed, and the structure that all frames share."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.contract.skeleton import PARTS, joint_index
from data_cache.verification.check import check_file
from pipeline.__main__ import main
from pipeline.skeletons import graph_file
from pipeline.skeletons.graph_file import write_graphs
from pipeline.skeletons.graphs import graph_nodes
from tests.factories import RECIPE, write_cache


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "keypoints.h5", seed=5)


@pytest.mark.parametrize("rows", [1, 7, 4096])
def test_holds_nodes_and_seen_joints_of_all_frames(keypoints: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_file, "ROWS", rows)
    out = keypoints.with_name("graphs.h5")
    frames = write_graphs(keypoints, out, 0.3)
    with open_cache(keypoints) as source, open_cache(out, "graphs") as made:
        n = source.frames
        xy, score, size = (source.read(name, 0, n) for name in ("keypoints", "score", "size"))
        seen = (source.status == Status.OK)[:, None] & (np.nan_to_num(score, nan=-1) >= 0.3)
        assert frames == n == made.frames > 20
        assert 0 < seen.sum() < seen.size and (source.status != Status.OK).any()
        np.testing.assert_array_equal(made.read("seen", 0, n), seen)
        assert made.read("nodes", 0, n).tobytes() == graph_nodes(xy, score, seen, size[:, 0]).tobytes()
        assert made.paths == source.paths and made.dataset == source.dataset and made.split == source.split
        np.testing.assert_array_equal(made.status, source.status)
        np.testing.assert_array_equal(made.tracks.stop, source.tracks.stop)
        assert made.recipe == {"code": 1, "min_score": 0.3, "keypoints": RECIPE}
    assert check_file(out) == []


def test_structure_can_be_read_without_this_project(keypoints: Path) -> None:
    out = keypoints.with_name("graphs.h5")
    write_graphs(keypoints, out, 0.3)
    with h5py.File(out) as file:
        limbs = [tuple(limb) for limb in file["skeleton/limbs"][()].tolist()]
        edges = [tuple(edge) for edge in file["graph/spatial_edges"][()].T.tolist()]
        assert edges == limbs + [(b, a) for a, b in limbs] and len(edges) == 38
        names = [name.decode() for name in file["graph/part_names"][()]]
        parts = {name: set(np.flatnonzero(row)) for name, row in zip(names, file["graph/parts"][()], strict=True)}
        assert parts == {name: {joint_index(joint) for joint in joints} for name, joints in PARTS.items()}
        assert parts["torso"] == {5, 6, 11, 12} and parts["right_leg"] == {12, 14, 16}
        rule = file["graph"].attrs["temporal"]
        assert "consecutive sampled frames in both directions" in (rule.decode() if isinstance(rule, bytes) else rule)


def test_the_same_bytes_every_time_and_in_steps_of_any_size(keypoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for run, rows in enumerate((4096, 4096, 5)):
        monkeypatch.setattr(graph_file, "ROWS", rows)
        out = keypoints.with_name(f"{run}.h5")
        write_graphs(keypoints, out, 0.3)
        made.append(out.read_bytes())
    assert made[0] == made[1] == made[2]


def test_command_takes_its_settings_from_the_file(keypoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = keypoints.with_name("settings.yaml")
    config.write_text("min_score: 0.5\n")
    out = keypoints.with_name("made") / "graphs.h5"
    command = ["graphs", "--config", str(config), "--keypoints", str(keypoints), "--out", str(out)]
    assert main(command) == 0
    with open_cache(out, "graphs") as made:
        assert made.recipe["min_score"] == 0.5
    config.write_text("min_score: 1.5\n")
    assert main(command) == 1
    assert "min_score: expected a number in 0…1, got 1.5" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        main(command[:-2])
    assert usage.value.code == 2
