"""Frames of a clip as the network reads them: resized, normalised and, in training, augmented by one draw a clip.

Padding by 10 with black, random crop, horizontal flip, optional random erasing (section 4.1.3 of the paper; Zhong et
al., Random Erasing Data Augmentation, AAAI 2020), optional grey (luminance of ITU-R BT.601). What is drawn holds for
all frames of a clip: persons do not jump within one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ImageNet's mean and deviation, RGB in 0…1, which the pretrained weights expect.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
_SCALE = np.array([1 / (255 * deviation) for deviation in DEVIATION], np.float32)
_SHIFT = np.array([-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)], np.float32)

ERASED_AREA = (0.02, 0.4)  # share of the image; with the aspect, the paper's own settings
ERASED_ASPECT = (0.3, 1 / 0.3)
_TRIES = 20  # boxes drawn until one fits: all at once, so that every clip draws as many numbers


@dataclass(frozen=True)
class ImageSettings:
    """height, width: pixels of a frame; pad: black pixels around it before the random crop; flip, random_erasing,
    grey (of visible clips): probabilities. Raises ValueError for what is out of range.
    """

    height: int
    width: int
    pad: int
    flip: float
    random_erasing: float
    grey: float = 0.0

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1 or self.pad < 0:
            raise ValueError(
                "height, width, pad: expected pixels, the first two 1 or more,"
                f" got {self.height}, {self.width}, {self.pad}"
            )
        for name in ("flip", "random_erasing", "grey"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a probability in 0…1, got {getattr(self, name)}")


class Augmentation(NamedTuple):
    """One draw for a whole clip.

    down, right: how far the image moves within its frame, −pad…pad pixels
    flip:        mirror the image and the skeleton
    erased:      rows and columns (top, bottom, left, right) set to ImageNet's mean, or None
    grey:        the luminance in all three channels
    """

    down: int
    right: int
    flip: bool
    erased: tuple[int, int, int, int] | None
    grey: bool = False


NO_AUGMENTATION = Augmentation(0, 0, False, None)


def draw_augmentation(random: np.random.Generator, settings: ImageSettings, visible: bool) -> Augmentation:
    """Draw once for a clip; the same number of random values whatever comes out. Only a visible clip becomes grey."""
    down, right = (int(value) for value in random.integers(-settings.pad, settings.pad, 2, endpoint=True))
    flip, erase = random.random(2) < (settings.flip, settings.random_erasing)
    box = _draw_box(random, settings)
    grey = random.random() < settings.grey  # after all others, which a run without it draws too
    return Augmentation(down, right, bool(flip), box if erase else None, visible and grey)


def _draw_box(random: np.random.Generator, settings: ImageSettings) -> tuple[int, int, int, int] | None:
    area = random.uniform(*ERASED_AREA, _TRIES) * settings.height * settings.width
    aspect = random.uniform(*ERASED_ASPECT, _TRIES)
    corner = random.random((_TRIES, 2))
    for size, ratio, (y, x) in zip(area, aspect, corner, strict=True):
        height, width = round(math.sqrt(size * ratio)), round(math.sqrt(size / ratio))
        if 0 < height < settings.height and 0 < width < settings.width:
            top, left = int(y * (settings.height - height + 1)), int(x * (settings.width - width + 1))
            return top, top + height, left, left + width
    return None


def write_frame(
    image: NDArray[np.uint8], settings: ImageSettings, drawn: Augmentation, out: NDArray[np.float32]
) -> None:
    """Write one frame of a clip into `out`.

    image: (height, width, rgb) uint8 of any size; resized to the settings' size with cv2's bilinear interpolation
    drawn: grey and flip first, then the crop, then erasing
    out:   (rgb, height, width) float32, normalised: (value / 255 − mean) / deviation
    """
    import cv2

    pixels = cv2.resize(image, (settings.width, settings.height), interpolation=cv2.INTER_LINEAR)
    if drawn.grey:
        pixels = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if drawn.flip:
        pixels = cv2.flip(pixels, 1)
    if drawn.down or drawn.right:
        whole, pixels = pixels, np.zeros_like(pixels)
        target_rows, source_rows = _overlap(drawn.down, settings.height)
        target_columns, source_columns = _overlap(drawn.right, settings.width)
        pixels[target_rows, target_columns] = whole[source_rows, source_columns]
    for channel, plane in enumerate(cv2.split(pixels)):
        np.multiply(plane, _SCALE[channel], out=out[channel], dtype=np.float32)
        out[channel] += _SHIFT[channel]
    if drawn.erased is not None:
        top, bottom, left, right = drawn.erased
        out[:, top:bottom, left:right] = 0


def _overlap(move: int, length: int) -> tuple[slice, slice]:
    """Where an axis of `length` pixels, moved by `move`, comes to lie, and what of it is still there."""
    kept = max(length - abs(move), 0)
    return slice(max(move, 0), max(move, 0) + kept), slice(max(-move, 0), max(-move, 0) + kept)
