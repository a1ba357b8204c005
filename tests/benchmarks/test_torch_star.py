"""The whole network against the one in PyTorch (`benchmarks.torch_network`): outputs, gradients, three steps."""

from __future__ import annotations

from typing import Any

import mindspore as ms
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.torch_network.torch_losses import loss_terms, total_loss
from benchmarks.torch_network.torch_star import TorchClips, TorchDraws, TorchOutputs, TorchStar
from benchmarks.torch_network.torch_weights import as_mindspore, load_weights
from benchmarks.training.torch_step import torch_optimizer
from model.clips.draws import StepPosition, draw_step
from model.network.losses import LOSS_TERMS, TotalLoss
from model.network.network import Clips, Outputs, StarNetwork
from model.run.config import LossConfig, ModelConfig, TrainConfig
from model.training.training_step import TrainingStep
from tests.model.network.cells import random_array, randomise

BI, BV, T, PERSONS, HEIGHT, WIDTH = 2, 3, 3, 5, 43, 29
B = BI + BV
PERSON = np.array([0, 3, 0, 1, 3], np.int32)
LOSS = LossConfig(id_frame=0.7, id_clip=1.1, triplet=1.3, kl=1.7, sad=0.5, margin=0.3, label_smoothing=0.1)
SMALL: dict[str, Any] = {
    "backbone": "narrow",
    "frames": T,
    "image_height": HEIGHT,
    "image_width": WIDTH,
    "edge_hidden": 7,
    "lstm_hidden": 11,
    "graph_hidden": 3,
    "graph_heads": 2,
    "graph_width": 13,
    "kl_width": 19,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {"frame_guidance": False, "sequence_guidance": False},
    "frame": {"sequence_guidance": False},
    "sequence": {"frame_guidance": False},
    "full": {},
    # The exponent of 0.7, whose slope is infinite at 0, is held cell by cell in test_guided_pooling.py.
    "full, by parts": {"pool_parts": True, "part_width": 0.7, "seen_flags": True, "exponents": (1.0, 3.0, 5.0, 7.0)},
    "full, raw": {"standardize_edges": False, "standardize_nodes": False, "kl_trains": "graph"},
}
Array = NDArray[Any]


def settings(variant: str, backbone: str) -> ModelConfig:
    return ModelConfig(**{**SMALL, **VARIANTS[variant], "backbone": backbone})


def build(variant: str, backbone: str = "narrow") -> StarNetwork:
    ms.set_seed(1)
    network = StarNetwork(settings(variant, backbone), PERSONS)
    randomise(network, 2, 0.03)
    if network.frame_guidance and network.edge_encoder.standardized:
        network.edge_encoder.standardize.set_statistics(random_array(3, 272), 1 + np.abs(random_array(4, 272)))
    network.set_train(True)
    return network


def twin_of(network: StarNetwork, variant: str, backbone: str = "narrow") -> TorchStar:
    """The network in torch with the same weights, in double precision: rounding is then MindSpore's alone."""
    twin = TorchStar(settings(variant, backbone), PERSONS).double()
    load_weights(twin, {p.name: p.asnumpy() for p in network.get_parameters()})
    return twin


def walking_nodes(random: np.random.Generator) -> Array:
    """x, y and score that vary as people's do, about 0: with wider ones, times 8, float32 has no digits left for the
    gradients; with all on one side of 0, raw ones have no slope by the attention's targets.
    """
    return random.normal(0.0, (0.12, 0.25, 0.5), (B, T, 17, 3)).astype(np.float32)


def step_inputs(step: int, channels: int) -> list[Array]:
    """Random clips, and the draws that training would make."""
    random = np.random.default_rng([3, step])
    seen = random.choice([0.0, 0.5, 1.0], (B, T, 17), p=[0.2, 0.1, 0.7]).astype(np.float32)
    seen[1, 0, 11:] = 0  # no leg of this frame is seen
    clips = Clips(
        random_array(10 + step, BI, T, 3, HEIGHT, WIDTH),
        random_array(20 + step, BV, T, 3, HEIGHT, WIDTH),
        random_array(30 + step, B, T, 272),
        walking_nodes(random) * (seen[..., None] > 0),
        seen,
        random.random((B, T, 17, 2)).astype(np.float32),
    )
    return [*clips, *draw_step(StepPosition(7, 0, step), np.arange(B), BI, T, channels, 0.1)]


def torch_inputs(arrays: list[Array]) -> tuple[TorchClips, TorchDraws]:
    kinds = {np.dtype(np.float32): np.float64, np.dtype(np.int32): np.int64, np.dtype(np.bool_): np.bool_}
    tensors = [torch.from_numpy(array.astype(kinds[array.dtype])) for array in arrays]
    return TorchClips(*tensors[:6]), TorchDraws(*tensors[6:])


def torch_terms(twin: TorchStar, arrays: list[Array]) -> tuple[TorchOutputs, torch.Tensor]:
    outputs = twin(*torch_inputs(arrays))
    return outputs, loss_terms(outputs, torch.from_numpy(PERSON).long(), LOSS.margin, LOSS.label_smoothing)


