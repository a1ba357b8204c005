"""A training that is killed and goes on ends with the bits of one that nothing disturbed."""

from __future__ import annotations

import csv
import json
import logging
import random
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from model.__main__ import main
from model.training.checkpoints.checkpoint_file import read_checkpoint, write_checkpoint
from model.training.trained_network import load_network
from tests.model.training.training_runs import (
    CHECKPOINTS,
    EPOCHS,
    EVERYTHING,
    STEPS,
    TRAIN,
    train_and_stop,
    write_training_run,
)

LAST = CHECKPOINTS / f"step-{EPOCHS * STEPS:08d}.safetensors"
LIVE = CHECKPOINTS.parent / "live"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set and a run that went through."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_training_run(EVERYTHING)
        assert main([*TRAIN]) == 0
    return folder


@pytest.fixture
def copied(undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to go on in."""
    shutil.copytree(undisturbed, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def fresh(copied: Path) -> Path:
    """The data set, without any run."""
    shutil.rmtree(CHECKPOINTS.parent)
    return copied


def test_killed_twice_and_resumed_gives_the_same_bits(fresh: Path, undisturbed: Path) -> None:
    first, second = random.randint(2, 6), random.randint(3, 5)
    killed = train_and_stop(signal.SIGKILL, first, "--workers", "2", folder=fresh)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = [int(path.stem.removeprefix("step-")) for path in sorted(CHECKPOINTS.iterdir())]
    assert done and max(done) < first, f"killed at {first}"
    killed = train_and_stop(signal.SIGKILL, second, "--resume", folder=fresh)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert f"going on from {CHECKPOINTS}/step-{max(done):08d}" in killed.stderr
    newest = sorted(CHECKPOINTS.iterdir())[-1]
    with newest.open("r+b") as file:
        file.truncate(newest.stat().st_size * 2 // 3)
    finished = train_and_stop(signal.SIGKILL, 10**6, "--resume", folder=fresh)
    assert finished.returncode == 0, finished.stderr
    assert f"WARNING {newest}: damaged" in finished.stderr

    expected, got = read_checkpoint(undisturbed / LAST), read_checkpoint(LAST)
    assert got.facts == expected.facts
    assert got.tensors.keys() == expected.tensors.keys()
    different = [name for name in got.tensors if got.tensors[name].tobytes() != expected.tensors[name].tobytes()]
    assert different == [], f"killed at {first} and {second}"
    assert tables(fresh / LIVE) == tables(undisturbed / LIVE)


def tables(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Step and value of every row of DVCLive's tables that do not tell the time."""
    found = {}
    for path in sorted(folder.rglob("*.tsv")):
        if path.stem not in ("frames_per_second", "waiting_share"):
            rows = list(csv.DictReader(path.open(), delimiter="\t"))
            found[path.name] = [(row["step"], row[path.stem]) for row in rows]
    return found


def test_the_run_reports_every_epoch_and_term(undisturbed: Path) -> None:
    named = tables(undisturbed / LIVE)
    terms = {"id_frame", "id_clip", "triplet", "kl", "sad", "total"}
    assert set(named) == {f"{name}.tsv" for name in (*terms, "learning_rate", "gradient_norm", "clipped_share")}
    assert all([step for step, _ in rows] == [str(epoch) for epoch in range(EPOCHS)] for rows in named.values())
    assert [float(rate) for _, rate in named["learning_rate.tsv"]] == pytest.approx([1e-3, 1e-3, 1e-4])
    last = json.loads((undisturbed / LIVE / "metrics.json").read_text())
    assert last["step"] == EPOCHS - 1
    assert last["loss"]["total"] == pytest.approx(sum(last["loss"][term] for term in terms - {"total"}), rel=1e-5)
    assert {"frames_per_second", "waiting_share"} <= set(last)


def test_only_the_last_checkpoints_are_kept(undisturbed: Path) -> None:
    assert sorted(path.name for path in (undisturbed / CHECKPOINTS).iterdir()) == [
        "step-00000014.safetensors",
        "step-00000015.safetensors",
    ]


def test_ctrl_c_writes_a_checkpoint_and_exits(fresh: Path) -> None:
    stopped = train_and_stop(signal.SIGINT, 3, folder=fresh)
    assert stopped.returncode == 130, stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert f"interrupted: {CHECKPOINTS}/step-00000003.safetensors is written; go on with --resume" in stopped.stderr
    position = read_checkpoint(CHECKPOINTS / "step-00000003.safetensors").facts["position"]
    assert position == {"epoch": 0, "step": 3, "total_steps": 3}


def test_a_run_that_exists_is_not_overwritten(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = LAST.read_bytes()
    assert main([*TRAIN]) == 1
    assert "expected no checkpoints, got 2; go on with --resume" in capsys.readouterr().err
    assert LAST.read_bytes() == before


def test_a_finished_run_has_nothing_left_to_do(copied: Path) -> None:
    before = LAST.read_bytes()
    assert main([*TRAIN, "--resume"]) == 0
    assert LAST.read_bytes() == before


def test_more_epochs_go_on_from_the_last_checkpoint(copied: Path) -> None:
    assert main([*TRAIN, "--resume", "--set", f"train.epochs={EPOCHS + 1}"]) == 0
    assert (CHECKPOINTS / f"step-{(EPOCHS + 1) * STEPS:08d}.safetensors").is_file()
    assert [step for step, _ in tables(LIVE)["total.tsv"]] == [str(epoch) for epoch in range(EPOCHS + 1)]


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("model.frame_guidance=false", "config.model.frame_guidance: True then, False now"),
        ("train.learning_rate=0.05", "config.train.learning_rate: 0.001 then, 0.05 now"),
        ("data.persons=2", "config.data.persons: 3 then, 2 now"),
    ],
)
def test_another_config_is_refused_by_its_keys(
    copied: Path, capsys: pytest.CaptureFixture[str], override: str, named: str
) -> None:
    before = LAST.read_bytes()
    assert main([*TRAIN, "--resume", "--set", override]) == 1
    error = capsys.readouterr().err
    assert named in error
    assert "--on-change restart" in error
    assert LAST.read_bytes() == before


