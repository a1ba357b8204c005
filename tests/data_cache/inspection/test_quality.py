"""Quantiles and shares per joint against numpy's own definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data_cache.inspection.quality import QUANTILES, present_quality, score_quality
from data_cache.inspection.summary import SAMPLE_BYTES, spread_blocks

SCORES = arrays(np.float32, st.tuples(st.integers(1, 29), st.just(3)), elements=st.floats(0, 1, width=32))


@settings(max_examples=60, deadline=None)
@given(score=SCORES, min_score=st.floats(0, 1))
def test_score_quality_is_numpys_quantile_and_the_plain_share(score: np.ndarray, min_score: float) -> None:
    quality = score_quality(score, min_score)
    assert quality.frames == len(score)
    np.testing.assert_allclose(quality.quantiles, np.quantile(score.astype(np.float64), QUANTILES, axis=0), atol=1e-12)
    for joint in range(3):
        seen = sum(value >= np.float32(min_score) for value in score[:, joint])
        assert quality.share[joint] == pytest.approx(seen / len(score))


def test_a_score_stored_as_the_threshold_counts_as_seen() -> None:
    score = np.full((5, 2), 0.3, np.float32)
    assert score_quality(score, 0.3).share.tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(values=SCORES, data=st.data())
def test_present_quality_leaves_absent_values_out(values: np.ndarray, data: st.DataObject) -> None:
    present = data.draw(arrays(np.bool_, values.shape))
    quality = present_quality(values, present)
    for joint in range(3):
        there = values[present[:, joint], joint].astype(np.float64)
        expected = np.quantile(there, QUANTILES) if len(there) else np.full(len(QUANTILES), np.nan)
        np.testing.assert_allclose(quality.quantiles[:, joint], expected, atol=1e-12)
        assert quality.share[joint] == pytest.approx(len(there) / len(values))


def test_no_frames_give_no_figures() -> None:
    for quality in (
        score_quality(np.zeros((0, 2), np.float32), 0.3),
        present_quality(np.zeros((0, 2), np.float32), np.zeros((0, 2), bool)),
    ):
        assert quality.frames == 0
        assert np.isnan(quality.quantiles).all()
        assert np.isnan(quality.share).all()


def test_blocks_cover_a_small_file_and_spread_over_a_large_one() -> None:
    assert spread_blocks(7, 100) == [slice(0, 7)]
    frames, row_bytes = 463_259, 17 * 17 * 2 * 4
    blocks = spread_blocks(frames, row_bytes)
    rows = np.concatenate([np.arange(block.start, block.stop) for block in blocks])
    assert len(np.unique(rows)) == len(rows)
    assert rows[0] >= 0
    assert rows[-1] < frames
    assert 0.9 * SAMPLE_BYTES < len(rows) * row_bytes <= SAMPLE_BYTES
    per_tenth = np.histogram(rows, 10, (0, frames))[0]
    assert per_tenth.min() > 0.9 * per_tenth.max()