def assert_near(got: Array, expected: Array, what: str, close: float = 1e-4) -> None:
    """Differ by no more than 1e-4 of the expected values' length as one vector."""
    assert got.shape == expected.shape, what
    apart = float(np.linalg.norm(got - expected) / max(np.linalg.norm(expected), 1e-30))
    assert apart <= close, f"{what}: {apart:.1e}"


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_outputs_losses_and_gradients_are_those_of_the_network_in_torch(variant: str) -> None:
    network = build(variant)
    twin, loss = twin_of(network, variant), TotalLoss(LOSS, network.consistent)
    arrays = step_inputs(0, network.channels)

    def forward(*inputs: Any) -> Any:
        outputs = network(*inputs)
        total, terms = loss(outputs, ms.Tensor(PERSON))
        return total, terms, outputs

    weights = network.trainable_params()
    derive = ms.value_and_grad(forward, None, weights, has_aux=True)
    (total, terms, outputs), slopes = derive(*(ms.Tensor(a) for a in arrays))

    expected, expected_terms = torch_terms(twin, arrays)
    expected_total = total_loss(expected_terms, LOSS)
    expected_total.backward()
    for name, got, want in zip(Outputs._fields, outputs, expected, strict=True):
        assert_near(got.asnumpy(), np.zeros((B, T, 1)) if want is None else want.detach().numpy(), name)
    for name, got, want in zip(LOSS_TERMS, terms.asnumpy(), expected_terms.detach().numpy(), strict=True):
        assert got == pytest.approx(want, rel=1e-4), name
        assert (want > 0) == (name != "kl" or variant.startswith("full")), name
    assert float(total.asnumpy()) == pytest.approx(expected_total.item(), rel=1e-4)

    found = {p.name: slope.asnumpy() for p, slope in zip(weights, slopes, strict=True)}
    by_torch = {name: p.grad for name, p in twin.named_parameters() if p.grad is not None}
    wanted = as_mindspore({name: slope.shape for name, slope in found.items()}, by_torch)
    assert sum(v.size for v in wanted.values()) == sum(g.numel() for g in by_torch.values())
    largest = max(float(np.abs(v).max()) for v in wanted.values())
    for name, want in wanted.items():
        if name.endswith("key.bias"):  # adds the same to every score of a softmax: its true slope is 0
            assert np.abs(found[name]).max() <= 1e-6 * largest, name
        else:
            assert_near(found[name], want, name)
    assert_embeds_alike(network, twin, arrays)


def assert_embeds_alike(network: StarNetwork, twin: TorchStar, arrays: list[Array]) -> None:
    """What evaluation takes of a clip, by the running statistics that the pass before has moved."""
    infrared, visible, *skeletons = arrays[:6]
    network.set_train(False)
    sides = (infrared, "infrared", slice(BI)), (visible, "visible", slice(BI, None))
    got = [
        network.embed(ms.Tensor(images), *(ms.Tensor(array[clips]) for array in skeletons), modality).asnumpy()
        for images, modality, clips in sides
    ]
    with torch.no_grad():
        assert_near(np.concatenate(got), twin.eval().embed(torch_inputs(arrays)[0]).numpy(), "embedding")


def test_outputs_and_losses_with_the_papers_backbone() -> None:
    network = build("full", "resnet50")
    arrays = step_inputs(0, network.channels)
    outputs = network(*map(ms.Tensor, arrays))
    terms = TotalLoss(LOSS, network.consistent)(outputs, ms.Tensor(PERSON))[1]
    with torch.no_grad():
        expected, expected_terms = torch_terms(twin_of(network, "full", "resnet50"), arrays)
    for name, got, want in zip(Outputs._fields, outputs, expected, strict=True):
        assert want is not None
        assert_near(got.asnumpy(), want.numpy(), name)
    np.testing.assert_allclose(terms.asnumpy(), expected_terms.numpy(), rtol=1e-4)


def test_three_steps_of_training_move_every_weight_as_in_torch() -> None:
    """TrainingStep, compiled, against torch's SGD: rates of both groups, momentum, weight decay, clipping, running
    statistics."""
    network = build("full")
    twin = twin_of(network, "full")
    config = TrainConfig(learning_rate=0.01, backbone_lr_ratio=0.3, momentum=0.8, weight_decay=0.01, clip_norm=3.0)
    training = TrainingStep(network, TotalLoss(LOSS, network.consistent), config)
    optimizer = torch_optimizer(twin, config)
    before = {p.name: p.asnumpy().copy() for p in network.get_parameters()}
    for step in range(3):
        arrays = step_inputs(step, network.channels)
        total, terms, norm = training(arrays, PERSON, config.learning_rate)
        expected = torch_terms(twin, arrays)[1]
        optimizer.zero_grad()
        total_loss(expected, LOSS).backward()
        expected_norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), config.clip_norm).item()
        assert norm == pytest.approx(expected_norm, rel=1e-3) and norm > config.clip_norm
        optimizer.step()
        np.testing.assert_allclose(terms, expected.detach().numpy(), rtol=1e-4)
        assert total == pytest.approx(total_loss(expected, LOSS).item(), rel=1e-4)
    state = twin.state_dict()
    still = ("log_exponents", "standardize.mean", "standardize.deviation")
    moving = {name: value.shape for name, value in before.items() if not name.endswith(still)}
    for name, want in as_mindspore(moving, state).items():
        got = network.parameters_dict()[name].asnumpy()
        if name.endswith("beta") and "neck" in name:
            assert (got == before[name]).all(), name
        elif not name.endswith("key.bias"):
            assert (got != before[name]).any(), name
            assert_near(got - before[name], want - before[name], name, 1e-3)
