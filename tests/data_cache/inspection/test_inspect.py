"""What `inspect` says, against plain loops over what was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.contract.reader import open_cache
from data_cache.contract.records import Modality, Status
from data_cache.contract.schema import AXIS_LABELS
from data_cache.contract.skeleton import JOINTS, LIMBS, joint_index
from data_cache.inspection import summary
from data_cache.inspection.frame_report import near_names, report_frame
from data_cache.inspection.summary import summarise_file
from data_cache.inspection.summary_text import summary_text, summary_values
from data_cache.inspection.track_report import report_track
from pipeline.settings import EdgeSettings
from pipeline.skeletons.edge_file import write_edges
from pipeline.skeletons.graph_file import write_graphs
from tests.factories import random_index, write_cache

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
MIN_SCORE = 0.41


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A keypoints file and the edges and graphs made from it."""
    folder = tmp_path_factory.mktemp("cache")
    keypoints = write_cache(folder / "keypoints.h5", index=random_index(5, tracks=13), seed=5)
    write_edges(keypoints, folder / "edges.h5", EdgeSettings(), MIN_SCORE)
    write_graphs(keypoints, folder / "graphs.h5", MIN_SCORE)
    return {kind: folder / f"{kind}.h5" for kind in ("keypoints", "edges", "graphs")}


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def frames_of(path: Path, modality: Modality) -> list[tuple[int, dict[str, Any]]]:
    """Rows of one modality's tracks by a plain loop, each with its stored values."""
    found = []
    with h5py.File(path) as file:
        tracks = file["tracks"]
        for track in range(len(tracks["person"])):
            if tracks["modality"][track] == modality:
                for row in range(tracks["start"][track], tracks["stop"][track]):
                    values = {name: file["frames"][name][row] for name in file["frames"]}
                    found.append((track, values))
    return found


@pytest.mark.parametrize("modality", list(Modality))
def test_summary_of_keypoints_is_what_plain_loops_count(
    files: dict[str, Path], modality: Modality, capsys: pytest.CaptureFixture[str]
) -> None:
    values = printed(["inspect", str(files["keypoints"]), "--min-score", str(MIN_SCORE)], capsys)
    one = values["modalities"][modality.name.lower()]
    frames = frames_of(files["keypoints"], modality)
    ok = [frame for _, frame in frames if frame["status"] == Status.OK]
    assert one["frames"] == len(frames) > 0
    assert one["tracks"] == len({track for track, _ in frames})
    assert one["status"] == {
        status.name.lower(): sum(frame["status"] == status for _, frame in frames) for status in Status
    }
    with h5py.File(files["keypoints"]) as file:
        own = [track for track in range(13) if file["tracks/modality"][track] == modality]
        assert one["persons"] == len({int(file["tracks/person"][track]) for track in own})
        assert one["cameras"] == sorted({int(file["tracks/camera"][track]) for track in own})
        lengths = sorted(int(file["tracks/stop"][track] - file["tracks/start"][track]) for track in own)
    assert one["track_length"] == {
        "shortest": lengths[0],
        "median": float(np.median(lengths)),
        "longest": lengths[-1],
    }
    for number, joint in enumerate(JOINTS):
        scores = [float(frame["score"][number]) for frame in ok]
        expected = {name: np.quantile(scores, level) for name, level in QUANTILES.items()}
        expected["share_seen"] = sum(score >= MIN_SCORE for score in scores) / len(scores)
        assert one["quality"][joint] == pytest.approx(expected, abs=1e-7)


