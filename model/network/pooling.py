"""Generalized-mean pooling with several exponents (eq 11; reference 30: Radenović et al.), of all cells or by parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALLEST = 1e-6  # what |f| counts at least


class GeneralizedMean(nn.Cell):
    """g_p = (mean_i max(|f_i|, 1e-6)^p)^(1/p) over the last axis, for every exponent p.

    construct(f): (..., C, I) → (..., K, C) float32, exponents in the order given. Learnt exponents are kept as their
    logarithms, so that they stay above 0.
    construct(f, masks): with masks (..., P, I), which sum to one over I and are 1e-6 or more, the mean is weighted by
    each → (..., P, K, C).

    Computed as exp(m + log(mean exp(p (log|f| − m))) / p) with m the largest log|f|: f⁷ of a channel that is silent
    in a whole frame would underflow, and its gradient be NaN.
    """

    def __init__(self, exponents: Sequence[float], learn: bool = False) -> None:
        super().__init__()
        logs = np.array([math.log(p) for p in exponents], np.float32)
        self.count = len(logs)
        self.log_exponents = Parameter(Tensor(logs), name="log_exponents", requires_grad=learn)

    def construct(self, f: Tensor, masks: Tensor | None = None) -> Tensor:
        logs = natural_log(ops.clamp(ops.abs(ops.cast(f, ms.float32)), SMALLEST))
        largest = ops.stop_gradient(ops.amax(logs, -1, True))
        above = logs - largest
        exponents = ops.exp(self.log_exponents)
        pooled = []
        for k in range(self.count):
            p = exponents[k]
            powers = ops.exp(p * above)
            mean = ops.mean(powers, -1) if masks is None else ops.matmul(masks, ops.swapaxes(powers, -1, -2))
            pooled.append(natural_log(mean) / p)
        largest = ops.expand_dims(ops.squeeze(largest, -1), -2)
        if masks is not None:
            largest = ops.expand_dims(largest, -2)
        return ops.exp(ops.stack(pooled, -2) + largest)


def natural_log(x: Tensor) -> Tensor:
    """log x for float32 x ≥ 1e-6, any shape, to 2e-6.

    By way of log1p: MindSpore's own log rounds differently at the ends of the pieces that it deals to threads, and it
    deals anew from launch to launch, so that two runs of one training would differ in the last bit.
    """
    return ops.log1p(x * (1 / SMALLEST) - 1) + math.log(SMALLEST)
