"""The norm of a step's gradients, all together, and gradients clipped by it, as torch.nn.utils.clip_grad_norm_ does.

Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, ICML 2013.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mindspore as ms
from mindspore import Tensor, ops

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST = 1e-6  # added to the norm that is divided by


def gradient_norm(slopes: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all values of `slopes`, () float32; not finite where one of them is not."""
    squares = [ops.sum(ops.square(ops.cast(slope, ms.float32))) for slope in slopes]
    return ops.sqrt(ops.sum(ops.stack(squares, 0)))


def clipped(slopes: Sequence[Tensor], norm: Tensor, limit: float) -> tuple[Tensor, ...]:
    """`slopes`, whose norm is `norm` (), all times min(1, limit / norm)."""
    scale = ops.clamp(limit / (norm + _LEAST), None, 1.0)
    return tuple([slope * scale for slope in slopes])