def test_summary_counts_frames_without_a_track(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    values = printed(["inspect", str(files["keypoints"])], capsys)
    assert sum(values["status_without_track"].values()) == 2
    assert values["frames"] == 2 + sum(one["frames"] for one in values["modalities"].values())
    assert (values["format"], values["version"]) == ("star-reid.keypoints", 3)
    assert values["recipe"]["estimator"]["name"] == "random"


@pytest.mark.parametrize("modality", list(Modality))
def test_summary_of_edges_is_about_limbs(
    files: dict[str, Path], modality: Modality, capsys: pytest.CaptureFixture[str]
) -> None:
    values = printed(["inspect", str(files["edges"])], capsys)
    assert values["min_score"] == MIN_SCORE
    assert values["frames_examined"] == values["frames"]
    ok = [frame for _, frame in frames_of(files["edges"], modality) if frame["status"] == Status.OK]
    quality = values["modalities"][modality.name.lower()]["quality"]
    assert tuple(quality) == AXIS_LABELS["limb"]
    for limb, (a, b) in zip(quality, LIMBS, strict=True):
        lengths = [float(frame["edges"][joint_index(a), joint_index(b), 0]) for frame in ok]
        there = [length for length in lengths if length > 0]
        expected = {name: np.quantile(there, level) for name, level in QUANTILES.items()}
        expected["share_seen"] = len(there) / len(lengths)
        assert quality[limb] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("modality", list(Modality))
def test_summary_of_graphs_is_about_seen_joints(
    files: dict[str, Path], modality: Modality, capsys: pytest.CaptureFixture[str]
) -> None:
    quality = printed(["inspect", str(files["graphs"])], capsys)["modalities"][modality.name.lower()]["quality"]
    ok = [frame for _, frame in frames_of(files["graphs"], modality) if frame["status"] == Status.OK]
    for number, joint in enumerate(JOINTS):
        there = [float(frame["nodes"][number, 2]) for frame in ok if frame["seen"][number]]
        assert quality[joint]["share_seen"] == pytest.approx(len(there) / len(ok))
        assert quality[joint]["q50"] == pytest.approx(np.median(there), abs=1e-6)


def test_a_large_file_is_summarised_from_a_sample_and_says_so(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "SAMPLE_BYTES", 20 * 17 * 17 * 2 * 4)
    monkeypatch.setattr(summary, "SAMPLE_BLOCKS", 5)
    with open_cache(files["edges"]) as reader:
        result = summarise_file(reader, MIN_SCORE)
        rows = [
            row
            for block in summary.spread_blocks(reader.frames, 17 * 17 * 2 * 4)
            for row in range(reader.frames)[block]
        ]
        assert result.examined == len(rows) == 20
        modality = summary.frame_modality(reader.tracks, reader.frames)[rows]
        ok = reader.status[rows] == Status.OK
        length = np.concatenate([reader.read("edges", row, row + 1) for row in rows])[:, 15, 13, 0]
    for one in result.modalities:
        own = length[ok & (modality == Modality[one.name.upper()])]
        assert one.quality.frames == len(own)
        assert one.quality.share[0] == pytest.approx((own > 0).mean())
    assert "20 frames evenly spread" in summary_text(result)


def test_text_has_both_modalities_side_by_side_and_one_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = random_index(5, tracks=3, orphans=0)
    index.tracks.modality.base[:] = Modality.INFRARED  # type: ignore[union-attr]
    path = write_cache(tmp_path / "infrared.h5", index=index, seed=5)
    assert main(["inspect", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "star-reid.keypoints, version 3: 17 joints of every frame, with scores"
    visible = next(line for line in lines if line.startswith("visible"))
    assert visible.split()[1:] == ["0", "0", "0", "0", "0", "0", "-", "-"]
    nose = next(line for line in lines if line.startswith("nose")).split()
    assert nose[1:7] == ["-"] * 6
    assert nose[7] != "-"
    with open_cache(path) as reader:
        values = summary_values(summarise_file(reader, 0.3))
    assert values["modalities"]["visible"]["quality"]["nose"]["q50"] is None
    json.dumps(values, allow_nan=False)


@pytest.mark.parametrize("kind", ["keypoints", "graphs", "edges"])
def test_track_is_reported_frame_by_frame(
    files: dict[str, Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option = ["--min-score", str(MIN_SCORE)] if kind == "keypoints" else []
    values = printed(["inspect", str(files[kind]), "--track", "6", *option], capsys)
    with h5py.File(files[kind]) as file, h5py.File(files["keypoints"]) as source:
        start, stop = int(file["tracks/start"][6]), int(file["tracks/stop"][6])
        assert (values["start"], values["stop"]) == (start, stop)
        assert values["person"] == file["tracks/person"][6]
        assert values["camera"] == file["tracks/camera"][6]
        assert values["modality"] == Modality(file["tracks/modality"][6]).name.lower()
        totals: dict[str, list[float]] = {joint: [] for joint in JOINTS}
        for row, frame in zip(range(start, stop), values["frames"], strict=True):
            assert (frame["row"], frame["path"]) == (row, file["frames/path"].asstr()[row])
            assert frame["status"] == Status(source["frames/status"][row]).name.lower()
            score = source["frames/score"][row]
            seen = [joint for joint in range(17) if score[joint] >= MIN_SCORE]
            assert frame["seen_joints"] == (len(seen) if kind != "edges" or len(seen) > 1 else 0)
            known = seen if kind == "graphs" else list(range(17)) if frame["status"] == "ok" else []
            if kind == "edges" or not known:
                assert frame["mean_score"] is None
                continue
            assert frame["mean_score"] == pytest.approx(np.mean([score[joint] for joint in known]), abs=1e-6)
            worst = min(known, key=lambda joint: score[joint])
            assert frame["worst_joint"] == JOINTS[worst]
            assert frame["worst_score"] == pytest.approx(score[worst], abs=1e-6)
            for joint in known:
                totals[JOINTS[joint]].append(float(score[joint]))
    if kind != "edges":
        means = {joint: np.mean(scores) for joint, scores in totals.items() if scores}
        assert values["worst_joint"] == min(means, key=lambda joint: means[joint])
        assert values["mean_score"] == pytest.approx(
            np.mean([s for scores in totals.values() for s in scores]), abs=1e-6
        )


def test_track_as_text(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(files["keypoints"]), "--track", "0"]) == 0
    out = capsys.readouterr().out
    with open_cache(files["keypoints"]) as reader:
        report = report_track(reader, 0, 0.3)
    assert f"track 0: person {report.person}, camera {report.camera}, {report.modality}" in out
    assert all(frame.path in out for frame in report.frames)


def test_frame_of_each_kind(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(files["keypoints"]) as file:
        row = int(np.flatnonzero(file["frames/status"][:] == Status.OK)[3])
        path = file["frames/path"].asstr()[row]
        keypoints, score, size = (file["frames"][name][row] for name in ("keypoints", "score", "size"))
        track = int(file["frames/track"][row])
    values = printed(["inspect", str(files["keypoints"]), "--frame", path, "--min-score", str(MIN_SCORE)], capsys)
    assert (values["row"], values["track"], values["height"], values["width"]) == (row, track, *size.tolist())
    for number, joint in enumerate(JOINTS):
        x, y = keypoints[number].tolist()
        assert values["figures"][joint] == {
            "x": x,
            "y": y,
            "score": float(score[number]),
            "seen": bool(score[number] >= MIN_SCORE),
        }
    graph = printed(["inspect", str(files["graphs"]), "--frame", path], capsys)["figures"]
    edges = printed(["inspect", str(files["edges"]), "--frame", path], capsys)["figures"]
    for number, joint in enumerate(JOINTS):
        seen = score[number] >= MIN_SCORE
        assert graph[joint]["seen"] == seen
        assert graph[joint]["y / height"] == pytest.approx(keypoints[number, 1] / size[0] if seen else 0, rel=1e-6)
    for a, b in LIMBS:
        ends = [joint_index(a), joint_index(b)]
        both = bool((score[ends] >= MIN_SCORE).all())
        length = float(np.hypot(*(keypoints[ends[0]] - keypoints[ends[1]]))) / size[0] if both else 0
        assert edges[f"{a}-{b}"]["seen"] == both
        assert edges[f"{a}-{b}"]["distance"] == pytest.approx(length, rel=1e-5)
    assert main(["inspect", str(files["keypoints"]), "--frame", path]) == 0
    assert f"{keypoints[0, 0]:.3f}" in capsys.readouterr().out


def test_frame_without_keypoints_or_track(files: dict[str, Path]) -> None:
    with open_cache(files["keypoints"]) as reader:
        missing = report_frame(reader, reader.paths[2], 0.3)
        assert (missing.status, missing.height) == ("missing", None)
        assert missing.figures["nose"] == (None, None, None)
        assert not any(missing.seen.values())
        orphan = report_frame(reader, reader.paths[-1], 0.3)
        assert (orphan.track, orphan.person, orphan.modality) == (None, None, None)


def test_near_names_prefer_the_same_folder() -> None:
    names = [
        "Train/0001/ir/D2/1.jpg",
        "Train/0001/rgb/D1/11.jpg",
        "Train/0001/rgb/D1/7.jpg",
        "Train/0002/rgb/D1/12.jpg",
    ]
    assert near_names("Train/0001/rgb/D1/12.jpg", names)[0] == "Train/0001/rgb/D1/11.jpg"
    assert near_names("Train/0001/rgb/D9/1.jpg", names)
    assert near_names("", names) == []
    many = [f"Train/{person:04d}/rgb/D1/{frame}.jpg" for person in range(1, 400) for frame in range(1, 30)]
    assert near_names("Train/0077/rgb/D1/30.jpg", many)[0].startswith("Train/0077/rgb/D1/")


def test_names_from_a_file_do_not_reach_the_terminal_as_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = {"name": "\x1b]0;owned\x07", "more": "\x9b31m"}
    path = write_cache(tmp_path / "x.h5", index=random_index(5), recipe=recipe)
    with h5py.File(path, "r+") as file:
        row = int(file["tracks/start"][0])
        file["frames/path"][row] = b"a\x1b[31mb"
    for extra in ([], ["--json"], ["--track", "0"], ["--frame", "a\x1b[31mb"]):
        assert main(["inspect", str(path), *extra]) == 0
        out = capsys.readouterr().out
        assert all(letter.isprintable() or letter == "\n" for letter in out)
        assert r"\x1b" in out or r"\u001b" in out
    main(["check", str(path)])
    assert capsys.readouterr().out.replace("\n", "").isprintable()
