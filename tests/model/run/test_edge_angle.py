"""A run on edges whose angle is read as sin 2θ and cos 2θ: trained, evaluated, and held apart from other readings."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_cache.contract.skeleton import JOINTS
from model.__main__ import main
from model.training.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint
from model.training.trained_network import load_network
from tests.model.evaluation.evaluation_runs import MODEL, write_config, write_dataset
from tests.model.training import training_runs

VALUES = 3 * len(JOINTS) * (len(JOINTS) - 1) // 2
RUN = replace(
    training_runs.RUN,
    model=replace(MODEL, sequence_guidance=False, seen_flags=True, image_height=19, image_width=16),
    train=replace(training_runs.RUN.train, epochs=1, steps_per_epoch=2, warmup_epochs=0, milestones=()),
)
COMMAND = ("--config", "short.yaml")


def test_a_run_reads_double_angles_and_refuses_other_edges(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset(RUN, seed=0, angle="sincos")
    write_config(RUN, Path("short.yaml"))
    assert main(["train", *COMMAND]) == 0
    (path,) = training_runs.CHECKPOINTS.glob("*.safetensors")
    checkpoint = read_checkpoint(path)
    assert checkpoint.facts["recipes"]["edges"]["angle"] == "sincos"
    weights = checkpoint.part("network")
    assert weights["edge_encoder.fc.weight"].shape == (RUN.model.edge_hidden, VALUES + VALUES // 3)
    mean, deviation = (weights[f"edge_encoder.standardize.{name}"] for name in ("mean", "deviation"))
    np.testing.assert_allclose(mean.reshape(-1, 3)[:, 1] ** 2 + deviation.reshape(-1, 3)[:, 1] ** 2, 0.5, atol=0.3)

    with caplog.at_level(logging.WARNING):
        assert main(["evaluate", *COMMAND]) == 0
    assert "another recipe" not in caplog.text
    metrics = json.loads((path.parents[1] / "metrics.json").read_text())
    assert metrics["provenance"]["recipes"]["edges"]["angle"] == "sincos"

    write_dataset(RUN, seed=0)  # arctan's
    capsys.readouterr()
    assert main(["evaluate", *COMMAND]) == 1
    assert "recipe: angle: expected 'sincos', as of the edges that" in (said := capsys.readouterr().err)
    assert "got 'arctan'; make them again with edges.angle: sincos, or train again" in said
    assert main(["train", *COMMAND, "--resume"]) == 1
    assert "recipes.edges.angle: sincos then, arctan now" in capsys.readouterr().err

    # A checkpoint that says nothing of the angle is one from before there was another.
    recipes = {"edges": {}, "graphs": {}}
    with pytest.raises(ValueError, match=r"fc\.weight of shape \(7, 544\) where \(7, 408\) is expected"):
        load_network(Checkpoint(checkpoint.tensors, {**checkpoint.facts, "recipes": recipes}))
    write_checkpoint(path, Checkpoint(checkpoint.tensors, {**checkpoint.facts, "recipes": recipes}))
    write_dataset(RUN, seed=0, angle="sincos")
    assert main(["evaluate", *COMMAND]) == 1
    assert "recipe: angle: expected 'arctan'" in (said := capsys.readouterr().err) and "got 'sincos'" in said
