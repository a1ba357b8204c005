"""Equations 1 and 2 against loops written from the paper, against torch, and by their invariants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data_cache.contract.skeleton import mirror_indices
from pipeline.skeletons.edges import pairwise_edges

FRAMES, JOINTS = 7, 17
# Computed in float64 and rounded once: nothing but that rounding separates a result from the definition.
HALF_ULP = 6.1e-8


def naive_edge(xy_i: Any, xy_j: Any, both_seen: bool, height: int, angle: str, normalize: str) -> tuple[float, float]:
    """One pair, straight from equations 1 and 2 and the decisions about them."""
    if not both_seen:
        return 0.0, 0.0
    over = height if normalize == "height" else 1
    dx = float(xy_j[0]) / over - float(xy_i[0]) / over + 0.0  # a zero without sign
    dy = float(xy_j[1]) / over - float(xy_i[1]) / over + 0.0
    distance = math.sqrt(dx**2 + dy**2)
    if dx == 0 and dy == 0:
        return distance, 0.0
    if angle == "atan2":
        return distance, math.atan2(dy, dx)
    if dx == 0:
        return distance, math.copysign(math.pi / 2, dy)
    return distance, math.atan(dy / dx)


def naive_edges(keypoints: Any, seen: Any, height: Any, angle: str = "arctan", normalize: str = "height") -> np.ndarray:
    frames, joints = seen.shape
    edges = np.empty((frames, joints, joints, 2))
    for t in range(frames):
        for i in range(joints):
            for j in range(joints):
                both = bool(seen[t, i] and seen[t, j])
                edges[t, i, j] = naive_edge(keypoints[t, i], keypoints[t, j], both, int(height[t]), angle, normalize)
    return edges


def random_frames(seed: int, frames: int = FRAMES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints all over crops of different heights; about every sixth is unseen and NaN."""
    random = np.random.default_rng(seed)
    keypoints = random.uniform(-5, 200, (frames, JOINTS, 2)).astype(np.float32)
    seen = random.random((frames, JOINTS)) > 1 / 6
    keypoints[~seen] = np.nan
    return keypoints, seen, random.integers(50, 300, frames).astype(np.int32)


def one_pair(dx: float, dy: float, **options: Any) -> tuple[float, float]:
    """Distance and angle from joint 0 at the origin to joint 1 at (dx, dy), height 2."""
    keypoints = np.array([[[0, 0], [dx, dy]]], np.float32)
    edges = pairwise_edges(keypoints, np.ones((1, 2), bool), np.array([2], np.int32), **options)
    return float(edges[0, 0, 1, 0]), float(edges[0, 0, 1, 1])


@pytest.mark.parametrize("angle", ["arctan", "atan2"])
@pytest.mark.parametrize("normalize", ["height", "none"])
def test_equals_loops_over_the_equations(angle: str, normalize: str) -> None:
    keypoints, seen, height = random_frames(3)
    edges = pairwise_edges(keypoints, seen, height, angle, normalize)
    assert edges.shape == (FRAMES, JOINTS, JOINTS, 2)
    assert edges.dtype == np.float32
    np.testing.assert_allclose(edges, naive_edges(keypoints, seen, height, angle, normalize), rtol=HALF_ULP)


# Whole numbers among the coordinates make vertical, horizontal and coincident pairs common.
coordinates = st.one_of(st.integers(-2, 2).map(float), st.floats(-300, 300, width=32))


@settings(max_examples=60, deadline=None)
@given(
    keypoints=arrays(np.float32, (2, 5, 2), elements=coordinates),
    seen=arrays(np.bool_, (2, 5)),
    height=arrays(np.int32, 2, elements=st.sampled_from([1, 64, 256])),
    angle=st.sampled_from(["arctan", "atan2"]),
    normalize=st.sampled_from(["height", "none"]),
)
def test_equals_loops_on_any_input(
    keypoints: np.ndarray, seen: np.ndarray, height: np.ndarray, angle: str, normalize: str
) -> None:
    # Heights are powers of two: dividing by them is exact, so the loop finds dx = 0 where the coordinates are equal.
    edges = pairwise_edges(keypoints, seen, height, angle, normalize)
    np.testing.assert_allclose(edges, naive_edges(keypoints, seen, height, angle, normalize), rtol=HALF_ULP, atol=1e-30)


