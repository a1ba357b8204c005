"""Standardised edges against plain loops: their values, what is absent, and what a network is told of it."""

from __future__ import annotations

import numpy as np
import pytest

from model.network.frame_guidance import EdgeEncoder
from model.network.skeleton_scale import StandardizedEdges
from model.run.config import ModelConfig
from tests.model.network.cells import MODES, call, random_array

B, T, J = 3, 5, 17
PAIRS = [(i, j) for i in range(J) for j in range(i + 1, J)]


def random_seen() -> np.ndarray:
    values = np.random.default_rng(0).choice([0.0, 0.25, 1.0], (B, T, J), p=[0.3, 0.2, 0.5])
    return values.astype(np.float32)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("values", [2, 3])
def test_a_seen_value_is_standardised_and_an_unseen_one_is_0(values: int, mode: str) -> None:
    seen = random_seen()
    edges, mean = random_array(1, B, T, 136 * values), random_array(2, 136 * values)
    deviation = np.abs(random_array(3, 136 * values)) + 0.1
    deviation[[5, 77]] = 0  # never varied in training
    config = ModelConfig(edge_hidden=136 * values, lstm_hidden=3)
    cell = EdgeEncoder(config, 7, 136 * values)
    cell.standardize.set_statistics(mean, deviation)
    weights = call(cell.pair_weights, seen, mode=mode)
    got = call(cell.standardize, edges, weights, mode=mode)
    expected = np.zeros_like(edges)
    for n, (i, j) in enumerate(PAIRS):
        for k in range(n * values, (n + 1) * values):
            if deviation[k]:
                weight = seen[:, :, i] * seen[:, :, j]
                expected[..., k] = weight * (edges[..., k] - mean[k]) / deviation[k]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    assert cell.standardize.trainable_params() == []


def test_edges_reach_the_layer_standardised_raw_or_with_flags() -> None:
    """The FC is fed what the settings say: taken from its own product with an identity."""
    seen, edges = random_seen(), random_array(1, B, T, 272)
    weight = np.stack([seen[..., i] * seen[..., j] for i, j in PAIRS], -1)
    standard = edges * np.repeat(weight, 2, -1)  # mean 0, deviation 1 before any statistics
    for config, expected in (
        (ModelConfig(edge_hidden=3, lstm_hidden=3), standard),
        (ModelConfig(edge_hidden=3, lstm_hidden=3, standardize_edges=False), edges),
        (ModelConfig(edge_hidden=3, lstm_hidden=3, seen_flags=True), np.concatenate([standard, weight], -1)),
    ):
        cell = EdgeEncoder(config, 7)
        assert cell.fc.weight.shape == (3, expected.shape[-1])
        hidden = np.maximum(expected @ cell.fc.weight.asnumpy().T + cell.fc.bias.asnumpy(), 0)
        steps = call(lambda h, cell=cell: cell.to_channels(cell.lstm(h)[0]), hidden.astype(np.float32))
        np.testing.assert_allclose(call(cell, edges, seen)[0], steps, rtol=1e-4, atol=1e-5)


def test_statistics_are_kept_with_the_weights() -> None:
    cell = StandardizedEdges(272)
    mean, deviation = random_array(1, 272), np.abs(random_array(2, 272))
    cell.set_statistics(mean, deviation)
    held = {name: parameter.asnumpy() for name, parameter in cell.parameters_and_names()}
    np.testing.assert_array_equal(held["mean"], mean)
    np.testing.assert_array_equal(held["deviation"], deviation)
