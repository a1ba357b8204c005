"""Mixed precision: every level computes about what float32 does, and a step that overflows changes no weight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_type_hints

import mindspore as ms
import numpy as np
import pytest

from model.network.losses import TotalLoss
from model.run.config import LossConfig, TrainConfig
from model.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint
from model.training.training_step import StepFigures, TrainingStep
from tests.model.network.test_network import PERSON, PERSONS, build, inputs
from tests.model.training.checkpoint_records import whole_facts, with_sums

LEVELS = ("O1", "O2", "O3")
RATE, DECAY, SCALE = 0.01, 5e-4, 64.0
LIMIT = 2.0  # clips the gradients of one of the levels
TOO_LARGE = 2.0**60  # of a loss scale: float16 ends at 65504
PERIOD = 1000  # good steps after which the scale doubles
Tensors = dict[str, np.ndarray]


def build_step(level: str) -> TrainingStep:
    network = build()
    config = TrainConfig(amp=cast(Any, level), weight_decay=DECAY, clip_norm=LIMIT if level == "O2" else 0.0)
    return TrainingStep(network, TotalLoss(LossConfig(), network.consistent), config)


def set_scale(step: TrainingStep, scale: float, counter: int = 0) -> Tensors:
    """Put a loss scale and the number of good steps since it last changed; returns all tensors."""
    state = {"scaler.scale_value": np.array(scale, np.float32), "scaler.counter": np.array(counter, np.int32)}
    step.restore(step.tensors() | state)
    return step.tensors()


def make_step(step: TrainingStep) -> StepFigures:
    return step(inputs(step.network.channels), PERSON, RATE)


def changed(before: Tensors, after: Tensors) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name].tobytes() != after[name].tobytes()}


@dataclass(frozen=True, eq=False)
class FirstStep:
    """A level's step, compiled, and what it gave and did the first time."""

    step: TrainingStep
    before: Tensors
    total: float
    terms: np.ndarray
    norm: float | None
    after: Tensors


@pytest.fixture(scope="module")
def full_precision() -> tuple[np.ndarray, Tensors, Tensors]:
    """In float32: the losses, the gradients by name, and all tensors."""
    step = build_step("O0")
    assert step.scaler is None
    arguments = [ms.Tensor(array) for array in (*inputs(step.network.channels), PERSON)]
    (_, _, terms), slopes = step.gradients(*arguments)
    found = {p.name: slope.asnumpy() for p, slope in zip(step.optimizer.parameters, slopes, strict=True)}
    return terms.asnumpy(), found, step.tensors()


@pytest.fixture(scope="module", params=LEVELS)
def first(request: pytest.FixtureRequest) -> FirstStep:
    step = build_step(request.param)
    before = set_scale(step, SCALE)
    return FirstStep(step, before, *make_step(step), step.tensors())


def test_all_levels_that_the_config_knows_are_tried() -> None:
    assert {"O0", *LEVELS} == set(get_type_hints(TrainConfig)["amp"].__args__)


def test_checkpoints_have_the_same_names_types_and_values_at_every_level(
    first: FirstStep, full_precision: tuple[np.ndarray, Tensors, Tensors]
) -> None:
    _, _, expected = full_precision
    own = {name: array for name, array in first.before.items() if not name.startswith("scaler.")}
    assert list(own) == list(expected)
    assert {name: array.dtype for name, array in first.after.items() if name in own} == {
        name: array.dtype for name, array in expected.items()
    }
    weights = {name for name in own if "moving" not in name}
    assert not changed(own, expected) & weights


def test_losses_and_gradients_are_those_of_float32_but_for_rounding(
    first: FirstStep, full_precision: tuple[np.ndarray, Tensors, Tensors]
) -> None:
    terms, gradients, _ = full_precision
    np.testing.assert_allclose(first.terms, terms, rtol=0.01, atol=1e-3)
    assert (first.terms != terms).any(), "computed in float32"
    assert first.total == pytest.approx(first.terms.sum(), rel=1e-5)
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
    assert first.norm is None or (first.norm == pytest.approx(norm, rel=0.1) and norm > LIMIT)
    share = 1.0 if first.norm is None else LIMIT / first.norm
    for name, gradient in gradients.items():
        if name.endswith("key.bias"):  # it adds the same to every score of a softmax: 0 but for rounding
            continue
        # After the first step the momentum is the gradient and the decay.
        got = first.after[f"optimizer.accum.{name}"] - DECAY * first.before[f"network.{name}"]
        assert np.linalg.norm(got / share - gradient) < 0.25 * np.linalg.norm(gradient), name


def test_a_good_step_moves_every_weight_and_counts(first: FirstStep) -> None:
    learnt = {f"network.{p.name}" for p in first.step.optimizer.parameters}
    assert learnt <= changed(first.before, first.after)
    assert first.after["scaler.scale_value"] == SCALE
    assert first.after["scaler.counter"] == 1


def test_a_step_that_overflows_changes_no_weight_and_halves_the_scale(first: FirstStep) -> None:
    before = set_scale(first.step, TOO_LARGE, 5)
    _, terms, norm = make_step(first.step)
    after = first.step.tensors()
    assert np.isfinite(terms).all() and (norm is None or not np.isfinite(norm))
    statistics = {name for name in before if name.endswith(("moving_mean", "moving_variance"))}
    assert changed(before, after) - statistics == {"scaler.scale_value", "scaler.counter"}
    assert after["scaler.scale_value"] == TOO_LARGE / 2
    assert after["scaler.counter"] == 0


def test_the_scale_is_kept_in_checkpoints_and_goes_on_from_there(first: FirstStep, tmp_path: Path) -> None:
    kept = set_scale(first.step, SCALE, PERIOD - 1)
    write_checkpoint(tmp_path / "step.safetensors", Checkpoint(with_sums(kept), whole_facts(2, persons=PERSONS)))
    set_scale(first.step, 2.0, 3)
    read = read_checkpoint(tmp_path / "step.safetensors").tensors
    first.step.restore(read)
    assert changed(kept, first.step.tensors()) == set()
    make_step(first.step)
    after = first.step.tensors()
    assert after["scaler.scale_value"] == 2 * SCALE
    assert after["scaler.counter"] == 0


def test_a_checkpoint_without_the_scale_is_refused(first: FirstStep) -> None:
    tensors = {name: array for name, array in first.before.items() if name != "scaler.counter"}
    with pytest.raises(ValueError, match="expected the scaler's own tensors, got no counter"):
        first.step.restore(tensors)
