"""From JPEG frames to metrics with the configuration of `make demo`: the training persons are told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.__main__ import main as model
from pipeline.__main__ import main as pipeline

ROOT = Path(__file__).resolve().parents[2]
RUN = Path("artifacts/sample/runs/full")


@pytest.mark.slow
def test_the_sample_run_knows_its_training_persons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("configs", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    for split in ("train", "test"):
        keypoints = f"artifacts/sample/keypoints/{split}.h5"
        common = ["--config", "configs/sample.yaml"]
        options = ["--root", "data/sample", "--dataset", "sample", "--split", split, "--out", keypoints]
        assert pipeline(["keypoints", *common, *options]) == 0
        for kind in ("edges", "graphs"):
            made = f"artifacts/sample/{kind}/{split}.h5"
            assert pipeline([kind, *common, "--keypoints", keypoints, "--out", made]) == 0
    run = ["--config", "configs/runs/sample/full.yaml"]
    assert model(["train", *run]) == 0
    assert model(["evaluate", *run, "--split", "train"]) == 0
    metrics = json.loads((RUN / "protocols/split-train/metrics.json").read_text())
    for direction in ("infrared_to_visible", "visible_to_infrared"):
        assert metrics[direction]["rank-1"] >= 0.9, metrics
    capsys.readouterr()
    assert model(["evaluate", *run]) == 0
    assert "warning: only 4 persons" in capsys.readouterr().out
