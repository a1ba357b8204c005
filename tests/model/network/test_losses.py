"""Every term of eq 15 against hand-worked values, loops and torch, with gradients; none depends on the batch's size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from model.network.losses import LOSS_TERMS, BatchHardTriplet, Identity, SkeletonConsistency, StyleDefense, TotalLoss
from model.run.config import LossConfig
from tests.model.network.cells import MODES, assert_close, call, gradients, leaf, random_array

B, T, C, PERSONS, WIDTH = 6, 5, 7, 3, 11
PERSON = np.array([0, 2, 1, 0, 1, 0], np.int32)


def torch_triplet(feature: torch.Tensor, person: np.ndarray, margin: float) -> torch.Tensor:
    """Batch-hard triplet, anchor by anchor."""
    losses = []
    for i in range(len(person)):
        to = [torch.linalg.vector_norm(feature[i] - feature[j]) for j in range(len(person))]
        farthest = max(
            (to[j] for j in range(len(person)) if j != i and person[j] == person[i]), default=torch.zeros(())
        )
        nearest = min(to[j] for j in range(len(person)) if person[j] != person[i])
        losses.append(torch.relu(farthest - nearest + margin))
    return torch.stack(losses).mean()


def test_identity_of_a_hand_worked_case() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], np.float32))
    person = np.array([0, 1], np.int32)
    assert call(Identity(), logits, person) == pytest.approx((math.log(2) + math.log(10)) / 2, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("mode", MODES)
def test_identity_of_frames_is_torchs(mode: str, smoothing: float) -> None:
    logits = random_array(0, B, T, PERSONS)
    a = leaf(logits)
    expected = torch.nn.functional.cross_entropy(
        a.reshape(B * T, PERSONS), torch.tensor(PERSON).long().repeat_interleave(T), label_smoothing=smoothing
    )
    expected.backward()
    value, (by_logits,), _ = gradients(Identity(smoothing), (logits, PERSON), (0,), mode)
    assert_close(value, expected)
    assert_close(by_logits, a.grad)


def test_triplet_of_a_hand_worked_case() -> None:
    feature = np.array([[0, 0], [3, 4], [0, 5], [0, 6]], np.float32)  # persons 0 0 1 1
    # farthest: 5, 5, 1, 1; nearest: 5, √10, √10, √13; with margin 0.3
    terms = [5 - 5 + 0.3, 5 - math.sqrt(10) + 0.3, 0.0, 0.0]
    got = call(BatchHardTriplet(0.3), feature, np.array([0, 0, 1, 1], np.int32))
    assert got == pytest.approx(sum(terms) / 4, rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_triplet_is_the_definition(mode: str) -> None:
    feature = random_array(1, B, C)
    a = leaf(feature)
    expected = torch_triplet(a, PERSON, 0.3)
    expected.backward()
    value, (by_feature,), _ = gradients(BatchHardTriplet(0.3), (feature, PERSON), (0,), mode)
    assert_close(value, expected)
    assert_close(by_feature, a.grad)


def test_triplet_of_equal_features_and_of_one_person_is_finite() -> None:
    equal = np.ones((4, C), np.float32)
    value, (by_feature,), _ = gradients(BatchHardTriplet(0.3), (equal, np.array([0, 0, 1, 1], np.int32)))
    assert value == pytest.approx(0.3)
    assert (by_feature == 0).all()
    assert call(BatchHardTriplet(0.3), random_array(2, 4, C), np.zeros(4, np.int32)) == 0.0


def test_consistency_of_a_hand_worked_case() -> None:
    p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    by_hand = 0.5 * sum(p * np.log(p / q) + q * np.log(q / p))
    got = call(SkeletonConsistency(), np.log(p)[None, None].astype("f"), np.log(q)[None, None].astype("f"))
    assert got == pytest.approx(by_hand, rel=1e-5)
    assert by_hand == pytest.approx(math.log(3) / 8)


@pytest.mark.parametrize("mode", MODES)
def test_consistency_is_the_mean_of_torchs_two_divergences(mode: str) -> None:
    edge, joint = random_array(3, B, T, WIDTH), random_array(4, B, T, WIDTH)
    a, b = leaf(edge), leaf(joint)
    p, q = a.log_softmax(-1), b.log_softmax(-1)
    both = [torch.nn.functional.kl_div(x, y, reduction="sum", log_target=True) for x, y in ((q, p), (p, q))]
    expected = 0.5 * (both[0] + both[1]) / (B * T)
    expected.backward()
    value, found, _ = gradients(SkeletonConsistency(), (edge, joint), (0, 1), mode)
    assert_close(value, expected)
    assert_close(found[0], a.grad)
    assert_close(found[1], b.grad)


def test_consistency_does_not_grow_with_the_frames() -> None:
    edge, joint = random_array(3, B, T, WIDTH), random_array(4, B, T, WIDTH)
    twice = call(SkeletonConsistency(), np.tile(edge, (1, 2, 1)), np.tile(joint, (1, 2, 1)))
    assert twice == pytest.approx(call(SkeletonConsistency(), edge, joint), rel=1e-5)


def test_style_defense_of_a_hand_worked_case() -> None:
    x = np.zeros((1, 2, 2), np.float32)
    disturbed = np.array([[[3, 4], [0, 1]]], np.float32)  # distances 5 and 1
    logits = np.log(np.array([[[0.5, 0.5], [0.25, 0.75]]], np.float32))
    expected = (math.log(2) + math.log(4)) / 2 + 3.0
    assert call(StyleDefense(), logits, x, disturbed, np.zeros(1, np.int32)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_style_defense_is_torchs_with_gradients_through_both_features(mode: str) -> None:
    logits, x, disturbed = random_array(5, B, T, PERSONS), random_array(6, B, T, C), random_array(7, B, T, C)
    a, b, c = leaf(logits), leaf(x), leaf(disturbed)
    person = torch.tensor(PERSON).long().repeat_interleave(T)
    expected = torch.nn.functional.cross_entropy(a.reshape(B * T, PERSONS), person)
    expected = expected + torch.linalg.vector_norm(b - c, dim=-1).mean()
    expected.backward()
    value, found, _ = gradients(StyleDefense(), (logits, x, disturbed, PERSON), (0, 1, 2), mode)
    assert_close(value, expected)
    for got, twin in zip(found, (a, b, c), strict=True):
        assert_close(got, twin.grad)


def random_outputs(clips: int = B) -> list[np.ndarray]:
    shapes = [(T, PERSONS), (PERSONS,), (C,), (T, C), (T, C), (T, PERSONS), (T, WIDTH), (T, WIDTH)]
    return [random_array(10 + n, clips, *shape) for n, shape in enumerate(shapes)]


def total(config: LossConfig, outputs: list[np.ndarray], person: np.ndarray, **how: Any) -> tuple[Any, Any]:
    cell = TotalLoss(config, how.pop("consistency", True))
    return call(lambda *inputs: cell(inputs[:-1], inputs[-1]), *outputs, person)


@pytest.mark.parametrize("mode", MODES)
def test_the_total_is_the_weighted_sum_of_the_named_terms(mode: str) -> None:
    weights = dict(zip(LOSS_TERMS, (2.0, 3.0, 5.0, 7.0, 11.0), strict=True))
    cell = TotalLoss(LossConfig(**weights, margin=0.5, label_smoothing=0.1), consistency=True)

    def compute(*inputs: Any) -> Any:
        return cell(inputs[:-1], inputs[-1])

    frame, clip, feature, x, disturbed, disturbed_logits, edge, joint = outputs = random_outputs()
    got, terms = call(compute, *outputs, PERSON, mode=mode)
    expected = {
        "id_frame": call(Identity(0.1), frame, PERSON),
        "id_clip": call(Identity(0.1), clip, PERSON),
        "triplet": call(BatchHardTriplet(0.5), feature, PERSON),
        "kl": call(SkeletonConsistency(), edge, joint),
        "sad": call(StyleDefense(0.1), disturbed_logits, x, disturbed, PERSON),
    }
    assert tuple(expected) == LOSS_TERMS
    np.testing.assert_allclose(terms, list(expected.values()), rtol=1e-5)
    assert got == pytest.approx(sum(weights[name] * expected[name] for name in LOSS_TERMS), rel=1e-5)


def test_without_both_guidances_there_is_no_consistency_term() -> None:
    outputs = random_outputs()
    _, terms = total(LossConfig(), outputs, PERSON, consistency=False)
    _, full = total(LossConfig(), outputs, PERSON)
    assert terms[LOSS_TERMS.index("kl")] == 0
    assert full[LOSS_TERMS.index("kl")] > 0
    np.testing.assert_array_equal(np.delete(terms, 3), np.delete(full, 3))


def test_two_devices_mean_is_the_whole_batch_but_for_the_triplet() -> None:
    """2 × 3 clips give the terms, and so the gradients, of 6."""
    outputs = random_outputs()
    _, whole = total(LossConfig(), outputs, PERSON)
    halves = [total(LossConfig(), [o[rows] for o in outputs], PERSON[rows])[1] for rows in (slice(3), slice(3, 6))]
    for n, name in enumerate(LOSS_TERMS):
        if name != "triplet":
            assert (halves[0][n] + halves[1][n]) / 2 == pytest.approx(whole[n], rel=1e-5), name
