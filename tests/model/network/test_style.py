"""Style augmentation and AdaIN against loops and torch, in both modes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.network.style import AdaIN, StyleDisturbance, augment_infrared, augment_visible, distances
from tests.model.network.cells import MODES, assert_close, backward, call, gradients, leaf, random_array


def torch_adain(x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    def moments(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return y.mean((2, 3), keepdim=True), y.std((2, 3), keepdim=True) + 1e-6  # torch's std is unbiased

    (mean, deviation), (style_mean, style_deviation) = moments(x), moments(style)
    return style_deviation * (x - mean) / deviation + style_mean


@pytest.mark.parametrize("mode", MODES)
def test_visible_frames_get_gains_and_channels_in_another_order(mode: str) -> None:
    images, gain = random_array(0, 5, 3, 7, 2), random_array(1, 5, 3)
    channel = np.array([[0, 1, 2], [2, 0, 1], [1, 0, 2], [2, 1, 0], [1, 2, 0]], np.int32)
    expected = np.empty_like(images)
    for n in range(5):
        for c in range(3):
            expected[n, c] = gain[n, c] * images[n, channel[n, c]]
    np.testing.assert_array_equal(call(augment_visible, images, gain, channel, mode=mode), expected)


@pytest.mark.parametrize("mode", MODES)
def test_infrared_frames_get_one_gain_each(mode: str) -> None:
    images, gain = random_array(0, 5, 3, 7, 2), random_array(1, 5)
    expected = np.stack([image * g for image, g in zip(images, gain, strict=True)])
    np.testing.assert_array_equal(call(augment_infrared, images, gain, mode=mode), expected)


@pytest.mark.parametrize("mode", MODES)
def test_adain_is_torchs_with_gradients_through_both(mode: str) -> None:
    x, style = 2 + random_array(2, 3, 5, 7, 2), 3 * random_array(3, 3, 5, 7, 2)
    a, b = leaf(x), leaf(style)
    expected = backward(torch_adain(a, b))
    value, (by_x, by_style), _ = gradients(AdaIN(), (x, style), (0, 1), mode)
    assert_close(value, expected)
    assert_close(by_x, a.grad)
    assert_close(by_style, b.grad)


def test_the_result_has_the_deviation_and_mean_of_the_style() -> None:
    x, style = random_array(4, 3, 5, 7, 11), 2 + 3 * random_array(5, 3, 5, 7, 11)
    result = call(AdaIN(), x, style)
    np.testing.assert_allclose(result.mean((2, 3)), style.mean((2, 3)), atol=1e-4)
    np.testing.assert_allclose(result.std((2, 3), ddof=1), style.std((2, 3), ddof=1), atol=1e-4)


def test_a_silent_channel_gives_torchs_finite_gradients() -> None:
    x, style = random_array(6, 2, 3, 5, 2), random_array(7, 2, 3, 5, 2)
    style[1, 2] = 0.0
    a, b = leaf(x), leaf(style)
    expected = backward(torch_adain(a, b))
    value, (by_x, by_style), _ = gradients(AdaIN(), (x, style), (0, 1))
    assert np.isfinite(by_style).all()
    assert_close(value, expected)
    assert_close(by_x, a.grad)
    assert_close(by_style, b.grad)
    both = gradients(AdaIN(), (np.zeros_like(x), style), (0, 1))
    assert np.isfinite(both[1][0]).all()


def test_a_map_of_one_cell_takes_the_styles_value() -> None:
    x, style = random_array(8, 2, 3, 1, 1), random_array(9, 2, 3, 1, 1)
    np.testing.assert_allclose(call(AdaIN(), x, style), style, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_frame_takes_the_style_of_its_partner(mode: str) -> None:
    x, partner = random_array(10, 5, 3, 7, 2), np.array([3, 0, 4, 1, 1], np.int32)
    result = call(StyleDisturbance(), x, partner, mode=mode)
    for n, other in enumerate(partner):
        one = torch_adain(torch.tensor(x[n : n + 1]), torch.tensor(x[other : other + 1]))
        assert_close(result[n : n + 1], one)


def test_distances_are_torchs_and_their_gradient_is_zero_at_zero() -> None:
    x, y = random_array(11, 5, 7), random_array(12, 5, 7)
    y[3] = x[3]
    assert_close(call(distances, x, y), torch.linalg.vector_norm(torch.tensor(x) - torch.tensor(y), dim=-1))

    from mindspore import nn

    class Distance(nn.Cell):  # type: ignore[misc]
        def construct(self, a: object, b: object) -> object:
            return distances(a, b)

    _, (by_x,), _ = gradients(Distance(), (x, y), (0,))
    assert np.isfinite(by_x).all()
    assert (by_x[3] == 0).all()
    assert (by_x[2] != 0).any()
