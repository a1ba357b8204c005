"""Augmentation: every formula against a loop over pixels, geometry untouched, randomness a function of its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from numpy.typing import NDArray

from pipeline.pose_training.augment import (
    EraseRectangle,
    JitterAppearance,
    TrimCrop,
    WeighOccludedJoints,
    jitter_colour,
    trim,
)
from pipeline.pose_training.crops import EpochOrder, LabelledCrops
from pipeline.pose_training.infrared import (
    SAMPLE_MIX,
    InfraredParameters,
    draw_sample_parameters,
    draw_wide_parameters,
    simulate_infrared,
)

ROOT = Path(__file__).resolve().parents[3]
CAMERA = {"mix": SAMPLE_MIX, "inverted": False, "gamma": 0.7, "contrast": 0.8, "offset": 0.03, "blur": 0.7}


def some_image(seed: int, height: int = 13, width: int = 11) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def infrared_by_loop(
    image: NDArray[np.uint8], camera: InfraredParameters, normal: NDArray[np.float32]
) -> NDArray[np.uint8]:
    height, width, _ = image.shape
    value = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            blue, green, red = (float(channel) / 255 for channel in image[y, x])
            mixed = camera.mix[0] * red + camera.mix[1] * green + camera.mix[2] * blue
            if camera.inverted:
                mixed = 1 - mixed
            value[y, x] = (mixed**camera.gamma - 0.5) * camera.contrast + 0.5 + camera.offset
    if camera.blur:
        value = cv2.GaussianBlur(value, (0, 0), camera.blur)
    grey = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            seen = value[y, x]
            deviation = (camera.noise[0] ** 2 + camera.noise[1] * min(max(seen, 0), 1)) ** 0.5
            grey[y, x] = round(min(max(seen + deviation * float(normal[y, x]), 0), 1) * 255)
    return grey


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("blur", [0.0, 0.7])
def test_infrared_equals_a_loop_over_pixels(inverted: bool, blur: float) -> None:
    image = some_image(1)
    normal = np.random.default_rng(2).standard_normal(image.shape[:2], dtype=np.float32)
    camera = InfraredParameters(**(CAMERA | {"inverted": inverted, "blur": blur}), noise=(0.012, 0.0006))
    simulated = simulate_infrared(image, camera, normal)
    assert simulated.dtype == np.uint8 and simulated.std() > 10
    # One grey level: float32 against float64 may fall on the two sides of a half.
    assert np.abs(simulated.astype(int) - infrared_by_loop(image, camera, normal)).max() <= 1


def test_infrared_mix_weighs_red_not_blue() -> None:
    red = np.zeros((5, 7, 3), np.uint8)
    red[:, :, 2] = 255  # OpenCV's order is blue, green, red
    plain = InfraredParameters(SAMPLE_MIX, False, 1.0, 1.0, 0.0, 0.0, (0.0, 0.0))
    assert (simulate_infrared(red, plain, np.zeros((5, 7), np.float32)) == round(0.65 * 255)).all()


@pytest.mark.parametrize("wrong", [{"gamma": 0.0}, {"contrast": -1.0}, {"blur": -0.1}, {"mix": (0.5, 0.4, 0.2)}])
def test_impossible_cameras_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        InfraredParameters(**(CAMERA | wrong), noise=(0.0, 0.0))


def test_infrared_refuses_noise_of_another_shape() -> None:
    with pytest.raises(ValueError, match="expected"):
        simulate_infrared(some_image(1), InfraredParameters(**CAMERA, noise=(0, 0)), np.zeros((11, 13), np.float32))


def test_sample_cameras_stay_in_the_published_ranges_and_wide_ones_go_beyond() -> None:
    rng = np.random.default_rng(3)
    sample = [draw_sample_parameters(rng) for _ in range(101)]
    assert all(0.60 <= c.gamma <= 0.85 and 0.75 <= c.contrast <= 0.95 and -0.02 <= c.offset <= 0.08 for c in sample)
    assert {(c.mix, c.inverted, c.blur, c.noise) for c in sample} == {(SAMPLE_MIX, False, 0.7, (0.012, 0.0006))}
    wide = [draw_wide_parameters(rng) for _ in range(307)]
    assert min(c.gamma for c in wide) < 0.60 and max(c.gamma for c in wide) > 0.85
    assert 0 < sum(c.inverted for c in wide) < 307 / 3


def test_colour_jitter_equals_a_loop_over_pixels() -> None:
    image = some_image(4)
    rng = np.random.default_rng(5)
    gains, noise = rng.uniform(0.7, 1.3, 3), rng.normal(0, 3, image.shape).astype(np.float32)
    jittered = jitter_colour(image, gains, 0.4, 1.3, noise)
    for y, x, channel in np.ndindex(*image.shape):
        pixel = image[y, x] / 255.0
        value = (pixel.mean() + (pixel[channel] - pixel.mean()) * 0.4) * gains[channel]
        value = min(max(value, 0), 1) ** 1.3 * 255 + noise[y, x, channel]
        assert abs(int(jittered[y, x, channel]) - min(max(value, 0), 255)) <= 0.51


def test_trim_keeps_the_box_and_blackens_the_rest() -> None:
    image = np.full((23, 19, 3), 200, np.uint8)
    trimmed = trim(image, np.array([5, 7, 13, 17], np.float32), np.ones(4))
    for y, x in np.ndindex(23, 19):
        assert trimmed[y, x].tolist() == ([200] * 3 if 5 <= x <= 13 and 7 <= y <= 17 else [0] * 3), (y, x)
    wider = trim(image, np.array([5, 7, 13, 17], np.float32), np.array([1.5, 1.0, 1.0, 1.0]))
    assert wider[10, 3].tolist() == [200] * 3 and wider[10, 2].tolist() == [0] * 3 and wider[10, 14].tolist() == [0] * 3


def sample_of(image: NDArray[np.uint8]) -> dict[str, Any]:
    rng = np.random.default_rng(6)
    labels = np.concatenate([rng.uniform(2, 9, (17, 2)), rng.integers(0, 3, (17, 1))], axis=1)
    return {
        "img": image,
        "bbox": np.array([[2, 3, 9, 11]], np.float32),
        "keypoints": labels[None, :, :2].astype(np.float32),
        "keypoints_visible": np.minimum(labels[None, :, 2], 1).astype(np.float32),
        "raw_ann_info": {"keypoints": labels.ravel().tolist()},
    }


@pytest.mark.parametrize(
    "transform",
    [
        JitterAppearance(infrared=1.0, jitter=0.0),
        JitterAppearance(infrared=0.0, jitter=1.0),
        EraseRectangle(prob=1.0, size=(0.4, 0.6)),
        TrimCrop(prob=1.0, margin=(1.0, 1.1)),
    ],
)
def test_appearance_changes_the_image_and_nothing_else(transform: Any) -> None:
    image = some_image(7)
    kept = image.copy()
    before = sample_of(image)
    np.random.seed(8)
    after = transform.transform(sample_of(image))
    assert (image == kept).all(), "the crop in memory was changed"
    assert after["img"].shape == image.shape and (after["img"] != image).any()
    for key in ("bbox", "keypoints", "keypoints_visible"):
        np.testing.assert_array_equal(after[key], before[key])


def test_erased_part_is_one_rectangle_inside_the_box() -> None:
    image = some_image(9, 29, 31)
    sample = sample_of(image) | {"bbox": np.array([[5, 7, 25, 27]], np.float32)}
    np.random.seed(10)
    changed = (EraseRectangle(prob=1.0, size=(0.4, 0.6)).transform(sample)["img"] != image).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows[0] >= 7 and rows[-1] < 27 and columns[0] >= 5 and columns[-1] < 25
    assert 0.3 * 20 <= len(rows) <= 0.7 * 20 and 0.3 * 20 <= len(columns) <= 0.7 * 20
    assert changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.95


def test_occluded_joints_weigh_less() -> None:
    sample = sample_of(some_image(11))
    visibility = sample["raw_ann_info"]["keypoints"][2::3]
    assert set(visibility) == {0, 1, 2}
    weights = WeighOccludedJoints(0.5).transform(sample)["keypoints_visible"]
    assert weights.shape == (1, 17)
    assert weights[0].tolist() == [{0: 0.0, 1: 0.5, 2: 1.0}[v] for v in visibility]


@pytest.mark.parametrize(
    ("transform", "settings"),
    [
        (WeighOccludedJoints, {"weight": 0.4}),
        (TrimCrop, {"prob": 1.2, "margin": (1.0, 1.1)}),
        (TrimCrop, {"prob": 1.0, "margin": (0.9, 1.1)}),
        (JitterAppearance, {"infrared": -0.1, "jitter": 0.5}),
        (EraseRectangle, {"prob": 0.5, "size": (0.5, 0.2)}),
    ],
)
def test_wrong_settings_are_refused(transform: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        transform(**settings)


def first_crops(count: int, seed: int) -> LabelledCrops:
    dataset = Config.fromfile(ROOT / "configs/pose/hrnet-small_256x192.py").train_dataloader.dataset
    dataset.data_root, dataset.indices = str(ROOT / "data/pose-labels"), count
    return LabelledCrops(dataset, seed)


def test_a_sample_depends_on_seed_epoch_and_crop_only() -> None:
    crops = first_crops(5, seed=12)
    first, other_epoch, again = crops[0, 3]["inputs"], crops[1, 3]["inputs"], crops[0, 3]["inputs"]
    assert first.shape == (3, 256, 192) and (first == again).all() and (first != other_epoch).any()
    assert (first != first_crops(5, seed=13)[0, 3]["inputs"]).any()


def test_a_target_peaks_where_the_joint_went() -> None:
    sample = first_crops(3, seed=14)[0, 1]["data_samples"]
    heatmaps = sample.gt_fields.heatmaps.numpy()
    assert heatmaps.shape == (17, 64, 48)
    weight = sample.gt_instance_labels.keypoint_weights.numpy()[0]
    assert set(np.unique(weight)) <= {0.0, 0.5, 1.0}
    assert all(heatmap.max() > 0.8 for heatmap in heatmaps[weight > 0])


def test_an_epoch_visits_each_crop_at_most_once_in_another_order() -> None:
    first, second = (list(EpochOrder(crops=23, batch_size=5, seed=1, epoch=epoch)) for epoch in (0, 1))
    assert len(first) == len({crop for _, crop in first}) == 20 == len(EpochOrder(23, 5, 1, 0))
    assert {epoch for epoch, _ in second} == {1}
    assert [crop for _, crop in first] != [crop for _, crop in second]
    assert first == list(EpochOrder(crops=23, batch_size=5, seed=1, epoch=0))
