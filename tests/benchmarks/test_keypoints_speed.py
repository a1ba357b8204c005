"""The speed table's arithmetic, on figures worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.keypoints_speed import BATCHED, LOOP, ONE, PROCESSES, describe, network_flop, summarize


def test_ratios_are_medians_of_rounds() -> None:
    mmpose = np.zeros((5, 17, 2), np.float32)
    other = mmpose.copy()
    other[3, 7, 1] = 0.06
    measured = {
        # the second round is twice as slow for everybody, the third hit the loop alone
        "seconds": {LOOP: [6, 12, 60], BATCHED: [3, 6, 3], ONE: [2, 4, 2], PROCESSES: [1.5, 3, 1.5]},
        "rates": {"NumPy": [1e9, 1e9, 9e9], "torch": [10e9, 5e9, 10e9]},
        "keypoints": {LOOP: mmpose, PROCESSES: other},
    }
    figures = summarize(measured, frames=30, flop=int(0.25e9))
    ours = figures["ways"][PROCESSES]
    assert ours["frames_s"] == pytest.approx(20)
    assert ours[f"times_{LOOP}"] == pytest.approx(4)
    assert ours[f"times_{BATCHED}"] == pytest.approx(2)
    assert ours["share_of_matrix_product"] == pytest.approx(0.5)
    assert figures["matrix_product_gflop_s"] == pytest.approx(10)
    assert figures["joints_within_0.05_px_of_mmpose"] == pytest.approx(1 - 1 / 85)
    assert [word for word in describe(figures)[4].split() if word[0].isdigit()] == ["20.00", "4.00", "2.00", "50%"]


def test_flop_are_counted_with_the_flip_test() -> None:
    class Network:
        head = SimpleNamespace(decoder=SimpleNamespace(input_size=(11, 13)), forward=lambda features: features)
        convolution = nn.Conv2d(3, 7, 5)

        def extract_feat(self, inputs: Tensor) -> Tensor:
            assert inputs.shape == torch.Size([1, 3, 13, 11])
            features: Tensor = self.convolution(inputs)
            return features

    one_pass = 2 * (3 * 5 * 5) * 7 * (13 - 4) * (11 - 4)
    assert network_flop(Network()) == 2 * one_pass
