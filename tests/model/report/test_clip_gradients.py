"""Map, gradient and contributions of a clip against the network in PyTorch with the same weights."""

from __future__ import annotations

from dataclasses import replace

import mindspore as ms
import numpy as np
import pytest
import torch
from mindspore import Tensor
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.torch_network.torch_star import TorchClips, TorchStar
from benchmarks.torch_network.torch_weights import load_weights
from data_cache.contract.records import Modality
from data_cache.contract.skeleton import PARTS, joint_index
from model.clips.clip_reader import ClipArrays
from model.network.network import StarNetwork
from model.report.heat.clip_gradients import ClipGradients, clip_gradients
from model.report.heat.heat_maps import heat_maps
from tests.model.evaluation.evaluation_runs import MODEL
from tests.model.network.cells import random_array, randomise

T, PERSONS, HEIGHT, WIDTH = 3, 5, 43, 29
SETTINGS = replace(MODEL, frames=T, image_height=HEIGHT, image_width=WIDTH, graph_heads=2)
MODALITIES = {Modality.INFRARED: "infrared", Modality.VISIBLE: "visible"}


def built(guided: bool) -> tuple[StarNetwork, TorchStar]:
    """A network with random weights and running statistics, and its twin in double precision."""
    config = replace(SETTINGS, frame_guidance=guided, sequence_guidance=guided)
    ms.set_seed(1)
    network = StarNetwork(config, PERSONS)
    randomise(network, 2, 0.1)
    random = np.random.default_rng(3)
    for parameter in network.get_parameters():
        if parameter.name.endswith("moving_mean"):
            parameter.set_data(Tensor(random.normal(0, 0.3, parameter.shape).astype(np.float32)))
        if parameter.name.endswith("moving_variance"):
            parameter.set_data(Tensor(random.uniform(0.5, 2, parameter.shape).astype(np.float32)))
    twin = TorchStar(config, PERSONS).double().eval()
    load_weights(twin, {p.name: p.asnumpy() for p in network.get_parameters()})
    return network.set_train(False), twin


def one_clip(seed: int) -> ClipArrays:
    """The arrays of a batch of one clip."""
    random = np.random.default_rng(seed)
    seen = (random.random((1, T, 17)) < 0.8).astype(np.float32)
    nodes = (random_array(seed + 3, 1, T, 17, 3) * seen[..., None]).astype(np.float32)
    places = random.random((1, T, 17, 2)).astype(np.float32)
    images, edges = random_array(seed + 1, 1, T, 3, HEIGHT, WIDTH), random_array(seed + 2, 1, T, 272)
    return ClipArrays(images, edges, nodes, seen, places)


def torch_gradients(
    twin: TorchStar, modality: str, arrays: ClipArrays, wanted: NDArray[np.float32]
) -> tuple[float, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Similarity, map, its gradient and α averaged over channels, by torch's autograd."""
    images, *skeletons = (torch.from_numpy(array).double() for array in arrays)
    clips = TorchClips(images, images[:0], *skeletons)
    net = twin.backbone
    stem = net.infrared_stem if modality == "infrared" else net.visible_stem
    cells = net.layer4(net.layer3(net.layer2(net.layer1(stem(images.flatten(0, 1))))))
    cells = cells.detach().requires_grad_()
    clip, shares = twin.guide(cells[None], clips, None)[2], None
    if twin.config.sequence_guidance:
        parts, _ = twin.part_encoder(clips.nodes, clips.seen)
        exponents = twin.config.exponents
        scores = twin.part_weights(parts).unflatten(-1, (len(exponents), -1))[0].exp()
        shares = (scores / scores.sum(2, keepdim=True)).mean(3).detach()
    feature = twin.clip_neck.norm(clip)
    score = functional.cosine_similarity(feature, torch.from_numpy(wanted).double()[None])[0]
    score.backward()
    assert cells.grad is not None
    return score.item(), cells.detach(), cells.grad, shares


def assert_near(got: NDArray[np.float32], expected: torch.Tensor, what: str) -> None:
    """Differ by no more than 1e-4 of the expected values' length as one vector."""
    wanted = expected.numpy()
    assert got.shape == wanted.shape and np.linalg.norm(wanted) > 0, what
    assert np.linalg.norm(got - wanted) <= 1e-4 * np.linalg.norm(wanted), what


@pytest.mark.parametrize("guided", [False, True], ids=["baseline", "full"])
def test_map_gradient_heat_and_contributions_are_those_of_torch(guided: bool) -> None:
    network, twin = built(guided)
    gradients = clip_gradients(network)
    found: dict[Modality, ClipGradients] = {}
    for modality, name in MODALITIES.items():
        arrays = one_clip(10)  # the same images, so that only the stems differ
        wanted = random_array(7, network.channels)
        wanted /= np.linalg.norm(wanted)
        got = found[modality] = gradients(modality, arrays, wanted)
        score, cells, slopes, shares = torch_gradients(twin, name, arrays, wanted)
        assert got.similarity == pytest.approx(score, abs=1e-5)
        assert_near(got.cells, cells, "cells")
        assert_near(got.slopes, slopes, "slopes")
        weighted = (slopes.mean((2, 3), keepdim=True) * cells).sum(1, keepdim=True).relu()
        heat = functional.interpolate(weighted, (HEIGHT, WIDTH), mode="bilinear")[:, 0]
        assert_near(heat_maps(got.cells, got.slopes, HEIGHT, WIDTH), heat / heat.max(), "heat")
        if shares is None:
            assert got.contributions is None
        else:
            assert got.contributions is not None and got.contributions.shape == (T, 6, 5)
            assert_near(got.contributions, shares, "contributions")
            np.testing.assert_allclose(got.contributions.sum(axis=2), 1, atol=1e-5)
            assert got.contributions.std(axis=(0, 1)).min() > 1e-4, "parts that are all alike prove nothing"
    assert np.abs(found[Modality.INFRARED].cells - found[Modality.VISIBLE].cells).max() > 0.1


def test_masks_lie_where_the_joints_are_in_the_map() -> None:
    config = replace(SETTINGS, frame_guidance=False, pool_parts=True, part_width=0.3)
    network = StarNetwork(config, PERSONS).set_train(False)
    places = np.full((1, T, 17, 2), 0.1, np.float32)
    places[0, 1, [joint_index(name) for name in PARTS["left_leg"]]] = (0.9, 0.5)  # column, row
    seen = np.ones((1, T, 17), np.float32)
    seen[0, 2, [joint_index(name) for name in PARTS["torso"]]] = 0
    nodes = np.concatenate((places, seen[..., None]), axis=3)
    arrays = ClipArrays(random_array(1, 1, T, 3, HEIGHT, WIDTH), random_array(2, 1, T, 272), nodes, seen, places)
    found = clip_gradients(network)(Modality.INFRARED, arrays, random_array(7, network.channels))
    assert found.masks is not None and found.contributions is not None
    assert found.masks.shape == (T, 6, *found.cells.shape[2:]) == (T, 6, 3, 2)
    np.testing.assert_allclose(found.masks.sum(axis=(2, 3)), 1, atol=1e-5)
    moved, torso = list(PARTS).index("left_leg"), list(PARTS).index("torso")
    assert np.unravel_index(found.masks[1, moved].argmax(), (3, 2)) == (1, 1)
    assert np.unravel_index(found.masks[0, moved].argmax(), (3, 2)) == (0, 0)
    np.testing.assert_allclose(found.contributions.sum(axis=(1, 2)), 1, atol=1e-5)
    assert (found.contributions[:2, torso] > 0).all() and (found.contributions[2, torso] == 0).all()
