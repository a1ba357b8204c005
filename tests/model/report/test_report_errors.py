"""What cannot be reported on is one line with the remedy, before MindSpore is loaded; an older report stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.files.published_file import publish_files
from model.__main__ import main
from model.evaluation.feature_file import read_features, read_provenance, write_features
from model.retrieval.ranking import features_digest
from tests.factories import write_cache
from tests.model.report.report_runs import BASELINE, RUN, write_report_tree, write_results

HOME = Path("artifacts/tiny/runs/full")
OTHER = HOME.parent / "baseline"
OUT = Path("artifacts/tiny/reports/full.html")
KEYPOINTS = Path("artifacts/tiny/keypoints/test.h5")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        write_report_tree()
    return path


@pytest.fixture(autouse=True)
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs to spoil, and an older report; explaining a clip is a failure."""
    shutil.copytree(made, tmp_path / "run", ignore=shutil.ignore_patterns("data"))
    (tmp_path / "run/data").symlink_to(made / "data")  # `own_data` makes it a copy
    monkeypatch.chdir(tmp_path / "run")
    OUT.parent.mkdir()
    OUT.write_text("older")
    monkeypatch.setattr("model.report.heat.heat_section._explain", lambda *_: pytest.fail("a network is built"))
    return tmp_path / "run"


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Ask for a report that must fail with one line; return the line."""
    assert main(["report", "--config", "full.yaml", *options]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(("INFO", "WARNING"))]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert OUT.read_text() == "older"
    assert sorted(path.name for path in OUT.parent.iterdir()) in (["full.html"], ["full.html", "full.html.lock"])
    return lines[0]


def spoil_version() -> None:
    with h5py.File(HOME / "features.h5", "r+") as file:
        file.attrs.modify("version", np.int32(99))


def spoil_track() -> None:
    """A track number that the cache has, but not for this person."""
    for path in (HOME, OTHER):
        infrared, visible = read_features(path / "features.h5")
        mixed = replace(infrared, person=infrared.person[::-1].copy())
        provenance = read_provenance(path / "features.h5")
        with publish_files(path / "features.h5") as (file,):
            write_features(file, mixed, visible, provenance)
        results = json.loads((path / "metrics.json").read_text())
        results["provenance"]["features"] = features_digest(mixed, visible)
        (path / "metrics.json").write_text(json.dumps(results))


def spoil_metrics(*keys: str, value: object) -> None:
    content = json.loads((HOME / "metrics.json").read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (HOME / "metrics.json").write_text(json.dumps(content))


def own_data() -> Path:
    """A copy of the frames to spoil."""
    source = Path("data").resolve()
    Path("data").unlink()
    shutil.copytree(source, "data")
    return Path("data")


def break_frames() -> None:
    own_data()
    for path in Path("data/tiny/Test").glob("*/*/*/*.jpg"):
        path.write_bytes(b"no picture")


def write_table(text: str) -> None:
    (HOME / "live/plots/metrics/loss/kl.tsv").write_text(text)


SPOILED: dict[str, tuple[Callable[[], object], tuple[str, ...], str]] = {
    "no metrics": (
        lambda: (HOME / "metrics.json").unlink(),
        (),
        "runs/full/metrics.json: no such file; star evaluate writes it",
    ),
    "no run": (lambda: shutil.rmtree(HOME), (), "runs/full/metrics.json: no such file"),
    "damaged metrics": (lambda: (HOME / "metrics.json").write_text("{"), (), "expected the metrics.json of an eval"),
    "a figure": (
        lambda: spoil_metrics("visible_to_infrared", "mAP", value=1.5),
        (),
        "visible_to_infrared: mAP: expected a fraction in 0…1, got 1.5); star evaluate writes it anew",
    ),
    "recipes": (lambda: spoil_metrics("provenance", "recipes", value=[]), (), "recipes: expected those of edges and"),
    "protocol": (
        lambda: spoil_metrics("provenance", "protocol", "min_frames", value="x"),
        (),
        "protocol: expected whole numbers",
    ),
    "other protocol": (
        lambda: spoil_metrics("provenance", "protocol", "label", value="clips-all"),
        (),
        "expected the run's own protocol (default), got clips-all; evaluate the run again",
    ),
    "no features": (lambda: (HOME / "features.h5").unlink(), (), "features.h5: no such features file; make it with"),
    "features of another version": (
        spoil_version,
        (),
        "features.h5: attribute version: expected version 1 to 3, found",
    ),
    "features of another kind": (
        lambda: shutil.copy(KEYPOINTS, HOME / "features.h5"),
        (),
        "expected 'star-reid.features', found 'star-reid.keypoints'",
    ),
    "features of another evaluation": (
        lambda: shutil.copy(OTHER / "features.h5", HOME / "features.h5"),
        (),
        "features.h5: expected the features that artifacts/tiny/runs/full/metrics.json was made from, got those of",
    ),
    "features of other tracks": (spoil_track, (), "edges/test.h5: expected the 6 infrared tracks that the features of"),
    "no such baseline": (
        lambda: None,
        ("--baseline", "none"),
        "--baseline: artifacts/tiny/runs/none: expected a finished run, but it has no metrics.json, features.h5,"
        " checkpoints; `star train --config configs/runs/tiny/none.yaml`, then",
    ),
    "unfinished baseline": (
        lambda: shutil.rmtree(OTHER / "checkpoints"),
        ("--baseline", "baseline"),
        "it has no checkpoints; `star train",
    ),
    "baseline elsewhere": (lambda: None, ("--baseline", "../x"), "--baseline: expected the plain name of a run in"),
    "the run itself": (lambda: None, ("--baseline", "full"), "--baseline: expected another run than full itself"),
    "baseline of other tracks": (
        lambda: write_results(BASELINE, OTHER, min_frames=14),
        ("--baseline", "baseline"),
        "--baseline: artifacts/tiny/runs/baseline: expected the 6 infrared tracks that artifacts/tiny/runs/full was",
    ),
    "no folder": (lambda: Path("data").unlink(), (), "data/tiny: no such folder; set root to the folder"),
    "frames that moved": (
        lambda: shutil.rmtree(own_data() / "tiny/Test/0013"),
        (),
        "data/tiny: expected the images that artifacts/tiny/edges/test.h5 was made from, but 10 of 26",
    ),
    "frames that broke": (break_frames, (), "expected a frame that can be read, as when the keypoints were made"),
    "no cache": (lambda: Path("artifacts/tiny/edges/test.h5").unlink(), (), "no such cache file of the test split"),
    "keypoints of another kind": (
        lambda: shutil.copy("artifacts/tiny/edges/test.h5", KEYPOINTS),
        (),
        "keypoints/test.h5: attribute format: expected star-reid.keypoints, found 'star-reid.edges'; name a file of",
    ),
    "keypoints of another split": (
        lambda: shutil.copy("artifacts/tiny/keypoints/train.h5", KEYPOINTS),
        (),
        "keypoints/test.h5: split: expected 'test', got 'train': keypoints of something else",
    ),
    "keypoints of another data set": (
        lambda: write_cache(KEYPOINTS),
        (),
        "keypoints/test.h5: dataset: expected 'tiny', got 'sample': keypoints of something else",
    ),
    "a table of something else": (lambda: write_table("a\tb\n1\t2\n"), (), "kl.tsv: expected DVCLive's table with"),
    "a table with a step of 400 digits": (
        lambda: write_table(f"step\tkl\n{'9' * 400}\t1\n"),
        (),
        "kl.tsv: expected DVCLive's table with",
    ),
    "a table with words": (lambda: write_table("step\tkl\n0\tmuch\n"), (), "kl.tsv: expected DVCLive's table with"),
    "clip lengths of something else": (
        lambda: (HOME / "clip_lengths.json").write_text("[]"),
        (),
        "clip_lengths.json: expected the clip_lengths.json of an evaluation, got something else",
    ),
    "a folder for the file": (lambda: None, ("--out", "data"), "data: a folder has this name; choose another name"),
    "a file for a folder": (
        lambda: Path("taken").touch(),
        ("--out", "taken/here.html"),
        "cannot make its folder",
    ),
    "no config": (lambda: Path("full.yaml").unlink(), (), "full.yaml: no such settings file"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_is_wrong_is_one_line_with_the_remedy(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, options, expected = SPOILED[case]
    spoil()
    assert expected in refused(capsys, *options)


@pytest.mark.parametrize("options", [("--queries", "-1"), ("--clips", "some"), ("--device", "TPU"), ("--surprise",)])
def test_wrong_usage(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--config", "full.yaml", *options])
    assert stopped.value.code == 2


def test_the_unspoiled_copy_can_be_reported_on() -> None:
    """Else the tests above could pass for another reason."""
    assert main(["report", "--config", "full.yaml", "--clips", "0"]) == 0
    assert OUT.read_text().startswith("<!doctype html>")
    assert RUN.name == "full"
