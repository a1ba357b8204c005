"""How the network joins its cells, equation by equation: each cell is held against torch in a test of its own."""

from __future__ import annotations

from typing import Any

import mindspore as ms
import numpy as np
import pytest
import torch
from mindspore import Tensor, ops

from model.network.network import ClipEmbedding, Clips, Consistency, Draws, Neck, Outputs, StarNetwork
from model.network.style import augment_infrared, augment_visible
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
from tests.model.network.test_network import BI, BV, PERSON, PERSONS, VARIANTS, B, T, TrainingStep, build, inputs

OPTIONS: list[dict[str, Any]] = [
    {"pool_over": "time"},
    {"bidirectional": True, "edge_source": "last"},
    {"learn_exponents": True, "exponents": (2.0, 0.5)},
    {"pool_parts": True},
]


def rows(images: Tensor) -> Tensor:
    return ops.reshape(images, (-1, *images.shape[2:]))


def logits(neck: Neck, features: Tensor) -> Tensor:
    """Frame by frame through a neck: (B, T, C) → (B, T, persons)."""
    flat = ops.reshape(features, (B * T, features.shape[2]))
    return ops.reshape(neck(flat)[1], (B, T, PERSONS))


def expected_outputs(network: StarNetwork, clips: Clips, draws: Draws) -> dict[str, Tensor]:
    """Sections 3.1 to 3.3 and 4.1.3 written down once more, from the cells of `network`."""
    infrared = augment_infrared(rows(clips.infrared), ops.reshape(draws.infrared_gain, (BI * T,)))
    visible = augment_visible(
        rows(clips.visible),
        ops.reshape(draws.visible_gain, (BV * T, 3)),
        ops.reshape(draws.visible_channel, (BV * T, 3)),
    )
    maps, disturbed_maps = network.backbone(
        infrared, visible, ops.reshape(draws.same, (B * T,)), ops.reshape(draws.other, (B * T,))
    )
    cells = ops.reshape(maps, (B, T, *maps.shape[1:]))
    x, disturbed = cells.mean((3, 4)), ops.reshape(disturbed_maps.mean((2, 3)), (B, T, network.channels))
    y, p, q = x, ops.zeros((B, T, 1)), ops.zeros((B, T, 1))
    if network.frame_guidance:
        guidance, steps = network.edge_encoder(clips.edges, clips.seen)  # eq 3
        y = network.correct(x, guidance, draws.keep)  # eqs 4 to 7
    if network.sequence_guidance:
        parts, shares = network.part_encoder(clips.nodes, clips.seen)  # eqs 8 to 10
        masks = network.part_masks(clips.places, clips.seen, *cells.shape[3:]) if network.by_part else None
        weights = network.part_weights(parts, shares)
        clip = network.pool(cells, x, y, weights, shares, masks)  # eqs 11 to 13
        if network.frame_guidance:
            p, q = network.consistency(steps, parts, shares)  # eq 14
    else:
        clip = ops.pow(ops.mean(ops.pow(ops.clamp(ops.abs(y), 1e-6), 3), 1), 1 / 3)
    return {
        "frame_logits": logits(network.frame_neck, y),
        "clip_logits": network.clip_neck(clip)[1],
        "clip": clip,
        "x": x,
        "disturbed": disturbed,
        "disturbed_logits": logits(network.frame_neck, disturbed),
        "edge_logits": p,
        "joint_logits": q,
    }


@pytest.mark.parametrize(
    ("frame", "sequence", "settings"), [(*v, {}) for v in VARIANTS] + [(True, True, o) for o in OPTIONS]
)
def test_outputs_are_the_equations_of_the_cells(frame: bool, sequence: bool, settings: dict[str, Any]) -> None:
    """X is the mean over cells, frames' logits are Y's, x_dis goes through the frame neck, G through the clip neck."""
    network = build(frame, sequence, **settings)
    network.set_train()
    arrays = inputs(network.channels)
    outputs = Outputs(*call(network, *arrays))
    tensors = [Tensor(value) for value in arrays]
    expected = expected_outputs(network, Clips(*tensors[:6]), Draws(*tensors[6:]))
    assert tuple(expected) == Outputs._fields
    for name, value in expected.items():
        assert_close(getattr(outputs, name), value.asnumpy(), name)


@pytest.mark.parametrize(("frame", "sequence"), VARIANTS)
def test_a_test_feature_is_g_through_the_clip_neck_at_length_one(frame: bool, sequence: bool) -> None:
    """Section 7; nothing is augmented, disturbed or dropped, and batch norms use what they have learnt."""
    network = build(frame, sequence)
    random = np.random.default_rng(1)
    for name, parameter in network.parameters_and_names():
        if "moving" in name:
            parameter.set_data(Tensor(random.uniform(0.5, 1.5, parameter.shape).astype(np.float32)))
    network.set_train(False)
    arrays = inputs(network.channels)
    draws = Draws(*arrays[6:])
    still = draws._replace(
        infrared_gain=np.ones_like(draws.infrared_gain),
        visible_gain=np.ones_like(draws.visible_gain),
        visible_channel=np.broadcast_to(np.arange(3, dtype=np.int32), draws.visible_channel.shape).copy(),
        keep=np.ones_like(draws.keep),
    )
    clip = Outputs(*call(network, *arrays[:6], *still)).clip
    norm = {part: getattr(network.clip_neck.norm, part).asnumpy() for part in ("gamma", "moving_mean")}
    variance = network.clip_neck.norm.moving_variance.asnumpy()
    normed = (clip - norm["moving_mean"]) / np.sqrt(variance + 1e-5) * norm["gamma"]
    expected = normed / np.linalg.norm(normed, axis=1, keepdims=True)
    for modality, mine, images in (("infrared", slice(BI), arrays[0]), ("visible", slice(BI, B), arrays[1])):
        cell = ClipEmbedding(network, modality)  # type: ignore[arg-type]
        assert_close(call(cell, images, *(part[mine] for part in arrays[2:6])), expected[mine], modality)