def test_other_epochs_of_a_cosine_are_refused_with_the_reason(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = read_checkpoint(LAST)
    checkpoint.facts["config"]["train"]["schedule"] = "cosine"
    write_checkpoint(LAST, checkpoint)
    cosine = (*TRAIN, "--resume", "--set", "train.schedule=cosine", "--set")
    assert main([*cosine, f"train.epochs={EPOCHS + 1}"]) == 1
    expected = rf"train.epochs \(its cosine falls to 0 over all .*\): {EPOCHS} then, {EPOCHS + 1} now; set these back"
    assert re.search(expected, capsys.readouterr().err)
    assert main([*cosine, f"train.epochs={EPOCHS}"]) == 0


def test_another_cache_is_refused_by_its_keys(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = read_checkpoint(LAST)
    checkpoint.facts["recipes"]["edges"] |= {"keypoints": {"seed": -1}, "angle": "sincos"}
    write_checkpoint(LAST, checkpoint)
    assert main([*TRAIN, "--resume"]) == 1
    error = capsys.readouterr().err
    assert "recipes.edges.keypoints.seed: -1 then" in error
    assert "recipes.edges.angle: sincos then, arctan now" in error


def test_a_changed_run_may_begin_anew_without_losing_the_old_one(
    copied: Path, undisturbed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = ("--resume", "--on-change", "restart", "--set", "model.sequence_guidance=false", "train.epochs=1")
    with caplog.at_level(logging.WARNING):
        assert main([*TRAIN, *options[:-1], "--set", options[-1]]) == 0
    aside = CHECKPOINTS.with_name("checkpoints.before-1")
    assert (aside / LAST.name).read_bytes() == (undisturbed / LAST).read_bytes()
    assert str(aside) in caplog.text
    assert read_checkpoint(CHECKPOINTS / f"step-{STEPS:08d}.safetensors").facts["config"]["model"]["frame_guidance"]
    assert [step for step, _ in tables(LIVE)["total.tsv"]] == ["0"]


def test_optimizer_and_running_sums_are_in_the_checkpoint(undisturbed: Path) -> None:
    tensors = read_checkpoint(undisturbed / CHECKPOINTS / "step-00000014.safetensors").tensors
    moving = [name for name in tensors if name.startswith(("optimizer.exp_avg.", "optimizer.exp_avg_sq."))]
    assert len(moving) > 100
    assert all(np.abs(tensors[name]).max() > 0 for name in moving)
    assert tensors["optimizer.state_step"] == 14
    assert tensors["epoch_sums"].shape == (9,)
    assert (tensors["epoch_sums"] > 0).all()


def test_the_averaged_weights_are_those_that_are_evaluated(undisturbed: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = read_checkpoint(undisturbed / LAST)
    with caplog.at_level(logging.INFO):
        found = {p.name: p.asnumpy() for p in load_network(checkpoint).get_parameters()}
    assert "averaged weights are taken (train.ema: 0.5)" in caplog.text
    averages, last = checkpoint.part("ema"), checkpoint.part("network")
    assert found.keys() == averages.keys() == last.keys()
    assert all(found[name].tobytes() == averages[name].tobytes() for name in found)
    assert sum(averages[name].tobytes() != last[name].tobytes() for name in last) > 100