def test_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    keypoints, _, height = random_frames(5)
    keypoints = np.nan_to_num(keypoints, nan=11.0)
    seen = np.ones((FRAMES, JOINTS), bool)
    xy = torch.from_numpy(keypoints).double() / torch.from_numpy(height).double()[:, None, None]
    distance = torch.cdist(xy, xy, compute_mode="donot_use_mm_for_euclid_dist")
    dx, dy = (xy[:, None] - xy[:, :, None]).unbind(-1)
    for angle, theta in (("arctan", torch.atan(dy / dx).nan_to_num(0.0)), ("atan2", torch.atan2(dy, dx))):
        edges = pairwise_edges(keypoints, seen, height, angle)
        np.testing.assert_allclose(edges[..., 0], distance, rtol=HALF_ULP)
        np.testing.assert_allclose(edges[..., 1], theta, rtol=HALF_ULP)


def test_right_angles_are_exact_and_signed_by_dy() -> None:
    half_pi = float(np.float32(math.pi / 2))
    assert one_pair(0, 3) == (1.5, half_pi)
    assert one_pair(0, -3) == (1.5, -half_pi)
    assert one_pair(3, 0) == (1.5, 0.0)
    assert one_pair(-3, 0) == (1.5, 0.0)
    assert one_pair(0, 0) == (0.0, 0.0)
    assert one_pair(0, -3, angle="atan2") == (1.5, -half_pi)
    assert one_pair(-3, 0, angle="atan2") == (1.5, float(np.float32(math.pi)))
    assert one_pair(0, 0, angle="atan2") == (0.0, 0.0)


@pytest.mark.parametrize("angle", ["arctan", "atan2"])
def test_the_sign_of_a_zero_has_no_say(angle: str) -> None:
    # atan2(0, -0.0) is pi and arctan(1 / -0.0) is -pi/2: neither is what two joints in one column mean.
    for dx, dy in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)):
        for x, y in ((0.0, -0.0), (-0.0, 0.0), (-0.0, -0.0)):
            assert one_pair(dx or x, dy or y, angle=angle) == one_pair(dx, dy, angle=angle)
    negative_zero_here = np.array([[[-0.0, -0.0], [0, 0]]], np.float32)
    edges = pairwise_edges(negative_zero_here, np.ones((1, 2), bool), np.array([2], np.int32), angle)
    assert edges.tobytes() == bytes(edges.nbytes)


def test_a_nearly_vertical_pair_is_not_taken_for_a_vertical_one() -> None:
    x, height = np.float32(200), np.float32(144)
    left = np.nextafter(x, np.float32(0))
    assert x != left and x / height == left / height  # dividing first, in float32, would make them one
    keypoints = np.array([[[x, 0], [left, 50]]], np.float32)
    edges = pairwise_edges(keypoints, np.ones((1, 2), bool), np.array([height], np.int32))
    assert edges[0, 0, 1, 1] == edges[0, 1, 0, 1] == np.float32(-math.pi / 2 + math.atan(float(x - left) / 50))


def test_distance_is_over_the_crops_own_height() -> None:
    keypoints, seen, height = random_frames(7)
    pixels = pairwise_edges(keypoints, seen, height, normalize="none")
    shares = pairwise_edges(keypoints, seen, height)
    np.testing.assert_allclose(shares[..., 0] * height[:, None, None], pixels[..., 0], rtol=3e-7)
    np.testing.assert_array_equal(shares[..., 1], pixels[..., 1])
    twice = pairwise_edges(2 * keypoints, seen, 2 * height)
    np.testing.assert_array_equal(twice, shares)


def test_unseen_joints_and_the_diagonal_are_zero() -> None:
    keypoints, seen, height = random_frames(11)
    keypoints[0, ~seen[0]] = 77.0  # an unseen joint may also have a place: its score was too low
    seen[3] = False
    height[3] = 0
    edges = pairwise_edges(keypoints, seen, height)
    diagonal = np.arange(JOINTS)
    assert not edges[:, diagonal, diagonal].any()
    for joint_is_unseen in (
        np.broadcast_to(~seen[:, :, None], edges.shape[:3]),
        ~seen[:, None, :] & np.ones((17, 1), bool),
    ):
        assert joint_is_unseen.any()
        assert edges[joint_is_unseen].tobytes() == bytes(8 * joint_is_unseen.sum())
    assert np.isfinite(edges).all()
    off_diagonal = seen[:, :, None] & seen[:, None, :] & ~np.eye(JOINTS, dtype=bool)
    assert (edges[..., 0][off_diagonal] > 0).all()


