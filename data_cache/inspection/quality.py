"""Quantiles and shares per joint (or limb) over any set of frames, fast enough to look at a whole split.

Pure numpy; shapes are (frame, column) with one column a joint or a limb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

QUANTILES: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)

# What counts as seen where neither the user nor the file's recipe says so.
DEFAULT_MIN_SCORE = 0.3


@dataclass(frozen=True, eq=False)
class ColumnQuality:
    """What one number per joint (or limb) looks like over a set of frames.

    frames:    number of frames behind the figures
    quantiles: (quantile, column) float64, in the order of `QUANTILES`, of the values that are there; NaN where
               a column has none
    share:     (column,) float64, share of the frames in which the joint counts as seen; NaN without frames
    """

    frames: int
    quantiles: NDArray[np.float64]
    share: NDArray[np.float64]


def score_quality(score: NDArray[np.float32], min_score: float) -> ColumnQuality:
    """Summarise scores (frame, joint) float32, 0…1, without NaN; a joint is seen from `min_score` on."""
    columns = _sorted_columns(score)
    # The threshold in float32, as the scores are, so that a stored 0.3 is seen at 0.3.
    unseen = [int(np.searchsorted(column, np.float32(min_score))) for column in columns]
    share = 1 - np.array(unseen, np.float64) / len(score) if len(score) else np.full(len(columns), np.nan)
    return ColumnQuality(len(score), _quantiles_of_sorted(columns, QUANTILES), share)


def present_quality(values: NDArray[np.float32], present: NDArray[np.bool_]) -> ColumnQuality:
    """Summarise `values` (frame, column) where `present` (frame, column) bool; the share is that of `present`."""
    columns = _sorted_columns(np.where(present, values, np.float32(np.nan)))
    return ColumnQuality(len(values), _quantiles_of_sorted(columns, QUANTILES), true_share(present))


def true_share(present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of True in every column of (frame, column) bool; NaN without frames."""
    if len(present) == 0:
        return np.full(present.shape[1], np.nan)
    share: NDArray[np.float64] = present.mean(axis=0)
    return share


def _sorted_columns(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (column, frame), each column contiguous and ascending with NaN at its end."""
    # One contiguous sort a column takes a third of numpy.quantile's time at 463,259 frames.
    columns = np.array(values.T, order="C")
    columns.sort(axis=1)
    return columns


def _quantiles_of_sorted(columns: NDArray[np.float32], levels: Sequence[float]) -> NDArray[np.float64]:
    """Linear between neighbours, as `numpy.nanquantile`: (column, frame) ascending to (quantile, column)."""
    result = np.full((len(levels), len(columns)), np.nan)
    for number, column in enumerate(columns):
        count = int(np.searchsorted(column, np.inf, side="right"))  # NaN sorts behind infinity
        if count:
            place = np.asarray(levels) * (count - 1)
            below = np.floor(place).astype(np.int64)
            low = column[below].astype(np.float64)
            high = column[np.minimum(below + 1, count - 1)].astype(np.float64)
            result[:, number] = low + (high - low) * (place - below)
    return result
