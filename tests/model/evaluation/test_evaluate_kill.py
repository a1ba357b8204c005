"""Evaluations that are killed or run into each other: the older results stay whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_cache.files.output_lock import lock_output
from model.__main__ import main
from model.evaluation import clip_embedder
from model.evaluation.feature_file import read_features
from tests.model.evaluation.evaluation_runs import stub_features, write_run

ROOT = Path(__file__).resolve().parents[3]
HOME = Path("artifacts/tiny/runs/full")

# The process ends itself, in earnest, when both files are written but neither has its name yet.
DYING = """
import os, signal, sys
from model.__main__ import main
from model.evaluation import clip_embedder, evaluation
from tests.model.evaluation.evaluation_runs import stub_features

write = evaluation.write_features

def write_and_die(*arguments):
    write(*arguments)
    assert os.path.exists("artifacts/tiny/runs/full/metrics.json.partial")
    os.kill(os.getpid(), signal.SIGKILL)

evaluation.write_features = write_and_die
clip_embedder.clip_embedder = lambda network: stub_features
sys.exit(main(["evaluate", "--config", "full.yaml", "--batch", "3"]))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clip_embedder, "clip_embedder", lambda network: stub_features)
    write_run()
    return tmp_path


def test_a_killed_evaluation_leaves_the_older_results_and_the_next_one_replaces_them(folder: Path) -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    for name in ("metrics.json", "features.h5"):
        (HOME / name).write_text("older")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", DYING], env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [(HOME / name).read_text() for name in ("metrics.json", "features.h5")] == ["older", "older"]
    assert main(["evaluate", "--config", "full.yaml"]) == 0
    assert len(read_features(HOME / "features.h5")[0]) == 6
    assert sorted(path.name for path in HOME.iterdir()) == ["checkpoints", "features.h5", "metrics.json"]


def test_two_evaluations_do_not_write_the_same_results(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from data_cache.files.output_lock import lock_output\n"
        "with lock_output(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(HOME / "metrics.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert main(["evaluate", "--config", "full.yaml"]) == 1
        assert f"another run (process {other.pid}) is writing this file" in capsys.readouterr().err
        other.communicate("")
    with lock_output(HOME / "metrics.json"):
        assert not (HOME / "metrics.json").exists()


def test_an_error_on_the_way_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        clip_embedder, "clip_embedder", lambda network: lambda *clips, **of: stub_features(*clips, **of) * np.nan
    )
    assert main(["evaluate", "--config", "full.yaml"]) == 1
    assert "the network has diverged or its checkpoint is damaged" in capsys.readouterr().err
    assert sorted(path.name for path in HOME.iterdir()) == ["checkpoints"]
