"""Eqs 8 to 10 and 12: the graph against a loop, attention and part vectors against torch, for several T."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from data_cache.contract.skeleton import LIMBS, PARTS, joint_index
from model.network.sequence_guidance import ClipGraph, GraphAttention, PartEncoder
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

B, T, J = 3, 5, 17
CONFIG = ModelConfig(graph_hidden=3, graph_heads=2, graph_width=13)


def random_seen(seed: int, frames: int) -> np.ndarray:
    """1 for seen joints, 0 for others, and a third for some that are filled in."""
    values = np.random.default_rng(seed).choice([0.0, 1 / 3, 1.0], (B, frames, J), p=[0.3, 0.2, 0.5])
    return values.astype(np.float32)


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


@pytest.mark.parametrize(
    ("frames", "mode"), [(1, "pynative"), (2, "graph"), (5, "graph"), (7, "pynative"), (24, "pynative")]
)
def test_the_graph_is_equations_8_and_9(frames: int, mode: str) -> None:
    seen = random_seen(frames, frames)
    np.testing.assert_array_equal(call(ClipGraph(), seen, mode=mode), neighbours_by_loop(seen))


def test_every_frame_has_its_38_directed_limbs() -> None:
    neighbours = call(ClipGraph(), np.ones((1, T, J), np.float32))[0].reshape(T, J, T, J)
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


def standardized_by_loop(nodes: torch.Tensor, seen: np.ndarray) -> torch.Tensor:
    """The clip's seen joints about their weighted centre, x times 8, y times 4, score from −1 to 1; zeros elsewhere."""
    result = torch.zeros_like(nodes)
    for b in range(len(nodes)):
        places = [(t, j) for t, j in np.argwhere(seen[b] > 0).tolist()]
        weight = sum(float(seen[b, t, j]) for t, j in places)
        centre = sum(float(seen[b, t, j]) * nodes[b, t, j, :2] for t, j in places) / weight
        for t, j in places:
            x, y = nodes[b, t, j, :2] - centre
            result[b, t, j] = torch.stack((8 * x, 4 * y, 2 * nodes[b, t, j, 2] - 1))
    return result


@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_parts_are_two_layers_batch_norm_and_the_mean_over_seen_joints(mode: str, standardized: bool) -> None:
    frames = 2
    cell = PartEncoder(ModelConfig(graph_hidden=3, graph_heads=2, graph_width=13, standardize_nodes=standardized))
    randomise(cell, 2, 0.1)
    cell.set_train()
    nodes, seen = random_array(3, B, frames, J, 3), random_seen(4, frames)
    seen[1, 0, [joint_index(j) for j in PARTS["right_arm"]]] = 0  # a part without a seen joint
    a, weights = leaf(nodes), torch_weights(cell)
    neighbours = neighbours_by_loop(seen)
    flat = (standardized_by_loop(a, seen) if standardized else a).reshape(B, frames * J, 3)
    hidden = torch.nn.functional.elu(torch_attention(cell.first, weights, flat, neighbours, "first.")[0])
    hidden = torch.nn.functional.elu(torch_attention(cell.second, weights, hidden, neighbours, "second.")[0])
    gamma, beta = weights["norm.gamma"], weights["norm.beta"]
    flat = hidden.reshape(-1, 13)
    normed = torch.nn.functional.batch_norm(flat, torch.zeros(13), torch.ones(13), gamma, beta, training=True)
    normed = normed.reshape(B, frames, J, 13)
    expected = []
    for b, t, part in itertools.product(range(B), range(frames), PARTS.values()):
        total = torch.zeros(13)
        joints = [joint_index(j) for j in part]
        weight = [float(seen[b, t, j]) if standardized else 1.0 for j in joints]
        for j, w in zip(joints, weight, strict=True):
            total = total + (w / sum(weight) * normed[b, t, j] if w else 0)
        expected.append(total)
    wanted = backward(torch.stack(expected).reshape(B, frames, 6, 13))
    value, (by_nodes,), by_weight = gradients(cell, (nodes, seen), (0,), mode)
    assert_close(value, wanted)
    assert_close(by_nodes, a.grad)
    assert by_weight.keys() == weights.keys()
    for name, gradient in by_weight.items():
        assert_close(gradient, weights[name].grad, name)


def test_parts_with_a_seen_joint_share_evenly_and_all_do_where_no_part_has_one() -> None:
    cell = PartEncoder(CONFIG)
    cell.set_train(False)
    seen = np.ones((1, T, J), np.float32)
    seen[0, 1, [joint_index(j) for j in PARTS["left_leg"][1:]]] = 0  # the hip is still there
    seen[0, 2, [joint_index(j) for j in PARTS["left_leg"]]] = 0
    seen[0, 3] = 0
    parts, shares = call(cell, random_array(5, 1, T, J, 3), seen)
    leg = list(PARTS).index("left_leg")
    expected = np.full((T, 6), 1 / 6)
    expected[2] = 1 / 5
    expected[2, leg] = 0
    np.testing.assert_allclose(shares[0], expected, rtol=1e-6)
    assert (parts[0, 2, leg] == 0).all()
    assert (parts[0, 3] == 0).all()
    assert (parts[0, 1, leg] != 0).any()


def test_an_unseen_joint_reaches_nothing() -> None:
    """Neither a neighbour nor its part's mean; with raw nodes it enters its part's mean, as it did before."""
    ankle, left_leg = joint_index("left_ankle"), list(PARTS).index("left_leg")
    for standardized in (True, False):
        cell = PartEncoder(ModelConfig(graph_hidden=3, graph_width=13, standardize_nodes=standardized))
        cell.set_train(False)
        nodes, seen = random_array(5, 1, T, J, 3), np.ones((1, T, J), np.float32)
        seen[0, 2, ankle] = 0
        before = call(cell, nodes, seen)[0]
        nodes[0, 2, ankle] += 5.0
        changed = (before != call(cell, nodes, seen)[0]).any(-1)[0]
        assert changed[2, left_leg] == (not standardized)
        changed[2, left_leg] = False
        assert not changed.any()
