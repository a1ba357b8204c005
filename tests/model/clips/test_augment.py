"""Augmentation against plain loops; a flipped skeleton against the pipeline's formulas on the flipped keypoints."""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data_cache.contract.skeleton import JOINTS, joint_index, mirror_indices
from model.clips.augment import (
    DEVIATION,
    ERASED_AREA,
    MEAN,
    NO_AUGMENTATION,
    Augmentation,
    ImageSettings,
    draw_augmentation,
    write_frame,
)
from model.clips.skeletons.skeleton_inputs import EDGE_VALUES, edge_value_count, edge_values, flip_edges, flip_nodes
from pipeline.skeletons.edges import pairwise_edges
from pipeline.skeletons.graphs import graph_nodes

SETTINGS = ImageSettings(height=29, width=13, pad=5, flip=0.5, random_erasing=0.0)


def random_image(seed: int = 0, height: int = 29, width: int = 13) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def written(image: NDArray[np.uint8], drawn: Augmentation) -> NDArray[np.float32]:
    out = np.full((3, SETTINGS.height, SETTINGS.width), np.nan, np.float32)
    write_frame(image, SETTINGS, drawn, out)
    return out


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(-5, 5), st.integers(-5, 5), st.booleans())
def test_padding_and_cropping_equal_doing_both(seed: int, down: int, right: int, flip: bool) -> None:
    image = random_image(seed)
    padded = np.zeros((29 + 10, 13 + 10, 3))
    padded[5:-5, 5:-5] = image[:, ::-1] if flip else image
    cropped = padded[5 - down : 5 - down + 29, 5 - right : 5 - right + 13]
    expected = (cropped / 255 - np.array(MEAN)) / np.array(DEVIATION)
    np.testing.assert_allclose(
        written(image, Augmentation(down, right, flip, None)), expected.transpose(2, 0, 1), rtol=1e-5, atol=1e-6
    )


def test_normalisation_is_imagenets() -> None:
    assert (MEAN, DEVIATION) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    white = np.full((29, 13, 3), 255, np.uint8)
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    np.testing.assert_allclose(written(white, NO_AUGMENTATION)[:, 17, 11], expected, rtol=1e-6)


def test_frames_of_any_size_are_resized_bilinearly() -> None:
    image = random_image(3, 41, 17)
    resized = cv2.resize(image, (13, 29), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(written(image, NO_AUGMENTATION), written(resized, NO_AUGMENTATION))


def test_erased_pixels_become_the_mean() -> None:
    whole = written(random_image(), NO_AUGMENTATION)
    erased = written(random_image(), Augmentation(0, 0, False, (3, 7, 2, 11)))
    assert (erased[:, 3:7, 2:11] == 0).all()
    whole[:, 3:7, 2:11] = 0
    np.testing.assert_array_equal(erased, whole)


def test_draws_keep_to_their_ranges() -> None:
    random = np.random.default_rng(0)
    wide = ImageSettings(288, 144, pad=3, flip=0.25, random_erasing=0.5)
    drawn = [draw_augmentation(random, wide, True) for _ in range(1000)]
    assert {d.down for d in drawn} == {d.right for d in drawn} == set(range(-3, 4))
    assert sum(d.flip for d in drawn) == pytest.approx(250, abs=70)
    boxes = [d.erased for d in drawn if d.erased is not None]
    assert len(boxes) == pytest.approx(500, abs=80)
    for top, bottom, left, right in boxes:
        assert 0 <= top < bottom <= 288
        assert 0 <= left < right <= 144
        assert 0.9 * ERASED_AREA[0] < (bottom - top) * (right - left) / (288 * 144) < 1.1 * ERASED_AREA[1]


def test_a_draw_takes_as_many_numbers_whatever_comes_out() -> None:
    for settings_ in (SETTINGS, ImageSettings(29, 13, 5, 1.0, 1.0), ImageSettings(29, 13, 5, 0.0, 1.0)):
        one, other = np.random.default_rng(1), np.random.default_rng(1)
        draw_augmentation(one, SETTINGS, True)
        draw_augmentation(other, settings_, False)
        assert one.random() == other.random()


def skeletons(seed: int, frames: int = 7) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int32]]:
    """Whole-pixel keypoints, so that mirrored ones are exact; many pairs are vertical, level or in one place."""
    random = np.random.default_rng(seed)
    size = random.integers([29, 13], [41, 23], (frames, 2)).astype(np.int32)
    keypoints = random.integers(0, 5, (frames, len(JOINTS), 2)).astype(np.float32)
    return keypoints, random.random((frames, len(JOINTS))) < 0.8, size


