"""The whole network: variants, any T, who reads which skeleton, no hidden randomness, both modes."""

from __future__ import annotations

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from model.network.losses import LOSS_TERMS, TotalLoss
from model.network.network import ClipEmbedding, Clips, Draws, Outputs, StarNetwork, parameter_groups
from model.run.config import LossConfig, ModelConfig
from tests.model.network.cells import assert_close, call, gradients, random_array, randomise

BI, BV, T, PERSONS, HEIGHT, WIDTH = 2, 3, 5, 3, 23, 17
B = BI + BV
PERSON = np.array([0, 2, 0, 1, 2], np.int32)
SMALL: dict[str, Any] = {
    "backbone": "narrow",
    "image_height": HEIGHT,
    "image_width": WIDTH,
    "edge_hidden": 7,
    "lstm_hidden": 11,
    "graph_hidden": 3,
    "graph_width": 13,
    "kl_width": 19,
}
VARIANTS = [(False, False), (True, False), (False, True), (True, True)]
Inputs = list[np.ndarray]


def build(frame: bool = True, sequence: bool = True, **settings: Any) -> StarNetwork:
    ms.set_seed(1)
    network = StarNetwork(
        ModelConfig(frame_guidance=frame, sequence_guidance=sequence, **{**SMALL, **settings}), PERSONS
    )
    randomise(network, 2, 0.05)
    return network


def skeletons(frames: int, clips: int) -> Inputs:
    random = np.random.default_rng(3)
    seen = (random.random((clips, frames, 17)) < 0.8).astype(np.float32)
    seen *= np.where(random.random(seen.shape) < 0.2, 0.5, 1).astype(np.float32)  # some are filled in
    nodes = np.abs(random_array(4, clips, frames, 17, 3)) * (seen[..., None] > 0)
    places = random.random((clips, frames, 17, 2)).astype(np.float32)
    return [random_array(5, clips, frames, 272), nodes.astype(np.float32), seen, places]


def inputs(channels: int, frames: int = T) -> Inputs:
    random = np.random.default_rng(6)
    clips = Clips(
        random_array(7, BI, frames, 3, HEIGHT, WIDTH),
        random_array(8, BV, frames, 3, HEIGHT, WIDTH),
        *skeletons(frames, B),
    )
    rows = np.arange(B * frames).reshape(B, frames)
    draws = Draws(
        infrared_gain=random.uniform(0.5, 1.5, (BI, frames)).astype(np.float32),
        visible_gain=random.uniform(0.5, 1.5, (BV, frames, 3)).astype(np.float32),
        visible_channel=np.argsort(random.random((BV, frames, 3)), -1).astype(np.int32),
        same=np.concatenate((np.roll(rows[:BI], 1), np.roll(rows[BI:], 1))).astype(np.int32),
        other=np.concatenate(
            (random.choice(rows[BI:].ravel(), (BI, frames)), random.choice(rows[:BI].ravel(), (BV, frames)))
        ).astype(np.int32),
        keep=(random.random((B, frames, channels)) > 0.1).astype(np.float32) / np.float32(0.9),
    )
    return [*clips, *draws]


class TrainingStep(nn.Cell):  # type: ignore[misc]
    """Network and loss as a trainer joins them."""

    def __init__(self, network: StarNetwork) -> None:
        super().__init__()
        self.network = network
        self.loss = TotalLoss(LossConfig(), network.consistent)

    def construct(self, person: Any, *arguments: Any) -> Any:
        return self.loss(self.network(*arguments), person)


def test_the_outputs_have_the_names_axes_and_order_that_the_losses_read() -> None:
    network = build()
    network.set_train()
    outputs = Outputs(*call(network, *inputs(network.channels)))
    c = network.channels
    assert outputs.frame_logits.shape == outputs.disturbed_logits.shape == (B, T, PERSONS)
    assert outputs.clip_logits.shape == (B, PERSONS)
    assert outputs.clip.shape == (B, c)
    assert outputs.x.shape == outputs.disturbed.shape == (B, T, c)
    assert outputs.edge_logits.shape == outputs.joint_logits.shape == (B, T, 19)
    assert all(np.isfinite(value).all() for value in outputs)