def test_arctan_is_symmetric_and_atan2_is_not() -> None:
    keypoints, seen, height = random_frames(13)
    arctan = pairwise_edges(keypoints, seen, height, "arctan")
    atan2 = pairwise_edges(keypoints, seen, height, "atan2")
    np.testing.assert_array_equal(arctan, arctan.swapaxes(1, 2))
    np.testing.assert_array_equal(atan2[..., 0], atan2[..., 0].swapaxes(1, 2))
    apart = atan2[..., 0] > 0
    opposite = np.abs(atan2[..., 1] - atan2[..., 1].swapaxes(1, 2))
    np.testing.assert_allclose(opposite[apart], math.pi, rtol=1e-6)
    both_right = apart & (np.abs(atan2[..., 1]) < math.pi / 2)
    np.testing.assert_array_equal(arctan[both_right], atan2[both_right])
    # A vertical pair is the exception: the sign of dy turns round with the pair.
    up = pairwise_edges(np.array([[[5, 1], [5, 9]]], np.float32), np.ones((1, 2), bool), np.array([16], np.int32))
    assert up[0, 0, 1, 1] == -up[0, 1, 0, 1] == np.float32(math.pi / 2)


def test_mirrored_frame_permutes_distances_and_negates_angles() -> None:
    random = np.random.default_rng(17)
    width, mirror = 128, mirror_indices()
    # Quarter pixels, no two alike in a frame: mirroring is exact and no pair is vertical.
    x = np.stack([random.permutation(4 * width)[:JOINTS] / 4 for _ in range(FRAMES)])
    keypoints = np.stack([x, random.uniform(0, 200, (FRAMES, JOINTS))], axis=-1).astype(np.float32)
    seen = random.random((FRAMES, JOINTS)) > 0.2
    height = random.integers(50, 300, FRAMES)
    flipped = keypoints[:, mirror].copy()
    flipped[..., 0] = width - flipped[..., 0]
    recomputed = pairwise_edges(flipped, seen[:, mirror], height)
    permuted = pairwise_edges(keypoints, seen, height)[:, mirror][:, :, mirror]
    assert not np.array_equal(mirror, np.arange(JOINTS))
    np.testing.assert_array_equal(recomputed[..., 0], permuted[..., 0])
    np.testing.assert_array_equal(recomputed[..., 1], -permuted[..., 1])


def test_mirroring_leaves_a_vertical_pair_as_it_is() -> None:
    assert one_pair(0, 3) == one_pair(-0.0, 3)  # dx = 0 has no mirror image: a flip must not negate this angle


def test_the_same_bytes_however_the_rows_are_cut() -> None:
    keypoints, seen, height = random_frames(19, frames=23)
    whole = pairwise_edges(keypoints, seen, height)
    for step in (1, 2, 7, 11):
        parts = [
            pairwise_edges(keypoints[i : i + step], seen[i : i + step], height[i : i + step])
            for i in range(0, 23, step)
        ]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert pairwise_edges(keypoints[:0], seen[:0], height[:0]).shape == (0, JOINTS, JOINTS, 2)


def test_refuses_what_does_not_fit() -> None:
    keypoints, seen, height = random_frames(23)
    with pytest.raises(ValueError, match="angle: expected one of arctan, atan2, sincos, got 'atan'"):
        pairwise_edges(keypoints, seen, height, "atan")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="normalize: expected one of height, none, got 'width'"):
        pairwise_edges(keypoints, seen, height, "arctan", "width")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"keypoints: expected shape \(frame, joint, 2\), got \(7, 17, 1\)"):
        pairwise_edges(keypoints[..., :1], seen, height)
    with pytest.raises(ValueError, match=r"seen: expected bool of shape \(7, 17\), got bool of shape \(17, 7\)"):
        pairwise_edges(keypoints, seen.T, height)
    with pytest.raises(ValueError, match=r"seen: expected bool .* got float32"):
        pairwise_edges(keypoints, seen.astype(np.float32), height)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"height: expected shape \(7,\), got \(6,\)"):
        pairwise_edges(keypoints, seen, height[1:])
    broken = keypoints.copy()
    broken[5, seen[5].argmax()] = np.nan
    with pytest.raises(ValueError, match="finite coordinates of seen joints, got others in row 5"):
        pairwise_edges(broken, seen, height)
    height[2] = 0
    with pytest.raises(ValueError, match=r"height: expected more than 0 .* got 0 in row 2"):
        pairwise_edges(keypoints, seen, height)
    assert np.isfinite(pairwise_edges(keypoints, seen, height, normalize="none")).all()