@pytest.mark.parametrize("mode", MODES)
def test_a_neck_is_batch_norm_with_a_frozen_bias_and_a_classifier_without(mode: str) -> None:
    cell = Neck(7, PERSONS)
    assert {name for name, _ in cell.parameters_and_names() if "moving" not in name} == {
        "norm.gamma",
        "norm.beta",
        "classifier.weight",
    }
    randomise(cell, 1)
    cell.set_train()
    weights = torch_weights(cell)
    x = random_array(2, 5, 7)
    a = leaf(x)
    normed = torch.nn.functional.batch_norm(
        a, torch.zeros(7), torch.ones(7), weights["norm.gamma"], torch.zeros(7), training=True
    )
    expected = backward(normed @ weights["classifier.weight"].T)
    value, (by_x,), by_weight = gradients(cell, (x,), (0,), mode, output=1)
    assert_close(value, expected)
    assert_close(call(cell, x)[0], normed)
    assert_close(by_x, a.grad)
    assert by_weight.keys() == {"norm.gamma", "classifier.weight"}
    for name, gradient in by_weight.items():
        assert_close(gradient, weights[name].grad, name)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("source", ["all", "last"])
def test_p_and_q_are_linear_in_the_lstms_steps_and_the_mean_over_parts(source: Any, mode: str) -> None:
    cell = Consistency(ModelConfig(graph_width=13, kl_width=19, edge_source=source), hidden=11)
    randomise(cell, 3)
    weights = torch_weights(cell)
    steps, parts = random_array(4, B, T, 11), random_array(5, B, T, 6, 13)
    shares = np.random.default_rng(6).dirichlet(np.ones(6), (B, T)).astype(np.float32)
    a, b = leaf(steps), leaf(parts)
    of_all = a @ weights["edges.weight"].T + weights["edges.bias"]
    p = of_all if source == "all" else of_all[:, -1:].expand(B, T, 19)
    backward(p)
    q = backward((b * torch.tensor(shares)[..., None]).sum(2) @ weights["joints.weight"].T + weights["joints.bias"])
    for output, expected, position, twin in ((0, p, 0, a), (1, q, 1, b)):
        value, (by_input,), by_weight = gradients(cell, (steps, parts, shares), (position,), mode, output)
        assert_close(value, expected)
        assert_close(by_input, twin.grad)
        for name in ("edges", "joints")[output : output + 1]:
            assert_close(by_weight[f"{name}.weight"], weights[f"{name}.weight"].grad, name)


@pytest.mark.parametrize("mode", MODES)
def test_where_eq_14_trains_the_graph_alone_nothing_goes_through_p(mode: str) -> None:
    steps, parts = random_array(4, B, T, 11), random_array(5, B, T, 6, 13)
    shares = np.full((B, T, 6), 1 / 6, np.float32)
    values = {}
    for trains in ("both", "graph"):
        cell = Consistency(ModelConfig(graph_width=13, kl_width=19, kl_trains=trains), hidden=11)  # type: ignore[arg-type]
        random = np.random.default_rng(3)
        for parameter in cell.get_parameters():  # those that learn nothing too
            parameter.set_data(ms.Tensor(random.normal(size=parameter.shape).astype(np.float32)))
        for output in (0, 1):
            value, (by_steps, by_parts), by_weight = gradients(cell, (steps, parts, shares), (0, 1), mode, output)
            values[trains, output] = value
            assert by_steps.any() == (output == 0 and trains == "both")
            assert by_parts.any() == (output == 1)
            names = {"edges.weight", "edges.bias"} if trains == "both" else set()
            assert by_weight.keys() == names | {"joints.weight", "joints.bias"}
    for output in (0, 1):
        np.testing.assert_array_equal(values["graph", output], values["both", output])


def test_a_network_trains_with_1_frame_and_with_24() -> None:
    """Nothing is built for one T: neither a graph for 12 frames nor anything else. Testing has a test for every T."""
    step = TrainingStep(build())
    step.set_train()
    for frames in (1, 24):
        total, terms = call(step, PERSON, *inputs(step.network.channels, frames))
        assert np.isfinite(total), frames
        assert np.isfinite(terms).all(), frames


def test_initial_weights_follow_the_papers_choices() -> None:
    """Guidance starts as nothing: Y = X + 1e-3, both stems alike, exponents as they are written."""
    ms.set_seed(1)
    network = StarNetwork(ModelConfig(backbone="narrow", edge_hidden=7, lstm_hidden=11, graph_width=13), PERSONS)
    values = {name: parameter.asnumpy() for name, parameter in network.parameters_and_names()}
    assert not values["correct.ffn.narrow.weight"].any()
    assert not values["correct.ffn.narrow.bias"].any()
    np.testing.assert_allclose(np.exp(values["pool.gem.log_exponents"]), (0.7, 1, 3, 5, 7), rtol=1e-6)
    for name, value in values.items():
        if name.startswith("backbone.infrared_stem."):
            np.testing.assert_array_equal(value, values[name.replace("infrared", "visible")], name)
