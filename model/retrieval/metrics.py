"""Retrieval metrics from the ranks of the true matches: CMC, mean average precision, mINP.

CMC and mAP as in Zheng et al., Scalable Person Re-identification: A Benchmark, ICCV 2015, with the average precision
not interpolated; mINP as in Ye et al., Deep Learning for Person Re-identification: A Survey and Outlook, TPAMI 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RANKS = (1, 5, 10, 20)


@dataclass(frozen=True, eq=False)
class HitRanks:
    """At which ranks every query found its person, in the list of gallery items that count for it.

    count: (query,) int64, true matches of the query in its list; 0 leaves the query out of every metric
    rank:  (hit,) int64, 1-based, query after query, rising within a query

    Raises ValueError where counts and ranks do not fit, or ranks do not rise from 1.
    """

    count: NDArray[np.int64]
    rank: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.count.ndim != 1 or self.rank.ndim != 1 or (self.count < 0).any():
            raise ValueError(f"HitRanks: expected two lists of numbers, got {self.count.shape} and {self.rank.shape}")
        if int(self.count.sum()) != len(self.rank):
            raise ValueError(f"HitRanks.rank: expected {int(self.count.sum())} ranks, got {len(self.rank)}")
        step = np.diff(self.rank, prepend=0)
        step[self.first] = self.rank[self.first]
        if (step < 1).any():
            raise ValueError(f"HitRanks.rank: expected ranks that rise from 1, got otherwise at {int(step.argmin())}")

    @property
    def first(self) -> NDArray[np.int64]:
        """(matched,) int64, where in `rank` each query with a match begins."""
        matched = self.count[self.count > 0]
        start: NDArray[np.int64] = np.cumsum(matched) - matched
        return start

    @property
    def last(self) -> NDArray[np.int64]:
        """(matched,) int64, where in `rank` the last hit of each query with a match stands."""
        matched = self.count[self.count > 0]
        stop: NDArray[np.int64] = np.cumsum(matched) - 1
        return stop


def cumulative_matches(hits: HitRanks, ranks: Sequence[int] = RANKS) -> NDArray[np.float64]:
    """CMC: share of the queries with a match that found one at rank r or before, for each r: (len(ranks),)."""
    best = _some(hits).rank[hits.first]
    found: NDArray[np.float64] = (best[:, None] <= np.asarray(ranks, np.int64)).mean(axis=0)
    return found


def average_precisions(hits: HitRanks) -> NDArray[np.float64]:
    """AP of every query with a match: the mean over its hits of the precision at the hit, (matched,) float64."""
    first = _some(hits).first
    matched = hits.count[hits.count > 0]
    number = np.arange(1, len(hits.rank) + 1) - np.repeat(first, matched)  # of the hit within its query, from 1
    mean: NDArray[np.float64] = np.add.reduceat(number / hits.rank, first) / matched
    return mean


def inverse_negative_penalties(hits: HitRanks) -> NDArray[np.float64]:
    """INP of every query with a match: its number of matches over the rank of the last one, (matched,) float64."""
    penalty: NDArray[np.float64] = _some(hits).count[hits.count > 0] / hits.rank[hits.last]
    return penalty


def retrieval_metrics(hits: HitRanks) -> dict[str, float]:
    """The figures of one direction as fractions: `rank-1`, `rank-5`, `rank-10`, `rank-20`, `mAP`, `mINP`.

    Raises ValueError where no query has a match.
    """
    metrics = {f"rank-{r}": float(value) for r, value in zip(RANKS, cumulative_matches(hits), strict=True)}
    metrics["mAP"] = float(average_precisions(hits).mean())
    metrics["mINP"] = float(inverse_negative_penalties(hits).mean())
    return metrics


def _some(hits: HitRanks) -> HitRanks:
    if not len(hits.rank):
        raise ValueError(
            f"metrics: expected a match in the gallery for at least one query, got none for {len(hits.count)} queries;"
            " are both modalities of the same persons there?"
        )
    return hits