def mirrored(keypoints: NDArray[np.float32], size: NDArray[np.int32]) -> NDArray[np.float32]:
    """Keypoints of the flipped image, worked joint by joint."""
    result = np.empty_like(keypoints)
    for joint, other in enumerate(mirror_indices()):
        result[:, other, 0] = size[:, 1] - 1 - keypoints[:, joint, 0]
        result[:, other, 1] = keypoints[:, joint, 1]
    return result


@pytest.mark.parametrize("angle", ["arctan", "atan2", "sincos"])
@pytest.mark.parametrize(("seed", "normalize"), [(0, "height"), (1, "height"), (2, "none")])
def test_flipped_edges_equal_recomputing_them(angle: Any, seed: int, normalize: Any) -> None:
    keypoints, seen, size = skeletons(seed)
    edges = pairwise_edges(keypoints, seen, size[:, 0], angle, normalize)
    expected = pairwise_edges(mirrored(keypoints, size), seen[:, mirror_indices()], size[:, 0], angle, normalize)
    before = edges.copy()
    found = flip_edges(edges, angle)
    visible = seen[:, mirror_indices()]
    if angle != "atan2":
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(edge_values(found, angle, visible), edge_values(expected, angle, visible))
        assert not np.signbit(found[found == 0]).any()
        upright = np.abs(expected[..., 1]) == np.float32(np.pi / 2)
        assert (upright & (expected[..., 1] > 0)).any()
        assert (upright & (expected[..., 1] < 0)).any()
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-7)
    np.testing.assert_array_equal(edges, before)
    twice = flip_edges(found, angle)
    np.testing.assert_allclose(twice, edges, rtol=0, atol=5e-7)


@pytest.mark.parametrize("angle", ["arctan", "atan2", "sincos"])
def test_the_ends_of_the_ranges_of_angles(angle: str) -> None:
    """dx = 0 keeps ±π/2 under a flip; with the full angle a level pair changes between 0 and π."""
    keypoints, seen = np.zeros((1, len(JOINTS), 2), np.float32), np.zeros((1, len(JOINTS)), np.bool_)
    nose, left, right = joint_index("nose"), joint_index("left_hip"), joint_index("right_hip")
    keypoints[0, nose], keypoints[0, left], keypoints[0, right] = (6, 2), (6, 11), (1, 11)
    seen[0, [nose, left, right]] = True
    edges = pairwise_edges(keypoints, seen, np.array([29], np.int32), angle)  # type: ignore[arg-type]
    flipped = flip_edges(edges, angle)[0, :, :, 1]
    # The nose stands above the left hip: after the flip above the right one.
    assert flipped[nose, right] == np.float32(np.pi / 2)
    assert flipped[right, nose] == -np.float32(np.pi / 2)
    assert flipped[left, right] == np.float32(np.pi if angle == "atan2" else 0)
    assert flipped[right, left] == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_flipped_nodes_equal_recomputing_them(seed: int) -> None:
    keypoints, seen, size = skeletons(seed)
    score = np.random.default_rng(seed).random(seen.shape).astype(np.float32)
    other = mirror_indices()
    nodes, visible = flip_nodes(graph_nodes(keypoints, score, seen, size[:, 0]), seen, (size[:, 1] - 1.0) / size[:, 0])
    np.testing.assert_array_equal(visible, seen[:, other])
    expected = graph_nodes(mirrored(keypoints, size), score[:, other], seen[:, other], size[:, 0])
    np.testing.assert_allclose(nodes, expected, rtol=0, atol=1e-7)
    assert (nodes[~visible] == 0).all()


def test_the_network_reads_every_pair_once() -> None:
    edges = np.arange(3 * 17 * 17 * 2, dtype=np.float32).reshape(3, 17, 17, 2)
    expected = [
        [edges[frame, i, j, measure] for i in range(17) for j in range(i + 1, 17) for measure in range(2)]
        for frame in range(3)
    ]
    assert EDGE_VALUES == edge_value_count("arctan") == edge_value_count("atan2") == 272
    np.testing.assert_array_equal(edge_values(edges), expected)
    np.testing.assert_array_equal(edge_values(edges[None])[0], expected)


