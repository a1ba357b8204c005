"""Imported skeletons go the way of estimated ones: edges, graphs and what training reads of them are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.__main__ import main as data_cache
from data_cache.contract.writer import CacheWriter
from data_cache.verification.check import check_file
from model.clips.clip_files import ClipFiles, open_split
from pipeline.__main__ import main as pipeline
from tests.data_cache.exchange.imports.import_sources import Case, make_case, run_import, write_frames, write_star
from tests.factories import RECIPE


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path, orphans=0)
    write_frames(case)
    return case


def coco(case: Case, original: Path) -> list[str | Path]:
    assert data_cache(["export", str(original), "--format", "coco", "--out", str(case.folder / "c.json")]) == 0
    return [case.folder / "c.json", "coco", "--images", case.folder / "c.images.json"]


def pyskl(case: Case, original: Path) -> list[str | Path]:
    assert data_cache(["export", str(original), "--format", "pyskl", "--out", str(case.folder / "c.pkl")]) == 0
    return [case.folder / "c.pkl", "pyskl"]


def mmpose(case: Case, original: Path) -> list[str | Path]:
    for row, path in enumerate(case.index.paths):
        file = (case.folder / "predictions" / path).with_suffix(".json")
        file.parent.mkdir(parents=True, exist_ok=True)
        keypoints, score = case.rows.keypoints[row].tolist(), case.rows.score[row].tolist()
        file.write_text(json.dumps([{"keypoints": keypoints, "keypoint_scores": score}]))
    return [case.folder / "predictions", "mmpose", "--root", case.root]


def star(case: Case, original: Path) -> list[str | Path]:
    return [write_star(case, case.folder / "poses.h5"), "star", "--root", case.root]


def write_original(case: Case) -> Path:
    path = case.folder / "original.h5"
    with CacheWriter(path, "keypoints", case.index, RECIPE, status=case.rows.status) as writer:
        writer.append({name: getattr(case.rows, name) for name in ("keypoints", "score", "size")})
    return path


def run_stages(keypoints: Path, folder: Path) -> ClipFiles:
    """What comes after the keypoints, as one types it."""
    files = ClipFiles(keypoints.parent, folder / "edges.h5", folder / "graphs.h5")
    for stage, out in (("edges", files.edges), ("graphs", files.graphs)):
        command = [stage, "--config", "configs/sample.yaml", "--keypoints", str(keypoints), "--out", str(out)]
        assert pipeline(command) == 0
    return files


def arrays(path: Path) -> dict[str, bytes]:
    with h5py.File(path) as file:
        groups = ("frames", "tracks", "skeleton", "graph")
        return {
            f"{group}/{name}": file[group][name][...].tobytes()
            for group in groups
            if group in file
            for name in file[group]
        }


@pytest.mark.parametrize("make", [coco, mmpose, pyskl, star])
def test_imported_skeletons_give_the_same_edges_and_graphs(
    case: Case, make: Callable[[Case, Path], list[str | Path]]
) -> None:
    original = write_original(case)
    source, kind, *options = make(case, original)
    assert run_import(case, Path(source), str(kind), *options) == 0
    assert check_file(case.out) == check_file(original)
    assert not [problem for problem in check_file(case.out) if problem.level == "error"]
    expected, found = run_stages(original, case.folder / "a"), run_stages(case.out, case.folder / "b")
    assert arrays(case.out) == arrays(original)
    assert arrays(found.edges) == arrays(expected.edges)
    assert arrays(found.graphs) == arrays(expected.graphs)
    split = open_split(found, case.index.dataset, case.index.split)  # as training does
    assert split.recipes["edges"]["keypoints"]["estimator"]["imported"] == kind
    np.testing.assert_array_equal(split.status, case.rows.status)


def test_the_command_says_what_it_reads(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        data_cache(["import", "--help"])
    assert stop.value.code == 0
    help_text = capsys.readouterr().out
    for part in ("coco", "mmpose", "pyskl", "star", "--frames", "--images", "--root", "--max-bad"):
        assert part in help_text
    with pytest.raises(SystemExit) as stop:
        data_cache(["import", "a", "--format", "sleap", "--frames", "b", "--out", "c"])
    assert stop.value.code == 2
    with pytest.raises(SystemExit) as stop:
        data_cache(["import", "a", "--format", "pyskl", "--frames", "b", "--out", "c", "--images", "d"])
    assert stop.value.code == 2
    assert "argument --images: expected with --format coco only" in capsys.readouterr().err