def test_graph_and_pynative_train_alike_and_every_parameter_learns() -> None:
    results = []
    for mode in ("pynative", "graph"):
        step = TrainingStep(build())
        step.set_train()
        arguments = (PERSON, *inputs(step.network.channels))
        results.append(gradients(step, arguments, (1,), mode))
    (total, _, by_weight), (graph_total, _, graph_by_weight) = results
    assert_close(graph_total, total)
    for name, gradient in by_weight.items():
        assert_close(graph_by_weight[name], gradient, name)
        assert np.isfinite(gradient).all(), name
        if not name.endswith("key.bias"):  # it adds the same to every score of a softmax
            assert (gradient != 0).any(), name


@pytest.mark.parametrize(("frame", "sequence"), VARIANTS)
def test_two_booleans_make_the_four_variants(frame: bool, sequence: bool) -> None:
    step = TrainingStep(build(frame, sequence))
    step.set_train()
    _, terms = call(step, PERSON, *inputs(step.network.channels))
    named = dict(zip(LOSS_TERMS, terms, strict=True))
    assert np.isfinite(terms).all()
    assert (named["kl"] > 0) == (frame and sequence)
    cells = {name.split(".")[0] for name, _ in step.network.parameters_and_names()}
    assert ({"edge_encoder", "correct"} <= cells) == frame
    assert ({"part_encoder", "part_weights"} <= cells) == sequence
    assert ("consistency" in cells) == (frame and sequence)


def test_the_baseline_pools_x_over_time_with_p_3() -> None:
    network = build(False, False)
    outputs = Outputs(*call(network, *inputs(network.channels)))
    assert_close(outputs.clip, (np.abs(outputs.x) ** 3).mean(1) ** (1 / 3))


def test_any_number_of_frames_goes_through_the_same_weights() -> None:
    network = build()
    cell = ClipEmbedding(network, "visible")
    cell.set_train(False)
    whole = random_array(9, 1, 24, 3, HEIGHT, WIDTH), *skeletons(24, 1)
    features = {t: call(cell, *(part[:, :t] for part in whole)) for t in range(1, 25)}
    for frames, feature in features.items():
        assert feature.shape == (1, network.channels), frames
        assert np.linalg.norm(feature) == pytest.approx(1.0, abs=1e-5)
    assert all((features[t] != features[t + 1]).any() for t in range(1, 24))


@pytest.mark.parametrize("modality", ["infrared", "visible"])
def test_embedding_is_normalised_and_the_same_in_a_graph(modality: Any) -> None:
    cell = ClipEmbedding(build(), modality)
    cell.set_train(False)
    arguments = (random_array(9, B, T, 3, HEIGHT, WIDTH), *skeletons(T, B))
    feature = call(cell, *arguments)
    np.testing.assert_allclose(np.linalg.norm(feature, axis=1), 1.0, atol=1e-5)
    assert_close(call(cell, *arguments, mode="graph"), feature)
    alone = call(cell, *(part[1:2] for part in arguments))
    assert_close(alone, feature[1:2])


def changed_rows(network: StarNetwork, position: int, clip: int) -> np.ndarray:
    """Which clips' G change when clip `clip` of input `position` (2 edges, 3 nodes, 4 seen, 5 places) does."""
    arguments = inputs(network.channels)
    before = Outputs(*call(network, *arguments)).clip
    value = arguments[position].copy()
    value[clip] = 1 - value[clip] if position == 4 else value[clip] * 0.5
    after = Outputs(*call(network, *arguments[:position], value, *arguments[position + 1 :])).clip
    return np.abs(before - after).max(1) > 1e-5


