"""Eqs 11 to 13: part masks against plain loops, weights and pooling against torch, with and without parts."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from data_cache.contract.skeleton import PARTS, joint_index
from model.network.guided_pooling import GuidedPooling, PartMasks, PartWeights
from model.network.pooling import GeneralizedMean
from model.run.config import ModelConfig
from tests.model.network.cells import (
    MODES,
    assert_close,
    backward,
    call,
    gradients,
    leaf,
    random_array,
    randomise,
    torch_weights,
)

B, T, J, C, H, W = 3, 5, 17, 7, 3, 2
EXPONENTS = (0.7, 1.0, 3.0, 5.0, 7.0)
CONFIG = ModelConfig(graph_hidden=3, graph_heads=2, graph_width=13)
BY_PART = ModelConfig(graph_hidden=3, graph_heads=2, graph_width=13, pool_parts=True)


def random_shares(seed: int) -> np.ndarray:
    """Parts share evenly but for some that are not seen."""
    present = np.random.default_rng(seed).random((B, T, 6)) < 0.7
    present[..., 0] = True
    return (present / present.sum(-1, keepdims=True)).astype(np.float32)


def random_masks(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(H * W), (B, T, 6)).astype(np.float32)


def torch_gem(f: torch.Tensor, p: torch.Tensor | float, mask: torch.Tensor | None = None) -> torch.Tensor:
    powers = f.abs().clamp(min=1e-6) ** p
    return (powers.mean(-1) if mask is None else (powers * mask).sum(-1)) ** (1 / p)


def masks_by_loop(places: np.ndarray, seen: np.ndarray, height: int, width: int, deviation: float) -> np.ndarray:
    """A Gaussian about every seen joint of a part, in cells, made to sum to one; a hundredth is spread evenly."""
    result = np.zeros((B, T, len(PARTS), height * width))
    for b, t, (n, part) in itertools.product(range(B), range(T), enumerate(PARTS.values())):
        for row, column, name in itertools.product(range(height), range(width), part):
            j = joint_index(name)
            across = places[b, t, j, 0] * width - (column + 0.5)
            down = places[b, t, j, 1] * height - (row + 0.5)
            near = math.exp(-(across**2 + down**2) / (2 * deviation**2))
            result[b, t, n, row * width + column] += seen[b, t, j] * near
        total = result[b, t, n].sum()
        mask = result[b, t, n] / total if total > 0 else np.full(height * width, 1 / (height * width))
        result[b, t, n] = 0.99 * mask + 0.01 / (height * width)
    return result


@pytest.mark.parametrize("mode", MODES)
def test_part_masks_lie_about_the_parts_joints(mode: str) -> None:
    random = np.random.default_rng(0)
    places = random.uniform(-0.1, 1.1, (B, T, J, 2)).astype(np.float32)
    seen = random.choice([0.0, 0.5, 1.0], (B, T, J)).astype(np.float32)
    seen[1, 2] = 0
    height, width, deviation = 7, 3, 0.8
    cell = PartMasks(deviation)

    def masks(joints: Any, shown: Any) -> Any:
        return cell(joints, shown, height, width)

    value = call(masks, places, seen, mode=mode)
    np.testing.assert_allclose(value, masks_by_loop(places, seen, height, width, deviation), rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(value.sum(-1), 1, rtol=1e-5)
    assert value.min() >= 0.01 / (height * width) * 0.99


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("together", [False, True])
def test_part_weights_are_a_softmax_and_sum_to_one(together: bool, mode: str) -> None:
    cell = PartWeights(BY_PART if together else CONFIG, C)
    randomise(cell, 6)
    parts, shares = random_array(7, B, T, 6, 13), random_shares(8)
    a, weights = leaf(parts), torch_weights(cell)
    scores = []
    for k in range(len(EXPONENTS)):  # a linear map for each exponent
        rows = slice(k * C, (k + 1) * C)
        scores.append(a @ weights["maps.weight"][rows].T + weights["maps.bias"][rows])
    stacked = torch.stack(scores, 3)
    if together:
        absent = torch.tensor(shares == 0)[..., None, None]
        expected = torch.softmax(stacked.masked_fill(absent, -torch.inf).flatten(2, 3), 2).reshape(stacked.shape)
    else:
        expected = torch.softmax(stacked, 3)
    backward(expected)
    value, (by_parts,), by_weight = gradients(cell, (parts, shares), (0,), mode)
    assert_close(value, expected)
    assert_close(by_parts, a.grad)
    for name, gradient in by_weight.items():
        assert_close(gradient, weights[name].grad, name)
    np.testing.assert_allclose(value.sum((2, 3) if together else 3), 1.0, atol=1e-5)
    assert (value[shares == 0] == 0).all() == together


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("masked", [False, True])
def test_generalized_mean_is_its_formula(masked: bool, mode: str) -> None:
    cell = GeneralizedMean(EXPONENTS, learn=True)
    f = 2 * random_array(8, B, C, H * W)
    masks = random_masks(9)[:, 0]
    a, p = leaf(f), torch.tensor(EXPONENTS).log().requires_grad_()
    if masked:
        m = torch.tensor(masks)
        by_part = [[torch_gem(a, p[k].exp(), m[:, n, None]) for k in range(len(EXPONENTS))] for n in range(6)]
        expected = torch.stack([torch.stack(part, 1) for part in by_part], 1)
    else:
        expected = torch.stack([torch_gem(a, p[k].exp()) for k in range(len(EXPONENTS))], 1)
    backward(expected)
    value, (by_f, *_), by_weight = gradients(cell, (f, masks) if masked else (f,), (0,), mode)
    assert_close(value, expected)
    assert_close(by_f, a.grad)
    assert_close(by_weight["log_exponents"], p.grad)


def test_exponents_that_are_not_learnt_are_no_weights() -> None:
    assert list(GeneralizedMean(EXPONENTS).trainable_params()) == []


def test_a_silent_channel_pools_to_the_floor_with_finite_gradients() -> None:
    """Also where a part lies on cells that are silent beside one that is loud: f⁷ would underflow."""
    f = random_array(9, B, C, H * W)
    f[1, 2] = 0.0
    f[2] = 0.0
    f[2, :, 0] = 1e5
    masks = np.full((B, 6, H * W), 0.01 / (H * W), np.float32)
    masks[..., -1] += 0.99
    for inputs in ((f,), (f, masks)):
        value, (by_f,), _ = gradients(GeneralizedMean(EXPONENTS), inputs)
        np.testing.assert_allclose(value[1].reshape(-1, C)[:, 2], 1e-6, rtol=1e-3)
        assert np.isfinite(value).all()
        assert np.isfinite(by_f).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("over", ["cells", "time", "parts"])
def test_pooling_is_equations_11_and_13(over: str, mode: str) -> None:
    """G is the sum over frames, parts and exponents, written as such; all cells, the frames of Y, or a part's cells."""
    cell = GuidedPooling({"cells": CONFIG, "time": ModelConfig(pool_over="time"), "parts": BY_PART}[over])
    cells, x, y = random_array(10, B, T, C, H, W), random_array(11, B, T, C), random_array(12, B, T, C)
    weights, shares, masks = random_array(13, B, T, 6, 5, C), random_shares(14), random_masks(15)
    f, a, b, w = leaf(cells), leaf(x), leaf(y), leaf(weights)
    guided = (f + (b - a)[..., None, None]).reshape(B, T, C, H * W)
    total, s, m = torch.zeros(B, C), torch.tensor(shares), torch.tensor(masks)
    for t, n, k in itertools.product(range(T), range(6), range(5)):
        if over == "time":
            g = torch_gem(b.transpose(1, 2), EXPONENTS[k])
        else:
            g = torch_gem(guided[:, t], EXPONENTS[k], m[:, t, n, None] if over == "parts" else None)
        share = 1.0 if over == "parts" else s[:, t, n, None]
        total = total + w[:, t, n, k] * share * g / T
    backward(total)
    value, found, _ = gradients(cell, (cells, x, y, weights, shares, masks), (0, 1, 2, 3), mode)
    assert_close(value, total)
    for got, torch_leaf in zip(found, (f, a, b, w), strict=True):
        assert_close(got, torch.zeros_like(torch_leaf) if torch_leaf.grad is None else torch_leaf.grad)


def test_guided_cells_have_the_corrected_feature_as_their_mean() -> None:
    cell = GuidedPooling(ModelConfig(exponents=(1.0,)))
    cells = np.abs(random_array(14, B, T, C, H, W))
    x = cells.mean((3, 4))
    y = x + np.abs(random_array(15, B, T, C))
    got = call(cell, cells, x, y, np.ones((B, T, 6, 1, C), np.float32), random_shares(16))
    assert_close(got, y.mean(1))
