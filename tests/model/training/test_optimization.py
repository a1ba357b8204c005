"""What becomes of the gradients, compiled, against torch by value."""

from __future__ import annotations

from typing import Any

import mindspore as ms
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.run.config import TrainConfig
from model.training.epoch_sums import EpochSums
from model.training.optimization.averaged_weights import AveragedWeights
from model.training.optimization.gradient_norm import clipped, gradient_norm
from model.training.optimization.optimizers import build_optimizer
from model.training.schedule import ema_decay
from model.training.training_step import StepFigures

SHAPES = {"backbone": (5, 7), "bias": (3,), "others": (2, 11)}


def gradients(seed: int, scale: float = 1.0) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    return [(random.normal(size=shape) * scale).astype(np.float32) for shape in SHAPES.values()]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_gradients_are_clipped_as_in_torch(scale: float) -> None:
    slopes = gradients(0, scale)

    def clip(*slopes: Any) -> Any:
        norm = gradient_norm(slopes)
        return norm, clipped(slopes, norm, 2.0)

    norm, got = ms.jit(clip)(*map(ms.Tensor, slopes))
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in SHAPES.values()]
    for weight, slope in zip(weights, slopes, strict=True):
        weight.grad = torch.tensor(slope)
    expected = torch.nn.utils.clip_grad_norm_(weights, 2.0)
    assert float(norm.asnumpy()) == pytest.approx(expected.item(), rel=1e-6)
    for one, weight in zip(got, weights, strict=True):
        assert weight.grad is not None
        np.testing.assert_allclose(one.asnumpy(), weight.grad.numpy(), rtol=1e-6)
    assert (got[0].asnumpy() == slopes[0]).all() == (scale < 1)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_updates_are_those_of_torch(name: Any) -> None:
    """Both rates, handed in anew at every step, weight decay, and gradients of very different sizes."""
    config = TrainConfig(optimizer=name, learning_rate=0.01, backbone_lr_ratio=0.3, momentum=0.8, weight_decay=0.05)
    first = gradients(1)
    weights = [ms.Parameter(ms.Tensor(w), name=name) for name, w in zip(SHAPES, first, strict=True)]
    optimizer = build_optimizer(weights[:1], weights[1:], weights, config)
    twins = [torch.nn.Parameter(torch.tensor(w)) for w in first]
    groups = [{"params": twins[:1]}, {"params": twins[1:]}]
    theirs: torch.optim.Optimizer = torch.optim.AdamW(groups, weight_decay=0.05)
    if name == "sgd":
        theirs = torch.optim.SGD(groups, momentum=0.8, nesterov=True, weight_decay=0.05)

    def update(*slopes: Any) -> Any:
        return optimizer.update(slopes)

    compiled = ms.jit(update)
    for step in range(5):
        rate = 0.01 * (step + 1)
        optimizer.set_rate(rate)
        slopes = gradients(2 + step, 10.0 ** (step - 3))
        compiled(*map(ms.Tensor, slopes))
        for group, share in zip(theirs.param_groups, (0.3, 1.0), strict=True):
            group["lr"] = rate * share
        for twin, slope in zip(twins, slopes, strict=True):
            twin.grad = torch.tensor(slope)
        theirs.step()
        for weight, twin in zip(weights, twins, strict=True):
            np.testing.assert_allclose(weight.asnumpy(), twin.detach().numpy(), rtol=2e-6, atol=1e-6)
    assert len(optimizer.state) == {"sgd": 6, "adamw": 7}[name]
    assert all(np.abs(parameter.asnumpy()).max() > 0 for parameter in optimizer.state if "stat." not in parameter.name)


def test_averages_are_those_of_torch_and_plain_numpy() -> None:
    """Weights, a parameter that never moves, and decays that rise to that of the run."""
    config = TrainConfig(ema=0.3)
    weights = [ms.Parameter(ms.Tensor(w), name=name) for name, w in zip(SHAPES, gradients(1), strict=True)]
    averaged = AveragedWeights(weights)
    model = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(w)) for w in gradients(1)])
    by_hand = [w.astype(np.float64) for w in gradients(1)]
    for step, decay in enumerate((0.1, 2 / 11, 3 / 12, 0.3, 0.3)):
        assert ema_decay(config, step) == pytest.approx(decay)
        for weight, value in zip(weights[1:], gradients(2 + step)[1:], strict=True):
            ms.ops.assign(weight, ms.Tensor(value))
        averaged.update(decay)
        now = [weight.asnumpy() for weight in weights]
        by_hand = [decay * old + (1 - decay) * new for old, new in zip(by_hand, now, strict=True)]
        torch.optim.swa_utils.get_ema_multi_avg_fn(decay)(list(model), [torch.tensor(w) for w in now], step)
    for parameter, expected, theirs in zip(averaged.parameters, by_hand, model, strict=True):
        np.testing.assert_allclose(parameter.asnumpy(), expected, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(parameter.asnumpy(), theirs.detach().numpy(), rtol=1e-6, atol=1e-7)
    assert [parameter.name for parameter in averaged.parameters] == [f"ema.{name}" for name in SHAPES]
    assert (averaged.parameters[0].asnumpy() == gradients(1)[0]).all()


def test_sums_tell_means_and_leave_out_what_overflowed() -> None:
    sums = EpochSums()
    for norm in (3.0, float("inf"), 7.0, 2.0):
        sums.add(StepFigures(10.0, np.arange(5, dtype=np.float32), norm), clip_norm=2.5)
    losses, norm, share = EpochSums(sums.values).means(4)
    assert losses.tolist() == [10, 0, 1, 2, 3, 4]
    assert (norm, share) == (4.0, 0.5)
    sums.add(StepFigures(10.0, np.arange(5, dtype=np.float32)), clip_norm=0.0)
    assert sums.means(5)[1:] == (4.0, 2 / 5)
    assert EpochSums().means(3).gradient_norm is None