@pytest.mark.parametrize("position", [2, 3, 4, 5])
@pytest.mark.parametrize("clip", [1, BI + 1])
def test_every_clip_reads_its_own_skeleton_and_no_other(position: int, clip: int) -> None:
    """Public code feeds visible clips the infrared skeletons, or loads the poses and ignores them."""
    network = build(pool_parts=position == Clips._fields.index("places"))  # nothing else reads these
    network.set_train(False)  # batch norms would mix the clips
    assert changed_rows(network, position, clip).tolist() == [row == clip for row in range(B)]


def test_nothing_is_random_but_the_draws() -> None:
    step = TrainingStep(build())
    step.set_train()
    arguments = inputs(step.network.channels)
    first, second = call(step, PERSON, *arguments), call(step, PERSON, *arguments)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    for n, field in enumerate(Draws._fields, len(Clips._fields)):
        other = [a.copy() for a in arguments]
        other[n] = np.roll(other[n], 1, axis=1) if other[n].dtype == np.int32 else other[n] * np.float32(1.1)
        assert call(step, PERSON, *other)[0] != first[0], field


def test_the_same_seed_builds_the_same_network() -> None:
    built = []
    for seed in (1, 1, 2):
        ms.set_seed(seed)
        built.append([p.asnumpy() for p in StarNetwork(ModelConfig(**SMALL), PERSONS).get_parameters()])
    assert all((a == b).all() for a, b in zip(built[0], built[1], strict=True))
    assert any((a != b).any() for a, b in zip(built[0], built[2], strict=True))


def test_edge_source_last_gives_every_frame_the_last_steps_distribution() -> None:
    network = build(edge_source="last")
    logits = Outputs(*call(network, *inputs(network.channels))).edge_logits
    np.testing.assert_array_equal(logits, np.broadcast_to(logits[:, -1:], logits.shape))
    network = build()
    logits_of_all = Outputs(*call(network, *inputs(network.channels))).edge_logits
    np.testing.assert_allclose(logits_of_all[:, -1], logits[:, -1], atol=1e-6)
    assert (logits_of_all[:, 0] != logits_of_all[:, 1]).any()


@pytest.mark.parametrize(
    "settings",
    [
        {"pool_over": "time", "learn_exponents": True, "bidirectional": True, "exponents": (2.0,)},
        {"pool_parts": True, "seen_flags": True},
        {"standardize_edges": False, "standardize_nodes": False},
    ],
)
def test_options_build_and_train(settings: dict[str, Any]) -> None:
    step = TrainingStep(build(**settings))
    step.set_train()
    total, _ = call(step, PERSON, *inputs(step.network.channels))
    assert np.isfinite(total)
    learnt = [name for name, p in step.network.parameters_and_names() if "log_exponents" in name and p.requires_grad]
    assert bool(learnt) == settings.get("learn_exponents", False)


def test_the_backbone_learns_at_its_own_rate_and_necks_keep_their_bias() -> None:
    network = build()
    backbone, rest = parameter_groups(network)
    names = {id(p): name for name, p in network.parameters_and_names()}
    assert {names[id(p)].split(".")[0] for p in backbone} == {"backbone"}
    assert not any(names[id(p)].startswith("backbone") for p in rest)
    assert len(backbone) + len(rest) == len(list(network.trainable_params()))
    frozen = {names[id(p)] for p in network.get_parameters() if not p.requires_grad and names[id(p)].endswith("beta")}
    assert frozen == {"frame_neck.norm.beta", "clip_neck.norm.beta"}
    assert all((dict(network.parameters_and_names())[name].asnumpy() == 0).all() for name in frozen)


def test_draws_are_read_by_frame() -> None:
    """Gains and channels belong to the frame b, t they are drawn for."""
    network = build(False, False)
    network.set_train(False)
    arguments = inputs(network.channels)
    before = Outputs(*call(network, *arguments)).x
    position = len(Clips._fields) + Draws._fields.index("visible_gain")
    other = arguments[position].copy()
    other[1, 3, 2] *= 1.5
    after = Outputs(*call(network, *arguments[:position], other, *arguments[position + 1 :])).x
    assert np.argwhere(np.abs(before - after).max(-1) > 1e-6).tolist() == [[BI + 1, 3]]
