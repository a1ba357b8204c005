"""What a camera sees behind the walkers: a wide still picture of its own, through which the crops pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from data_cache.contract.records import Modality
from pipeline.synth.walkers.draws import Purpose, keyed_generator
from pipeline.synth.walkers.painter import OVERSAMPLING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.synth.walkers.cameras import Camera

HEIGHT, WIDTH = 320, 1200  # pixels of the canvas
PAN = 3.0  # most pixels of the crop that the background moves a frame


def draw_background(seed: int, camera: Camera) -> NDArray[np.uint8]:
    """The picture behind `camera`: (row, column, [blue, green, red]) uint8, grey for an infrared camera."""
    random = keyed_generator(seed, Purpose.BACKGROUND, camera.number)
    horizon = int(HEIGHT * random.uniform(0.35, 0.6))
    wall, ground = random.uniform(70.0, 170.0) + random.normal(0.0, 14.0, (2, 3))
    ground = ground + random.uniform(-30.0, 10.0)
    base = np.empty((HEIGHT, WIDTH, 3), np.float32)
    base[:horizon], base[horizon:] = wall, ground
    picture = np.clip(base + _clouds(random, 24.0), 0, 255).astype(np.uint8)
    for _ in range(70):
        _draw_clutter(picture, random, horizon)
    for row in range(horizon, HEIGHT, int(random.integers(18, 40))):
        cv2.line(picture, (0, row), (WIDTH, row + 10), tuple(float(v) for v in 0.8 * ground), 1, cv2.LINE_AA)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(random.uniform(1.0, 2.0))), np.uint8)
    if camera.modality == Modality.INFRARED:
        picture = np.repeat(picture[..., 1:2], 3, axis=2)
    return picture


def _clouds(random: np.random.Generator, strength: float) -> NDArray[np.float32]:
    """Soft spots of light and shade of three sizes: (row, column, 1) float32."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for rows in (4, 12, 48):
        spots = random.normal(0.0, strength / 2.0, (rows, rows * WIDTH // HEIGHT)).astype(np.float32)
        total += cv2.resize(spots, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return total[..., None]


def _draw_clutter(picture: NDArray[np.uint8], random: np.random.Generator, horizon: int) -> None:
    """A window, door, post or shrub."""
    grey = random.uniform(40.0, 205.0)
    colour = tuple(float(value) for value in grey + random.normal(0.0, 22.0, 3))
    x, y = int(random.integers(WIDTH)), int(random.integers(horizon + 20))
    kind = random.integers(3)
    if kind == 0:
        corner = x + int(random.integers(12, 60)), y + int(random.integers(15, 80))
        cv2.rectangle(picture, (x, y), corner, colour, -1)
    elif kind == 1:
        cv2.line(picture, (x, 0), (x, horizon + int(random.integers(10, 50))), colour, int(random.integers(2, 7)))
    else:
        axes = int(random.integers(8, 34)), int(random.integers(8, 30))
        cv2.ellipse(picture, (x, horizon + int(random.integers(-15, 15))), axes, 0.0, 0.0, 360.0, colour, -1)


def cut_backgrounds(
    picture: NDArray[np.uint8], random: np.random.Generator, height: int, width: int, frames: int
) -> list[NDArray[np.uint8]]:
    """What lies behind each frame of a track, on the canvas of a crop of height × width: it passes at even speed."""
    rows, columns = height * OVERSAMPLING, width * OVERSAMPLING
    speed = random.uniform(-PAN, PAN) * OVERSAMPLING
    way = min(abs(speed) * (frames - 1), WIDTH - columns)
    start, top = random.uniform(0.0, WIDTH - columns - way), int(random.integers(HEIGHT - rows + 1))
    steps = np.linspace(0.0, way, frames)[:: 1 if speed >= 0 else -1]
    lefts = [int(start + step) for step in steps]
    return [picture[top : top + rows, left : left + columns].copy() for left in lefts]
