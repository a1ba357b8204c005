"""Draws: keyed, in range, the same on any number of devices, and never a frame's own style."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.clips.draws import Purpose, StepDraws, StepPosition, draw_partners, draw_step, keyed_generator


def test_every_part_of_the_key_counts() -> None:
    keys = [(0, Purpose.STYLE, 0, 0, 0), (1, Purpose.STYLE, 0, 0, 0), (0, Purpose.DROPOUT, 0, 0, 0)]
    keys += [(0, Purpose.STYLE, 1, 0, 0), (0, Purpose.STYLE, 0, 1, 0), (0, Purpose.STYLE, 0, 0, 1)]
    values = [keyed_generator(*key).random() for key in keys]
    assert len(set(values)) == len(keys)
    assert values == [keyed_generator(*key).random() for key in keys]


def test_draws_are_the_same_in_every_process_and_version() -> None:
    # The very numbers: with a numpy that draws others, a resumed run would not be what it was.
    drawn = keyed_generator(3, Purpose.FRAMES, 5, 7, 11).random(2).tolist()
    assert drawn == [0.3087348958275461, 0.8814138115676798]


def test_a_step_has_the_ranges_of_the_paper() -> None:
    draws = draw_step(StepPosition(1, 2, 3), range(500), infrared=200, frames=5, channels=7, dropout=0.1)
    assert draws.infrared_gain.shape == (200, 5)
    assert draws.visible_gain.shape == draws.visible_channel.shape == (300, 5, 3)
    assert draws.same.shape == draws.other.shape == (500, 5)
    assert draws.keep.shape == (500, 5, 7)
    for gain in (draws.infrared_gain, draws.visible_gain):
        assert gain.dtype == np.float32
        assert 0.5 <= gain.min() < 0.51
        assert 1.49 < gain.max() <= 1.5
        assert gain.mean() == pytest.approx(1, abs=0.03)
    orders, counts = np.unique(draws.visible_channel.reshape(-1, 3), axis=0, return_counts=True)
    assert sorted(map(tuple, orders.tolist())) == [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    assert counts.min() > 180  # of 250
    assert set(np.unique(draws.keep)) == {np.float32(0), np.float32(1 / 0.9)}
    assert (draws.keep == 0).mean() == pytest.approx(0.1, abs=0.02)


def test_nothing_is_dropped_without_dropout() -> None:
    draws = draw_step(StepPosition(1, 2, 3), range(2), infrared=1, frames=5, channels=101, dropout=0.0)
    assert (draws.keep == 1).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 23), st.integers(1, 23))
def test_partners_are_of_the_right_modality_and_never_oneself(seed: int, infrared: int, visible: int) -> None:
    same, other = draw_partners(np.random.default_rng(seed), infrared, visible)
    is_infrared = np.arange(infrared + visible) < infrared
    np.testing.assert_array_equal(is_infrared[same], is_infrared)
    np.testing.assert_array_equal(is_infrared[other], ~is_infrared)
    for mine, count in ((is_infrared, infrared), (~is_infrared, visible)):
        taken = same[mine]
        assert sorted(taken.tolist()) == np.flatnonzero(mine).tolist()
        assert count == 1 or (taken != np.flatnonzero(mine)).all()
        uses = np.bincount(other[mine], minlength=infrared + visible)[~mine]
        assert uses.max() - uses.min() <= 1


def test_partners_need_both_modalities() -> None:
    with pytest.raises(ValueError, match="frames of both modalities, got 0 and 6"):
        draw_partners(np.random.default_rng(0), 0, 6)


def test_what_a_clip_is_given_does_not_depend_on_devices_or_neighbours() -> None:
    whole = draw_step(StepPosition(1, 2, 3), [0, 1, 2, 3, 4, 5], infrared=2, frames=5, channels=7, dropout=0.5)
    part = draw_step(StepPosition(1, 2, 3, device=1), [1, 3, 5], infrared=1, frames=5, channels=7, dropout=0.5)
    np.testing.assert_array_equal(part.infrared_gain, whole.infrared_gain[[1]])
    np.testing.assert_array_equal(part.visible_gain, whole.visible_gain[[1, 3]])
    np.testing.assert_array_equal(part.visible_channel, whole.visible_channel[[1, 3]])
    np.testing.assert_array_equal(part.keep, whole.keep[[1, 3, 5]])


def test_inputs_fit_the_network_in_name_and_order() -> None:
    text = (Path(__file__).resolve().parents[3] / "model" / "network" / "network.py").read_text(encoding="utf-8")
    body = text.split("class Draws(NamedTuple)")[1].split("class ")[0]
    names = [line.split(":")[0].strip() for line in body.splitlines() if line.rstrip().endswith(": Tensor")]
    assert names == list(StepDraws._fields)
