"""How a clip is pooled (section 3.2, eqs 11 to 13): over all cells of a frame, or for each body part near its joints.

Read literally, g(t) of eq 11 does not know of parts: they can only vote on exponents, and nodes that are constant do
as well (docs/results.md). With `pool_parts` each part pools the cells near its own joints, and the weights of eq 12 are
shared by parts and exponents together, so that an arm can count more than a leg, and an occluded one not at all.

Axes: B clips, T frames, J = 17 joints, P = 6 parts, K exponents, C channels, H × W cells, I = H · W.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from data_cache.contract.skeleton import part_mask
from model.network.pooling import GeneralizedMean

if TYPE_CHECKING:
    from model.run.config import ModelConfig

SPREAD = 0.01  # of every mask, over all cells: a mean over cells that hold nothing does not underflow
SMALLEST_MASK = 1e-6  # the cells' weights together, before they are made to sum to one
EXCLUDED = -1e9  # score of a part that takes no part


class PartMasks(nn.Cell):
    """Which cells each part pools: a Gaussian about each of its seen joints, `part_width` cells wide.

    construct(places, seen, height, width):
        places: (B, T, J, [column, row]) float32, 0…1 of the frame's width and height; seen: (B, T, J) in 0…1
        height, width: H and W, whole numbers
    Returns (B, T, P, H · W), sums to one over the cells, rows first; even for a part without a seen joint.
    """

    def __init__(self, width: float) -> None:
        super().__init__()
        self.narrowness = 0.5 / width**2
        self.members = Tensor(part_mask().astype(np.float32))

    def construct(self, places: Tensor, seen: Tensor, height: int, width: int) -> Tensor:
        clips, frames, joints = seen.shape
        column, row = self._near(places[..., 0], width), self._near(places[..., 1], height)
        near = ops.expand_dims(row, 4) * ops.expand_dims(column, 3) * ops.reshape(seen, (clips, frames, joints, 1, 1))
        mask = ops.matmul(self.members, ops.reshape(near, (clips, frames, joints, height * width)))
        total = ops.sum(mask, 3, True)
        even = ops.ones_like(mask) / (height * width)
        mask = ops.where(total > SMALLEST_MASK, mask / ops.clamp(total, SMALLEST_MASK), even)
        return (1 - SPREAD) * mask + SPREAD * even

    def _near(self, place: Tensor, cells: int) -> Tensor:
        """(B, T, J), 0…1 along an axis of so many cells → (B, T, J, cells), 1 at the place, falling with distance."""
        centres = ops.arange(cells).astype(ms.float32) + 0.5
        away = ops.expand_dims(place, 3) * cells - centres
        return ops.exp(-self.narrowness * away * away)


class PartWeights(nn.Cell):
    """α_p(n, t) of eq 12: a linear map per exponent, softmax per channel over the exponents of each part, or with
    `pool_parts` over parts and exponents together.

    construct(parts, shares): vectors (B, T, P, graph_width) and shares (B, T, P) of `PartEncoder`
    Returns (B, T, P, K, C), sums to one over K; with `pool_parts` over P and K, 0 for parts without a share.
    """

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        self.exponents, self.channels, self.together = len(config.exponents), channels, config.pool_parts
        self.maps = nn.Dense(config.graph_width, self.exponents * channels)

    def construct(self, parts: Tensor, shares: Tensor) -> Tensor:
        clips, frames, count = shares.shape
        scores = ops.reshape(self.maps(parts), (clips, frames, count, self.exponents, self.channels))
        scores = ops.cast(scores, ms.float32)
        if not self.together:
            return ops.softmax(scores, 3)
        absent = ops.cast(shares == 0, ms.float32) * EXCLUDED
        scores = scores + ops.reshape(absent, (clips, frames, count, 1, 1))
        flat = ops.reshape(scores, (clips, frames, count * self.exponents, self.channels))
        return ops.reshape(ops.softmax(flat, 2), scores.shape)


class GuidedPooling(nn.Cell):
    """Eqs 11 and 13: G = 1/T Σ_t Σ_n s_n(t) Σ_p α_p(n, t) ⊗ g_p(t), where s_n are the parts' shares (the paper's sum
    over n, as a mean); with `pool_parts` G = 1/T Σ_t Σ_n Σ_p α_p(n, t) ⊗ g_p(n, t).

    construct(cells, x, y, weights, shares, masks):
        cells:   (B, T, C, H, W), the backbone's map F
        x, y:    (B, T, C), features before and after frame guidance (the same ones without it)
        weights: (B, T, P, K, C) of `PartWeights`; shares: (B, T, P) of `PartEncoder`
        masks:   (B, T, P, I) of `PartMasks`; None without `pool_parts`
    Returns G (B, C). Over `cells`, g is taken of F_i + (Y − X), whose mean over the cells is Y; over `time`, of the
    frames of Y.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.over_time, self.by_part = config.pool_over == "time", config.pool_parts
        self.gem = GeneralizedMean(config.exponents, config.learn_exponents)

    def construct(
        self, cells: Tensor, x: Tensor, y: Tensor, weights: Tensor, shares: Tensor, masks: Tensor | None = None
    ) -> Tensor:
        if self.over_time:
            pooled = ops.expand_dims(self.gem(ops.transpose(y, (0, 2, 1))), 1)
        else:
            clips, frames, channels, height, width = cells.shape
            flat = ops.reshape(cells, (clips, frames, channels, height * width)) + ops.expand_dims(y - x, 3)
            if self.by_part:
                return ops.mean(ops.sum(weights * self.gem(flat, masks), (2, 3)), 1)
            pooled = self.gem(flat)
        clips, frames, parts = shares.shape
        over_parts = ops.sum(weights * ops.reshape(shares, (clips, frames, parts, 1, 1)), 2)
        return ops.mean(ops.sum(over_parts * pooled, 2), 1)
