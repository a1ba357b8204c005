"""Every rule of `check` fails on a file that breaks it and holds on files that do not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.contract.records import Status
from data_cache.contract.skeleton import limb_indices
from data_cache.verification.check import check_file
from data_cache.verification.check_rules import edge_rules
from data_cache.verification.problems import Findings, Problem
from pipeline.settings import EdgeSettings
from pipeline.skeletons.edge_file import write_edges
from pipeline.skeletons.edges import pairwise_edges
from pipeline.skeletons.graph_file import write_graphs
from tests.factories import age_to_version_1, random_index, write_cache

MIN_SCORE = 0.41
Edit = Callable[[h5py.File], None]


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("intact")
    keypoints = write_cache(folder / "keypoints.h5", index=random_index(5), seed=5)
    write_edges(keypoints, folder / "edges.h5", EdgeSettings(), MIN_SCORE)
    write_edges(keypoints, folder / "directed.h5", EdgeSettings("atan2", "none"), MIN_SCORE)
    write_graphs(keypoints, folder / "graphs.h5", MIN_SCORE)
    return {path.stem: path for path in folder.glob("*.h5")}


@pytest.mark.parametrize("kind", ["keypoints", "edges", "directed", "graphs"])
def test_an_intact_file_has_no_problems(intact: dict[str, Path], kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_file(intact[kind]) == []
    assert main(["check", str(intact[kind])]) == 0
    assert capsys.readouterr().out == f"{intact[kind]}: intact\n"


@pytest.mark.parametrize("kind", ["keypoints", "edges", "graphs"])
def test_an_intact_file_of_version_1_has_no_problems(intact: dict[str, Path], kind: str, tmp_path: Path) -> None:
    assert check_file(age_to_version_1(shutil.copy(intact[kind], tmp_path / "old.h5"))) == []


def put(name: str, place: object, value: object) -> Edit:
    """An edit that writes `value` into a dataset of frames; row "ok" or "bad" is the first such row from row 3 on."""

    def edit(file: h5py.File) -> None:
        where = place if isinstance(place, tuple) else (place,)
        if isinstance(where[0], str):
            status = file["frames/status"][:]
            row = next(r for r in range(3, len(status)) if (status[r] == Status.OK) == (where[0] == "ok"))
            where = (row, *where[1:])
        file[name][where] = value

    return edit


def symmetric(value: tuple[float, float], other: tuple[float, float]) -> Edit:
    def edit(file: h5py.File) -> None:
        put("frames/edges", ("ok", 3, 7), value)(file)
        put("frames/edges", ("ok", 7, 3), other)(file)

    return edit


def unseen_node(file: h5py.File) -> None:
    row, joint = np.argwhere(~file["frames/seen"][:])[0]
    file["frames/nodes"][row, joint] = (0.5, 0.5, 0.9)


def seen_node(value: tuple[float, float, float]) -> Edit:
    def edit(file: h5py.File) -> None:
        row, joint = np.argwhere(file["frames/seen"][:])[0]
        file["frames/nodes"][row, joint] = value

    return edit


def without_checksums(file: h5py.File) -> None:
    values, attributes = file["frames/score"][:], dict(file["frames/score"].attrs)
    dims = file["frames/score"].attrs.get_id("dims").dtype
    del file["frames/score"]
    stored = file.create_dataset("frames/score", data=values, chunks=(8, 17), compression="gzip")
    for name, value in attributes.items():
        size = max(1, len(value)) if isinstance(value, bytes) else 0
        stored.attrs.create(name, value, dtype=dims if name == "dims" else h5py.string_dtype("utf-8", size))


def new_text(group: str, name: str) -> Edit:
    return lambda file: file[group].attrs.modify(name, "something else")


BROKEN: list[tuple[str, Edit, str, str]] = [
    # kind, edit, key, part of what was expected
    ("keypoints", put("frames/score", ("ok", 4), 1.25), "/frames/score", "0…1"),
    ("keypoints", put("frames/score", ("ok", 4), -0.25), "/frames/score", "0…1"),
    ("keypoints", put("frames/score", ("ok", 4), np.nan), "/frames/score", "finite values where status is ok"),
    ("keypoints", put("frames/keypoints", ("ok", 4, 1), np.inf), "/frames/keypoints", "finite values where"),
    ("keypoints", put("frames/score", ("bad", 4), 0.5), "/frames/score", "NaN where status is not ok"),
    ("keypoints", put("frames/keypoints", ("bad", 4, 0), 0.5), "/frames/keypoints", "NaN where status is not ok"),
    ("keypoints", put("frames/size", ("bad", 1), 7), "/frames/size", "0 where status is not ok"),
    ("keypoints", put("frames/size", ("ok", 1), 0), "/frames/size", "height and width > 0"),
    ("keypoints", put("frames/track", 3, 999), "/frames/track", "the row of /tracks whose start…stop"),
    ("keypoints", put("tracks/person", 3, -5), "/tracks/person", "0 or more"),
    ("keypoints", put("tracks/camera", 3, -5), "/tracks/camera", "0 or more"),
    ("keypoints", put("tracks/modality", 3, 7), "/tracks/modality", "1 (infrared) or 2 (visible)"),
    ("keypoints", put("tracks/role", 3, 7), "/tracks/role", "0 (both), 1 (query) or 2 (gallery)"),
    ("keypoints", put("tracks/stop", 3, 10_000), "/tracks/start, stop", "stop <= 53"),
    ("keypoints", put("tracks/stop", 3, 0), "/tracks/start, stop", "start < stop"),
    ("keypoints", put("frames/path", 3, b"../../etc/passwd"), "/frames, /tracks", "paths and tracks that fit"),
    ("keypoints", put("frames/status", 3, 9), "/frames/status", "0 (ok), 1 (unreadable) or 2 (missing)"),
    ("keypoints", without_checksums, "/frames/score", "fletcher32"),
    ("keypoints", new_text("frames/score", "unit"), "/frames/score attribute unit", "'1'"),
    ("edges", symmetric((-0.5, 0), (-0.5, 0)), "/frames/edges", "distances >= 0"),
    ("edges", symmetric((0.5, 0), (0.4, 0)), "/frames/edges", "distances symmetric"),
    ("edges", put("frames/edges", ("ok", 5, 5, 0), 0.1), "/frames/edges", "distance 0 from a joint to itself"),
    ("edges", symmetric((0.5, 1.7), (0.5, 1.7)), "/frames/edges", "angles in -π/2…π/2"),
    ("edges", symmetric((0.0, 0.3), (0.0, 0.3)), "/frames/edges", "angle 0 where the distance is 0"),
    ("edges", symmetric((0.5, 0.3), (0.5, -0.3)), "/frames/edges", "along one line"),
    ("edges", put("frames/edges", ("bad", 1, 2), 0.3), "/frames/edges", "0 where status is not ok"),
    ("directed", symmetric((5, 3.3), (5, 3.3 - np.pi)), "/frames/edges", "angles in -π…π"),
    ("graphs", unseen_node, "/frames/nodes", "0, 0, 0 where the joint is not seen"),
    ("graphs", seen_node((0.5, 0.5, 0.2)), "/frames/nodes", "scores in 0.41…1"),
    ("graphs", seen_node((0.5, 0.5, 1.2)), "/frames/nodes", "scores in 0.41…1"),
    ("graphs", put("frames/seen", ("bad", 3), True), "/frames/seen", "0 where status is not ok"),
    ("graphs", put("graph/spatial_edges", (0, 3), 9), "/graph/spatial_edges", "19 limbs"),
    ("graphs", put("graph/parts", (2, 0), True), "/graph/parts", "(left_arm)"),
    ("graphs", put("graph/part_names", 0, b"nose"), "/graph/part_names", "head, torso"),
    ("graphs", new_text("graph", "temporal"), "/graph attribute temporal", "T"),
]


@pytest.mark.parametrize(("kind", "edit", "key", "expected"), BROKEN)
def test_each_broken_rule_is_named(
    intact: dict[str, Path], tmp_path: Path, kind: str, edit: Edit, key: str, expected: str
) -> None:
    path = Path(shutil.copy(intact[kind], tmp_path / "broken.h5"))
    with h5py.File(path, "r+") as file:
        edit(file)
    errors = [problem for problem in check_file(path) if problem.level == "error"]
    assert any(problem.key == key and expected in problem.expected for problem in errors), errors


@pytest.mark.parametrize(
    ("kind", "edit", "expected"),
    [
        ("keypoints", put("frames/keypoints", ("ok", 4, 0), 500.0), "half the frame's longer side"),
        ("keypoints", put("frames/keypoints", ("ok", 4, 1), -500.0), "half the frame's longer side"),
        ("edges", symmetric((3.5, 0.3), (3.5, 0.3)), "3 crop heights"),
        ("graphs", seen_node((3.5, 0.5, 0.9)), "3 crop heights"),
    ],
)
def test_unlikely_values_are_warnings(
    intact: dict[str, Path], tmp_path: Path, kind: str, edit: Edit, expected: str
) -> None:
    path = Path(shutil.copy(intact[kind], tmp_path / "odd.h5"))
    with h5py.File(path, "r+") as file:
        edit(file)
    (problem,) = check_file(path)
    assert (problem.level, problem.rows) == ("warning", 1)
    assert expected in problem.expected
    assert main(["check", str(path)]) == 0


def test_a_gap_between_tracks_is_a_warning(tmp_path: Path) -> None:
    index = random_index(5)
    index.tracks.stop.base[index.tracks.start.argmin()] -= 1  # type: ignore[union-attr,index]
    (problem,) = check_file(write_cache(tmp_path / "gap.h5", index=index))
    assert (problem.level, problem.key) == ("warning", "/frames/track")
    assert problem.row == int(index.tracks.stop[index.tracks.start.argmin()])


def test_file_key_row_expected_and_found_as_text_and_json(
    intact: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(shutil.copy(intact["keypoints"], tmp_path / "broken.h5"))
    with h5py.File(path, "r+") as file:
        rows = np.flatnonzero(file["frames/status"][:] == Status.OK)[[4, 9, 11]]
        for row in rows:
            file["frames/score"][row, 13] = 1.5
    assert main(["check", str(path)]) == 1
    where = f"{path}: error: /frames/score row {rows[0]} (and 2 more rows)"
    assert capsys.readouterr().out.splitlines() == [
        f"{where}: expected 0…1, found 1.5 (left_knee)",
        f"{path}: 1 error, 0 warnings",
    ]
    assert main(["check", str(path), "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert (values["ok"], values["errors"], values["warnings"]) == (False, 1, 0)
    assert values["problems"] == [
        {
            "file": str(path),
            "level": "error",
            "key": "/frames/score",
            "expected": "0…1",
            "found": "1.5 (left_knee)",
            "row": int(rows[0]),
            "rows": 3,
        }
    ]


@pytest.mark.parametrize("name", ["frames/score", "frames/status", "frames/path", "frames/track", "tracks/person"])
def test_one_flipped_byte_anywhere_is_found(intact: dict[str, Path], tmp_path: Path, name: str) -> None:
    path = Path(shutil.copy(intact["keypoints"], tmp_path / "flipped.h5"))
    with h5py.File(path) as file:
        chunk = file[name].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + chunk.size // 2] ^= 0x10
    path.write_bytes(data)
    errors = check_file(path)
    assert errors
    assert all(problem.level == "error" for problem in errors)
    if name == "frames/score":
        (problem,) = errors
        assert (problem.key, problem.row) == ("/frames/score", 0)
        assert "checksums" in problem.expected


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_one_problem(intact: dict[str, Path], tmp_path: Path, share: float) -> None:
    data = intact["edges"].read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(data[: int(len(data) * share)])
    (problem,) = check_file(path)
    assert problem.level == "error"
    assert problem.key == "file"
    assert main(["check", str(path)]) == 1


def test_a_foreign_file_is_taken_apart_into_key_expected_and_found(intact: dict[str, Path], tmp_path: Path) -> None:
    path = Path(shutil.copy(intact["keypoints"], tmp_path / "newer.h5"))
    with h5py.File(path, "r+") as file:
        file.attrs.modify("version", 4)
    assert check_file(path) == [Problem("error", "attribute version", "version 1 to 3", "the newer version 4")]


def test_blocks_do_not_change_what_is_found(
    intact: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(intact["keypoints"], tmp_path / "broken.h5"))
    with h5py.File(path, "r+") as file:
        ok = np.flatnonzero(file["frames/status"][:] == Status.OK)
        file["frames/score"][ok[3], 5] = 2.0
        file["frames/score"][ok[-1], 6] = 3.0
    whole = check_file(path)
    monkeypatch.setattr("data_cache.verification.check.BLOCK_VALUES", 17 * 2 * 3)
    assert check_file(path) == whole
    assert [(problem.row, problem.rows) for problem in whole] == [(ok[3], 2)]


def test_edge_rules_hold_for_vertical_pairs_and_joints_in_one_place() -> None:
    keypoints = np.zeros((1, 17, 2), np.float32)
    keypoints[0, 1:, 1] = np.arange(16)  # joints 0 and 1 in one place, all on one vertical line
    for angle in ("arctan", "atan2", "sincos"):
        edges = pairwise_edges(keypoints, np.ones((1, 17), bool), np.array([20], np.int32), angle)
        findings = Findings()
        for rule in edge_rules({"edges": edges}, np.zeros(1, np.uint8), {"angle": angle, "normalize": "height"}):
            findings.apply(rule, 0)
        assert findings.problems() == []


def test_the_limbs_are_what_the_graph_is_held_against(intact: dict[str, Path]) -> None:
    with h5py.File(intact["graphs"]) as file:
        stored = {tuple(pair) for pair in file["graph/spatial_edges"][:].T.tolist()}
    assert stored == {tuple(pair) for pair in limb_indices().tolist()} | {(b, a) for a, b in limb_indices().tolist()}
