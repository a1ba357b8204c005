"""Eqs 8 to 13: the graph against a loop, attention, part weights and pooling against torch, for several T."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from data_cache.contract.skeleton import LIMBS, PARTS, joint_index
from model.network.pooling import GeneralizedMean
from model.network.sequence_guidance import ClipGraph, GraphAttention, GuidedPooling, PartEncoder, PartWeights
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


def random_seen(seed: int, frames: int) -> np.ndarray:
    return np.random.default_rng(seed).random((B, frames, J)) < 0.7


def neighbours_by_loop(seen: np.ndarray) -> np.ndarray:
    """Eqs 8 and 9 as they are written, edge by edge."""
    clips, frames, joints = seen.shape
    result = np.zeros((clips, frames * joints, frames * joints), bool)
    for b, t in itertools.product(range(clips), range(frames)):
        for first, second in LIMBS:  # in every frame, not in the first only
            i, j = joint_index(first), joint_index(second)
            if seen[b, t, i] and seen[b, t, j]:
                result[b, t * joints + i, t * joints + j] = result[b, t * joints + j, t * joints + i] = True
        for j in range(joints):
            result[b, t * joints + j, t * joints + j] = True
            if t + 1 < frames and seen[b, t, j] and seen[b, t + 1, j]:
                here, there = t * joints + j, (t + 1) * joints + j
                result[b, here, there] = result[b, there, here] = True
    return result


def torch_attention(
    cell: GraphAttention, weights: dict[str, torch.Tensor], h: torch.Tensor, neighbours: np.ndarray, name: str = ""
) -> tuple[torch.Tensor, torch.Tensor]:
    """A GAT layer as in reference 37, node by node and head by head; `name`: of the layer in `weights`."""
    project, target, source = (weights[f"{name}{part}"] for part in ("project.weight", "target", "source"))
    wh = (h @ project.T).reshape(*h.shape[:2], cell.heads, cell.outputs)
    alphas, outputs = torch.zeros(h.shape[0], cell.heads, h.shape[1], h.shape[1]), []
    for b, i, head in itertools.product(range(h.shape[0]), range(h.shape[1]), range(cell.heads)):
        js = np.flatnonzero(neighbours[b, i])
        a = torch.cat((target[0, head, :, 0], source[0, head, :, 0]))
        score = torch.stack([a @ torch.cat((wh[b, i, head], wh[b, j, head])) for j in js])
        alpha = torch.softmax(torch.nn.functional.leaky_relu(score, 0.2), 0)
        alphas[b, head, i, js] = alpha.detach()
        outputs.append(alpha @ wh[b, js, head])
    return torch.stack(outputs).reshape(h.shape[0], h.shape[1], cell.heads * cell.outputs), alphas


def torch_gem(f: torch.Tensor, p: torch.Tensor | float) -> torch.Tensor:
    return (f.abs().clamp(min=1e-6) ** p).mean(-1) ** (1 / p)


@pytest.mark.parametrize(
    ("frames", "mode"), [(1, "pynative"), (2, "graph"), (5, "graph"), (7, "pynative"), (24, "pynative")]
)
def test_the_graph_is_equations_8_and_9(frames: int, mode: str) -> None:
    seen = random_seen(frames, frames)
    np.testing.assert_array_equal(call(ClipGraph(), seen, mode=mode), neighbours_by_loop(seen))


def test_every_frame_has_its_38_directed_limbs() -> None:
    neighbours = call(ClipGraph(), np.ones((1, T, J), bool))[0].reshape(T, J, T, J)
    assert [int(neighbours[t, :, t].sum()) for t in range(T)] == [38 + J] * T
    assert [int(neighbours[t, :, t + 1].sum()) for t in range(T - 1)] == [J] * (T - 1)
    assert not neighbours[0, :, 2].any()


@pytest.mark.parametrize("mode", MODES)
def test_graph_attention_is_reference_37(mode: str) -> None:
    nodes = 11
    cell = GraphAttention(3, 5, 2)
    random = np.random.default_rng(0)
    neighbours = (random.random((2, nodes, nodes)) < 0.3) | np.eye(nodes, dtype=bool)
    h = random_array(1, 2, nodes, 3)
    a, weights = leaf(h), torch_weights(cell)
    expected, alphas = torch_attention(cell, weights, a, neighbours)
    backward(expected)
    value, (by_h,), by_weight = gradients(cell, (h, neighbours), (0,), mode)
    assert_close(value, expected)
    assert_close(by_h, a.grad)
    assert by_weight.keys() == weights.keys()
    for name, gradient in by_weight.items():
        assert_close(gradient, weights[name].grad, name)
    attention = call(cell, h, neighbours)[1]
    assert_close(attention, alphas)
    np.testing.assert_allclose(attention.sum(-1), 1.0, atol=1e-6)
    assert (attention[~np.broadcast_to(neighbours[:, None], attention.shape)] == 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_parts_are_two_layers_batch_norm_and_the_mean_over_joints(mode: str) -> None:
    frames = 2
    cell = PartEncoder(CONFIG)
    randomise(cell, 2, 0.1)
    cell.set_train()
    nodes, seen = random_array(3, B, frames, J, 3), random_seen(4, frames)
    a, weights = leaf(nodes), torch_weights(cell)
    neighbours = neighbours_by_loop(seen)
    flat = a.reshape(B, frames * J, 3)
    hidden = torch.nn.functional.elu(torch_attention(cell.first, weights, flat, neighbours, "first.")[0])
    hidden = torch.nn.functional.elu(torch_attention(cell.second, weights, hidden, neighbours, "second.")[0])
    gamma, beta = weights["norm.gamma"], weights["norm.beta"]
    flat = hidden.reshape(-1, 13)
    normed = torch.nn.functional.batch_norm(flat, torch.zeros(13), torch.ones(13), gamma, beta, training=True)
    normed = normed.reshape(B, frames, J, 13)
    expected = backward(
        torch.stack([normed[:, :, [joint_index(j) for j in part]].mean(2) for part in PARTS.values()], 2)
    )
    value, (by_nodes,), by_weight = gradients(cell, (nodes, seen), (0,), mode)
    assert value.shape == (B, frames, 6, 13)
    assert_close(value, expected)
    assert_close(by_nodes, a.grad)
    assert by_weight.keys() == weights.keys()
    for name, gradient in by_weight.items():
        assert_close(gradient, weights[name].grad, name)


def test_an_unseen_joint_is_nobodys_neighbour_but_its_own() -> None:
    cell = PartEncoder(CONFIG)
    cell.set_train(False)
    nodes, seen = random_array(5, 1, T, J, 3), np.ones((1, T, J), bool)
    seen[0, 2, joint_index("left_ankle")] = False
    before = call(cell, nodes, seen)
    nodes[0, 2, joint_index("left_ankle")] += 5.0
    changed = (before != call(cell, nodes, seen)).any(-1)[0]
    left_leg = list(PARTS).index("left_leg")
    assert changed[2, left_leg]
    changed[2, left_leg] = False
    assert not changed.any()


@pytest.mark.parametrize("mode", MODES)
def test_part_weights_are_a_softmax_over_the_exponents_and_sum_to_one(mode: str) -> None:
    cell = PartWeights(CONFIG, C)
    randomise(cell, 6)
    parts = random_array(7, B, T, 6, 13)
    a, weights = leaf(parts), torch_weights(cell)
    scores = []
    for k in range(len(EXPONENTS)):  # a linear map for each exponent
        rows = slice(k * C, (k + 1) * C)
        scores.append(a @ weights["maps.weight"][rows].T + weights["maps.bias"][rows])
    expected = backward(torch.softmax(torch.stack(scores, 3), 3))
    value, (by_parts,), by_weight = gradients(cell, (parts,), (0,), mode)
    assert_close(value, expected)
    assert_close(by_parts, a.grad)
    for name, gradient in by_weight.items():
        assert_close(gradient, weights[name].grad, name)
    np.testing.assert_allclose(value.sum(3), 1.0, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_generalized_mean_is_its_formula(mode: str) -> None:
    cell = GeneralizedMean(EXPONENTS, learn=True)
    f = 2 * random_array(8, B, C, 11)
    a, p = leaf(f), torch.tensor(EXPONENTS).log().requires_grad_()
    expected = backward(torch.stack([torch_gem(a, p[k].exp()) for k in range(len(EXPONENTS))], 1))
    value, (by_f,), by_weight = gradients(cell, (f,), (0,), mode)
    assert_close(value, expected)
    assert_close(by_f, a.grad)
    assert_close(by_weight["log_exponents"], p.grad)


def test_exponents_that_are_not_learnt_are_no_weights() -> None:
    assert list(GeneralizedMean(EXPONENTS).trainable_params()) == []


def test_a_silent_channel_pools_to_the_floor_with_finite_gradients() -> None:
    f = random_array(9, B, C, 11)
    f[1, 2] = 0.0
    value, (by_f,), _ = gradients(GeneralizedMean(EXPONENTS), (f,))
    np.testing.assert_allclose(value[1, :, 2], 1e-6, rtol=1e-3)
    assert np.isfinite(by_f).all()


@pytest.mark.parametrize("mode", MODES)
def test_pooling_is_equations_11_and_13(mode: str) -> None:
    cell = GuidedPooling(CONFIG)
    cells, x, y = random_array(10, B, T, C, H, W), random_array(11, B, T, C), random_array(12, B, T, C)
    weights = random_array(13, B, T, 6, 5, C)
    f, a, b, w = leaf(cells), leaf(x), leaf(y), leaf(weights)
    guided = (f + (b - a)[..., None, None]).reshape(B, T, C, H * W)
    total = torch.zeros(B, C)
    for t, n, k in itertools.product(range(T), range(6), range(5)):
        total = total + w[:, t, n, k] * torch_gem(guided[:, t], EXPONENTS[k]) / T / 6
    backward(total)
    value, found, _ = gradients(cell, (cells, x, y, weights), (0, 1, 2, 3), mode)
    assert_close(value, total)
    for got, torch_leaf in zip(found, (f, a, b, w), strict=True):
        assert_close(got, torch_leaf.grad)


@pytest.mark.parametrize("mode", MODES)
def test_pooling_over_time_takes_the_frames_of_y(mode: str) -> None:
    cell = GuidedPooling(ModelConfig(pool_over="time"))
    cells, x, y = random_array(10, B, T, C, H, W), random_array(11, B, T, C), random_array(12, B, T, C)
    weights = random_array(13, B, T, 6, 5, C)
    b, w, total = leaf(y), leaf(weights), torch.zeros(B, C)
    for t, n, k in itertools.product(range(T), range(6), range(5)):
        total = total + w[:, t, n, k] * torch_gem(b.transpose(1, 2), EXPONENTS[k]) / T / 6
    backward(total)
    value, (by_y, by_weights), _ = gradients(cell, (cells, x, y, weights), (2, 3), mode)
    assert_close(value, total)
    assert_close(by_y, b.grad)
    assert_close(by_weights, w.grad)


def test_guided_cells_have_the_corrected_feature_as_their_mean() -> None:
    cell = GuidedPooling(ModelConfig(exponents=(1.0,)))
    cells = np.abs(random_array(14, B, T, C, H, W))
    x = cells.mean((3, 4))
    y = x + np.abs(random_array(15, B, T, C))
    got = call(cell, cells, x, y, np.ones((B, T, 6, 1, C), np.float32))
    assert_close(got, y.mean(1))
