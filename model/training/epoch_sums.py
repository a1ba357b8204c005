"""The running sums of an epoch, which a checkpoint keeps, so that a run that goes on reports whole epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.network.losses import LOSS_TERMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.training.training_step import StepFigures

_LOSSES = 1 + len(LOSS_TERMS)


class EpochMeans(NamedTuple):
    """losses: total and terms (6,); gradient_norm: None where no step told a finite one; clipped_share: of the steps"""

    losses: NDArray[np.float64]
    gradient_norm: float | None
    clipped_share: float


class EpochSums:
    """Sums over the epoch's steps so far.

    values: (9,) float64: total, the terms of the loss, the norms of the gradients, steps that were clipped, steps
    whose norm was finite (with mixed precision a step may overflow: it counts in neither of the two before)
    """

    def __init__(self, values: NDArray[np.float64] | None = None) -> None:
        self.values = np.zeros(_LOSSES + 3) if values is None else values.copy()

    def add(self, figures: StepFigures, clip_norm: float) -> None:
        """Count one step; clip_norm: the norm from which on it was clipped."""
        self.values[:_LOSSES] += np.concatenate([[figures.total], figures.terms])
        norm = figures.gradient_norm
        if norm is not None and np.isfinite(norm):
            self.values[_LOSSES:] += norm, norm > clip_norm, 1

    def means(self, steps: int) -> EpochMeans:
        """The means over the epoch's `steps` steps."""
        norms, clipped, counted = self.values[_LOSSES:].tolist()
        return EpochMeans(self.values[:_LOSSES] / steps, norms / counted if counted else None, clipped / steps)
