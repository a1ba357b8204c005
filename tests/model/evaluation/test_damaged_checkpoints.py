"""A checkpoint whose facts or numbers are wrong is one line with the fact or tensor, and older results stay."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model.__main__ import main
from model.training import trained_network
from model.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint
from tests.model.evaluation.evaluation_runs import write_run

HOME = Path("artifacts/tiny/runs/full")
CHECKPOINT = HOME / "checkpoints/step-00000123.safetensors"
Tensors = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        write_run()
    return path


@pytest.fixture(autouse=True)
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the run to spoil; building a network is a failure."""
    shutil.copytree(made, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    (HOME / "metrics.json").write_text("older")
    monkeypatch.setattr(trained_network, "load_network", lambda _: pytest.fail("a network is built"))


def position(**changed: Any) -> dict[str, Any]:
    return {"position": {"epoch": 2, "step": 3, "total_steps": 123, **changed}}


FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "a step beyond its epoch": (
        position(step=60),
        "position.step: expected less than the 60 steps of an epoch, got 60",
    ),
    "another sum of steps": (position(total_steps=9), "position.total_steps: expected 123, those of 2 epochs of 60"),
    "an epoch beyond all": (position(epoch=10**9, total_steps=60 * 10**9 + 3), "position: expected at most the"),
    "a step before the first": (position(step=-1), "position.step: expected a whole number of 0 or more, got -1"),
    "half an epoch": (position(epoch=1.5), "position.epoch: expected a whole number of 0 or more, got 1.5"),
    "text": (position(epoch="2"), "position.epoch: expected a whole number of 0 or more, got '2'"),
    "null": ({"position": None}, "position: expected a mapping of epoch, step and total_steps, got None"),
    "truth": ({"persons": True}, "persons: expected a whole number of 1 or more, got True"),
    "no steps": ({"steps_per_epoch": 0}, "steps_per_epoch: expected a whole number of 1 or more, got 0"),
    "400 digits": ({"persons": 10**400}, "expected whole numbers of 64 bits, got 1000"),
    "a recipe of text": ({"recipes": {"edges": "x"}}, "recipes.edges: expected a mapping of a recipe's settings"),
    "a digest of words": ({"pretrained": "imagenet"}, "pretrained: expected 64 hexadecimal digits or none"),
}


def with_value(value: float) -> Callable[[Tensors], Tensors]:
    def change(tensors: Tensors) -> Tensors:
        name = first_weight(tensors)
        array = tensors[name].copy()
        array.flat[-1] = value
        return {**tensors, name: array}

    return change


def first_weight(tensors: Tensors) -> str:
    return min(name for name in tensors if name.startswith("network."))


TENSORS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "NaN": (with_value(float("nan")), "expected finite numbers, got NaN or infinity in 1 of"),
    "infinity": (with_value(float("inf")), "expected finite numbers, got NaN or infinity in 1 of"),
    "float64": (
        lambda t: {**t, first_weight(t): t[first_weight(t)].astype(np.float64)},
        "expected float32, got float64",
    ),
    "no sums": (lambda t: {n: a for n, a in t.items() if n != "epoch_sums"}, "epoch_sums: expected the running sums"),
    "other sums": (lambda t: {**t, "epoch_sums": np.zeros(7)}, "epoch_sums: expected the shape (9,) or (6,), got (7,)"),
    "another part": (lambda t: {**t, "weights.x": np.zeros(3, np.float32)}, "tensors: expected names that begin with"),
}


def refused(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert main([*command, "--config", "full.yaml"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(("INFO", "WARNING"))]
    assert line.startswith(f"error: {CHECKPOINT}: ")
    assert (HOME / "metrics.json").read_text() == "older"
    return line


@pytest.mark.parametrize("case", FACTS)
def test_a_fact_that_cannot_be_is_named(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts, expected = FACTS[case]
    found = read_checkpoint(CHECKPOINT)
    write_checkpoint(CHECKPOINT, Checkpoint(found.tensors, {**found.facts, **facts}))
    before = CHECKPOINT.read_bytes()
    for command in (
        ("evaluate",),
        ("evaluate", "--checkpoint", str(CHECKPOINT)),
        ("train", "--resume", "--set", "data.persons=2"),
    ):
        assert expected in refused(capsys, *command)
    assert CHECKPOINT.read_bytes() == before


@pytest.mark.parametrize("case", TENSORS)
def test_a_tensor_that_cannot_be_is_named(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    change, expected = TENSORS[case]
    found = read_checkpoint(CHECKPOINT)
    changed = change(found.tensors)
    write_checkpoint(CHECKPOINT, Checkpoint(changed, found.facts))
    for command in (("evaluate",), ("train", "--resume", "--set", "data.persons=2")):
        line = refused(capsys, *command)
        assert expected in line
        if case in ("NaN", "infinity", "float64"):
            assert f"{first_weight(changed)}: " in line