@pytest.mark.parametrize("seed", [0, 1])
def test_double_angles_are_those_of_the_joints_and_absence_is_zero(seed: int) -> None:
    """cos 2θ = (dx² − dy²) / d² and sin 2θ = 2 dx dy / d², by a loop over the joints."""
    keypoints, seen, size = skeletons(seed)
    edges = pairwise_edges(keypoints, seen, size[:, 0], "sincos")
    np.testing.assert_array_equal(edges, pairwise_edges(keypoints, seen, size[:, 0], "arctan"))
    values = edge_values(edges, "sincos", seen.astype(np.float32) / 4)
    assert values.shape == (len(edges), edge_value_count("sincos")) == (len(edges), 408) and values.dtype == np.float32
    pairs = [(i, j) for i in range(17) for j in range(i + 1, 17)]
    for frame, (place, (i, j)) in itertools.product(range(len(edges)), enumerate(pairs)):
        found = values[frame, 3 * place : 3 * place + 3]
        if not (seen[frame, i] and seen[frame, j]):
            assert found.tobytes() == bytes(12), "three zeros: cos 0 = 1 would be a value"
            continue
        dx, dy = keypoints[frame, j].astype(float) - keypoints[frame, i]
        squared = dx * dx + dy * dy
        turned = [2 * dx * dy / squared, (dx * dx - dy * dy) / squared] if squared else [0.0, 1.0]
        np.testing.assert_allclose(found, [np.sqrt(squared) / size[frame, 0], *turned], rtol=3e-7, atol=2e-7)
    assert (~seen).any()


def test_a_small_turn_across_the_vertical_jumps_in_arctan_alone() -> None:
    """A thigh that swings by 1° through the vertical."""
    hip, knee = joint_index("left_hip"), joint_index("left_knee")
    keypoints, seen = np.zeros((2, len(JOINTS), 2), np.float32), np.zeros((2, len(JOINTS)), np.bool_)
    swing = np.radians([-0.5, 0.5])
    keypoints[:, knee] = 8 * np.stack([np.sin(swing), np.cos(swing)], axis=1)
    seen[:, [hip, knee]] = True
    steps = {}
    for angle in ("arctan", "sincos"):
        edges = pairwise_edges(keypoints, seen, np.full(2, 29, np.int32), angle)  # type: ignore[arg-type]
        steps[angle] = np.abs(np.diff(edge_values(edges, angle, seen), axis=0)).max()
    assert steps["arctan"] == pytest.approx(np.pi - np.radians(1), abs=1e-4)
    assert steps["sincos"] == pytest.approx(2 * np.sin(np.radians(1)), abs=1e-4)


def test_a_grey_clip_has_its_luminance_in_every_channel() -> None:
    """Pixel by pixel, before normalisation; cv2 rounds it to a whole number."""
    image = random_image()
    out = written(image, Augmentation(2, -3, True, None, grey=True)).transpose(1, 2, 0)
    pixels = (out * np.array(DEVIATION) + np.array(MEAN)) * 255
    for row in range(29):
        for column in range(13):
            if row >= 2 and column < 10:
                red, green, blue = image[row - 2, 12 - (column + 3)].tolist()
                assert pixels[row, column] == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue, abs=0.51)
            else:
                assert pixels[row, column] == pytest.approx(0, abs=1e-3)


def test_grey_is_drawn_after_all_others_and_for_visible_clips_alone() -> None:
    plain, grey = (ImageSettings(29, 13, 5, 0.5, 0.5, share) for share in (0.0, 0.3))
    drawn = [[draw_augmentation(np.random.default_rng(n), how, True) for n in range(500)] for how in (plain, grey)]
    assert [one._replace(grey=False) for one in drawn[1]] == drawn[0]
    assert sum(one.grey for one in drawn[1]) == pytest.approx(150, abs=40)
    assert not any(draw_augmentation(np.random.default_rng(n), grey, False).grey for n in range(500))


def test_unfit_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="angle of the edges: expected one of arctan, atan2, sincos, got 'sine'"):
        flip_edges(np.zeros((1, 17, 17, 2), np.float32), "sine")
    with pytest.raises(ValueError, match="angle of the edges: expected one of arctan, atan2, sincos, got None"):
        edge_value_count(None)
    with pytest.raises(ValueError, match=r"flip: expected a probability in 0…1, got 1\.5"):
        ImageSettings(288, 144, 10, 1.5, 0.0)
    with pytest.raises(ValueError, match="height, width, pad: expected pixels"):
        ImageSettings(288, 0, 10, 0.5, 0.0)
