"""What a checkpoint says of itself, and its numbers, are checked when it is read: by evaluation and by resume alike."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.__main__ import main
from model.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint
from tests.model.training.training_runs import CHECKPOINTS, EPOCHS, STEPS, TRAIN, write_training_run

LAST = CHECKPOINTS / f"step-{EPOCHS * STEPS:08d}.safetensors"
EVALUATE = ("evaluate", "--config", "short.yaml", "--checkpoint", str(LAST))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_training_run()
        assert main([*TRAIN, "--set", "train.keep_checkpoints=1"]) == 0
    return folder


@pytest.fixture(autouse=True)
def copied(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def fact(key: str, value: Any) -> Callable[[Checkpoint], Checkpoint]:
    """A change of one fact, by its dotted name."""

    def change(checkpoint: Checkpoint) -> Checkpoint:
        *groups, last = key.split(".")
        place = checkpoint.facts
        for group in groups:
            place = place[group]
        place[last] = value
        return checkpoint

    return change


def tensor(change: Callable[[Any], Any]) -> Callable[[Checkpoint], Checkpoint]:
    """A change of the first batch norm's shift."""

    def changed(checkpoint: Checkpoint) -> Checkpoint:
        name = next(name for name in checkpoint.tensors if name.startswith("network.") and name.endswith("beta"))
        checkpoint.tensors[name] = change(checkpoint.tensors[name].copy())
        return checkpoint

    return changed


def with_nan(array: Any) -> Any:
    array[0] = np.nan
    return array


DAMAGE = {
    "a position beyond the epoch": (fact("position.step", 10**9), "position.step: expected less than the 5 steps"),
    "a position of nothing": (fact("position", None), "position: expected a mapping of epoch, step and total_steps"),
    "steps in text": (fact("steps_per_epoch", "five"), "steps_per_epoch: expected a whole number of 1 or more"),
    "no persons": (fact("persons", None), "persons: expected a whole number of 1 or more, got None"),
    "recipes in a list": (fact("recipes", []), "recipes: expected a mapping"),
    "weights of 64 bits": (tensor(lambda array: array.astype(np.float64)), "expected float32, got float64"),
    "a weight that is no number": (tensor(with_nan), "expected finite numbers, got NaN or infinity in 1 of"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("command", [(*TRAIN, "--resume"), EVALUATE])
def test_what_is_wrong_is_one_line(damage: str, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    change, says = DAMAGE[damage]
    write_checkpoint(LAST, change(read_checkpoint(LAST)))
    before = LAST.read_bytes()
    assert main([*command]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert f"{LAST}: " in line and says in line
    assert LAST.read_bytes() == before and not (CHECKPOINTS.parent / "metrics.json").exists()


def test_resume_takes_the_checkpoint_before_a_damaged_one(caplog: pytest.LogCaptureFixture) -> None:
    change, says = DAMAGE["a weight that is no number"]
    newer = LAST.with_name(f"step-{EPOCHS * STEPS + 1:08d}.safetensors")
    shutil.copyfile(LAST, newer)
    write_checkpoint(newer, change(read_checkpoint(newer)))
    with caplog.at_level(logging.INFO):
        assert main([*TRAIN, "--resume"]) == 0
    assert says in caplog.text and "taking the one before" in caplog.text
    assert f"{LAST}: all {EPOCHS} epochs are done" in caplog.text
