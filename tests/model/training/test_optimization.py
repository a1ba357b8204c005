"""What becomes of the gradients, compiled, against torch by value."""

from __future__ import annotations

from typing import Any

import mindspore as ms
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.training.epoch_sums import EpochSums
from model.training.optimization.gradient_norm import clipped, gradient_norm
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
