"""The metrics against loops over ranked lists, and against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.retrieval.metrics import (
    HitRanks,
    average_precisions,
    cumulative_matches,
    inverse_negative_penalties,
    retrieval_metrics,
)


def hit_ranks(lists: list[list[bool]]) -> HitRanks:
    """From ranked lists that say for every item whether it is a match."""
    ranks = [[place for place, match in enumerate(items, 1) if match] for items in lists]
    return HitRanks(
        np.array([len(r) for r in ranks], np.int64), np.array([rank for found in ranks for rank in found], np.int64)
    )


def naive_average_precision(items: list[bool]) -> float:
    hits, precisions = 0, []
    for place, match in enumerate(items, 1):
        if match:
            hits += 1
            precisions.append(hits / place)
    return sum(precisions) / len(precisions)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=31), min_size=1, max_size=13))
def test_metrics_equal_a_loop_over_the_ranked_lists(lists: list[list[bool]]) -> None:
    hits = hit_ranks(lists)
    matched = [items for items in lists if any(items)]
    if not matched:
        with pytest.raises(ValueError, match="at least one query"):
            retrieval_metrics(hits)
        return
    ranks = (1, 2, 5, 7, 20)
    expected = [sum(any(items[:r]) for items in matched) / len(matched) for r in ranks]
    np.testing.assert_allclose(cumulative_matches(hits, ranks), expected, rtol=1e-12)
    np.testing.assert_allclose(average_precisions(hits), [naive_average_precision(items) for items in matched])
    last = [max(place for place, match in enumerate(items, 1) if match) for items in matched]
    np.testing.assert_allclose(
        inverse_negative_penalties(hits), [sum(items) / r for items, r in zip(matched, last, strict=True)]
    )


def test_values_worked_by_hand() -> None:
    # Matches at ranks 1, 3 and 6; at rank 4; none: out of every mean.
    hits = HitRanks(np.array([3, 1, 0]), np.array([1, 3, 6, 4]))
    metrics = retrieval_metrics(hits)
    # Not interpolated: 1/1, 2/3, 3/6 and 1/4.
    assert metrics["mAP"] == pytest.approx(((1 + 2 / 3 + 0.5) / 3 + 0.25) / 2)
    assert metrics["mINP"] == pytest.approx((3 / 6 + 1 / 4) / 2)
    assert [metrics[f"rank-{r}"] for r in (1, 5, 10, 20)] == [0.5, 1.0, 1.0, 1.0]
    assert list(metrics) == ["rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP"]


@pytest.mark.parametrize(
    ("count", "rank", "message"),
    [
        ([2], [1], "expected 2 ranks, got 1"),
        ([2], [3, 3], "rise from 1"),
        ([1, 1], [1, 0], "rise from 1"),
        ([-1, 1], [], "lists of numbers"),
    ],
)
def test_ranks_that_are_none_are_refused(count: list[int], rank: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HitRanks(np.array(count, np.int64), np.array(rank, np.int64))
