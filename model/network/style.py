"""Style augmentation and style disturbance of the SAD network (section 4.1.3, reference 46: SAADG).

Nothing is drawn here: gains, channel permutations and partners come in as inputs, drawn on the host from
(seed, epoch, step), so that training can be resumed to the bit.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops

EPSILON = 1e-6  # added to the standard deviations


def augment_infrared(images: Tensor, gain: Tensor) -> Tensor:
    """Normalised infrared frames × one gain each: images (N, 3, height, width), gain (N,) → as images."""
    return images * ops.reshape(gain, (-1, 1, 1, 1))


def augment_visible(images: Tensor, gain: Tensor, channel: Tensor) -> Tensor:
    """Normalised visible frames with a gain a channel, and their channels in another order.

    images:  (N, 3, height, width) float32
    gain:    (N, 3) float32, times channel c of the result
    channel: (N, 3) int32, a permutation of 0, 1, 2: which channel of the frame becomes channel c
    Returns (N, 3, height, width): result[n, c] = gain[n, c] · images[n, channel[n, c]].
    """
    frames, channels, height, width = images.shape
    first = ops.reshape(ops.arange(0, frames * channels, channels), (frames, 1))
    rows = ops.reshape(first + channel, (frames * channels,))
    planes = ops.gather(ops.reshape(images, (frames * channels, height, width)), rows, 0)
    return ops.reshape(planes, images.shape) * ops.reshape(gain, (frames, channels, 1, 1))


class AdaIN(nn.Cell):
    """Give every map mean and deviation of another: AdaIN(x, s) = σ(s)·(x − μ(x)) / σ(x) + μ(s).

    Huang and Belongie, Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization, ICCV 2017.
    μ and σ are taken per channel over the cells; σ is the unbiased standard deviation + 1e-6. Gradients flow
    through x and through s; that of σ is 0 where a channel does not vary (torch's choice too), not infinite.

    construct(x, style): both (N, C, H, W) → (N, C, H, W).
    """

    def construct(self, x: Tensor, style: Tensor) -> Tensor:
        x = ops.cast(x, ms.float32)  # squares over a map may leave float16's range
        mean, deviation = _mean_and_deviation(x)
        style_mean, style_deviation = _mean_and_deviation(ops.cast(style, ms.float32))
        return style_deviation * ((x - mean) / deviation) + style_mean


class StyleDisturbance(nn.Cell):
    """Every frame takes the style of another frame of the batch.

    construct(x, partner): x (N, C, H, W); partner (N,) int32, rows of x → (N, C, H, W).
    """

    def __init__(self) -> None:
        super().__init__()
        self.adain = AdaIN()

    def construct(self, x: Tensor, partner: Tensor) -> Tensor:
        return self.adain(x, ops.gather(x, partner, 0))


def _mean_and_deviation(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and σ over the cells of each map: (N, C, H, W) → two of (N, C, 1, 1)."""
    cells = x.shape[2] * x.shape[3]
    mean = ops.mean(x, (2, 3), True)
    centred = x - mean
    variance = ops.sum(centred * centred, (2, 3), True) / max(cells - 1, 1)
    return mean, square_root(variance) + EPSILON


def square_root(x: Tensor) -> Tensor:
    """√x for x ≥ 0, with gradient 0 instead of infinity at 0; any shape."""
    positive = x > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, x, ops.ones_like(x))), ops.zeros_like(x))


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distance over the last axis: (..., C), (..., C) → (...) with gradient 0 where x = y."""
    difference = ops.cast(x - y, ms.float32)
    return square_root(ops.sum(difference * difference, -1))
