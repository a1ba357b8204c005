"""Heat of every pixel against Grad-CAM's two equations as loops, and joints against resized images."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from model.clips.skeletons.skeleton_inputs import joint_places
from model.report.heat.explanations import joint_pixels
from model.report.heat.heat_maps import heat_maps

T, CHANNELS, ROWS, COLUMNS = 3, 5, 7, 2
HEIGHT, WIDTH = 53, 29


def arrays(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    shape = (T, CHANNELS, ROWS, COLUMNS)
    return random.normal(size=shape).astype(np.float32), random.normal(0.2, 1, shape).astype(np.float32)


def naive_heat(cells: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Equations 1 and 2 of Grad-CAM, frame by frame and cell by cell, before the frames are enlarged."""
    heat = np.zeros((T, ROWS, COLUMNS))
    for t in range(T):
        for i in range(ROWS):
            for j in range(COLUMNS):
                total = 0.0
                for c in range(CHANNELS):
                    total += float(np.mean([slopes[t, c, y, x] for y in range(ROWS) for x in range(COLUMNS)])) * float(
                        cells[t, c, i, j]
                    )
                heat[t, i, j] = max(total, 0.0)
    return heat


def test_heat_is_grad_cam_enlarged_as_torch_does_it() -> None:
    cells, slopes = arrays(1)
    small = torch.from_numpy(naive_heat(cells, slopes))[:, None]
    large = functional.interpolate(small, (HEIGHT, WIDTH), mode="bilinear", align_corners=False)[:, 0].numpy()
    found = heat_maps(cells, slopes, HEIGHT, WIDTH)
    assert found.dtype == np.float32 and found.shape == (T, HEIGHT, WIDTH)
    np.testing.assert_allclose(found, large / large.max(), atol=1e-5)
    assert (found == 0).any() and found.max() == 1


def test_a_clip_has_one_scale() -> None:
    cells, slopes = arrays(2)
    cells = np.abs(cells)
    slopes = np.abs(slopes)
    slopes[1] *= 0.1
    found = heat_maps(cells, slopes, HEIGHT, WIDTH)
    alone = heat_maps(cells[1:2], slopes[1:2], HEIGHT, WIDTH)
    assert alone.max() == 1 and found[1].max() < 0.5
    np.testing.assert_allclose(found[1], alone[0] * found[1].max(), atol=1e-6)


def test_what_speaks_for_nothing_stays_0() -> None:
    cells, slopes = np.abs(arrays(3))
    assert not heat_maps(cells, -slopes, HEIGHT, WIDTH).any()
    assert not heat_maps(cells, 0 * slopes, HEIGHT, WIDTH).any()


def test_arrays_of_two_clips_are_refused() -> None:
    cells, slopes = arrays(4)
    with pytest.raises(ValueError, match=r"expected both \(T, C, H, W\), got \(3, 5, 7, 2\) and \(2, 5, 7, 2\)"):
        heat_maps(cells, slopes[:2], HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="cells, slopes"):
        heat_maps(cells[0], slopes[0], HEIGHT, WIDTH)


def test_joints_lie_where_their_pixels_are_after_resizing() -> None:
    """Images whose pixels hold their own x and y, enlarged: at a joint's new place stands its old one."""
    random = np.random.default_rng(5)
    size = np.array([[31, 13], [23, 17], [41, 11]])
    keypoints = random.uniform(1, 9, (T, 17, 2))
    nodes = np.concatenate([keypoints / size[:, None, :1], random.random((T, 17, 1))], axis=2).astype(np.float32)
    seen = random.random((T, 17)) < 0.7
    places = joint_places(nodes, seen.astype(np.float32), size.astype(np.float64)).astype(np.float32)
    found = joint_pixels(places, seen.astype(np.float32), HEIGHT, WIDTH)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found).all(axis=2), ~seen)
    for t, (height, width) in enumerate(size):
        own = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)
        large = cv2.resize(own, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        for joint in np.flatnonzero(seen[t]):
            x, y = found[t, joint]
            at = cv2.remap(large, np.array([[x]]), np.array([[y]]), cv2.INTER_LINEAR)[0, 0]
            np.testing.assert_allclose(at, keypoints[t, joint], atol=0.04)  # remap counts in 1/32 pixels
