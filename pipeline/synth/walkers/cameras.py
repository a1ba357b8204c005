"""The four cameras, what a track sees through one of them, and the projection of the body onto the crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality
from pipeline.synth.walkers.draws import Purpose, keyed_generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.synth.walkers.walk import Points


@dataclass(frozen=True)
class Camera:
    """A fixed camera.

    heading: degrees, ranges of the walkers' heading: 0 towards the camera, 90 to the right (mirrored half the time)
    elevation: degrees it looks down; height: pixels of a crop; gain: of the exposure; tint: gains of blue, green, red
    blur: standard deviation, pixels; noise: standard deviation, of 255; light: from where, −1 left … 1 right
    """

    number: int
    modality: Modality
    heading: tuple[float, float]
    elevation: tuple[float, float]
    height: tuple[int, int]
    gain: tuple[float, float]
    tint: tuple[float, float, float]
    blur: tuple[float, float]
    noise: float
    light: float


VISIBLE, INFRARED = Modality.VISIBLE, Modality.INFRARED
CAMERAS = (
    Camera(1, VISIBLE, (10, 100), (6, 14), (92, 112), (0.80, 1.15), (1.05, 1.00, 0.94), (0.3, 0.8), 5.0, 0.7),
    Camera(2, INFRARED, (0, 90), (8, 18), (84, 104), (0.75, 1.20), (1.0, 1.0, 1.0), (0.5, 1.0), 7.0, 0.0),
    Camera(3, VISIBLE, (70, 170), (14, 24), (80, 100), (0.70, 1.00), (0.92, 1.00, 1.06), (0.4, 0.9), 6.0, -0.8),
    Camera(4, INFRARED, (80, 180), (4, 12), (88, 108), (0.75, 1.10), (1.0, 1.0, 1.0), (0.6, 1.1), 8.0, 0.2),
)


def track_camera(modality: Modality, track: int) -> Camera:
    """The camera of a person's track (0-based): those of the modality in turn."""
    known = [camera for camera in CAMERAS if camera.modality == modality]
    return known[track % len(known)]


@dataclass(frozen=True, eq=False)
class View:
    """How one track is seen.

    height, width: pixels of the crop
    heading: (frame,) radians; elevation: radians; distance: of the camera from the walker, statures
    scale: (frame,) pixels a stature; origin: (frame, xy) pixels of the crop where the middle of the body lies
    """

    height: int
    width: int
    heading: NDArray[np.float64]
    elevation: float
    distance: float
    scale: NDArray[np.float64]
    origin: NDArray[np.float64]

    def project(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points of the body as the crop shows them.

        points: (frame, …, xyz), axes and unit of `pipeline.synth.walkers.walk`
        Returns (frame, …, xy) pixels of the crop, pixel centres at whole numbers, and (frame, …, [nearness,
        pixels a stature]): larger nearness lies in front.
        """
        spread = (slice(None), *[None] * (points.ndim - 2))
        sin, cos = np.sin(self.heading)[spread], np.cos(self.heading)[spread]
        forward, left, up = points[..., 0], points[..., 1], points[..., 2] - 0.5
        right, near = forward * sin + left * cos, forward * cos - left * sin
        rise = up * np.cos(self.elevation) - near * np.sin(self.elevation)
        nearness = near * np.cos(self.elevation) + up * np.sin(self.elevation)
        size = self.scale[spread] * self.distance / (self.distance - nearness)
        xy = self.origin[spread] + size[..., None] * np.stack([right, -rise], axis=-1)
        return xy, np.stack([nearness, size], axis=-1)


def draw_view(seed: int, key: tuple[int, int, int], camera: Camera, points: Points) -> View:
    """The view of one track (person, modality, track): heading, elevation, and a crop that jitters over time."""
    random = keyed_generator(seed, Purpose.VIEW, *key)
    frames = len(points["hips"])
    turn = np.radians(random.uniform(-14.0, 14.0))
    heading = np.radians(random.uniform(*camera.heading)) + np.linspace(-0.5, 0.5, frames) * turn
    heading = heading if random.random() < 0.5 else -heading
    elevation = float(np.radians(random.uniform(*camera.elevation)))
    distance = float(random.uniform(4.0, 9.0))
    crop = keyed_generator(seed, Purpose.CROP, *key)
    height = int(crop.integers(camera.height[0], camera.height[1] + 1))
    width = round(height * crop.uniform(0.46, 0.56))
    unit = View(height, width, heading, elevation, distance, np.ones(frames), np.zeros((frames, 2)))
    ends = unit.project(np.stack([points[name] for name in ("crown", "left_toe", "right_toe", "hips")], axis=1))[0]
    low, high = ends[..., 1].min(), ends[..., 1].max()
    drift, shake = _jitter(crop, frames), crop.normal(0.0, 0.006, (frames, 3))
    scale = height / ((high - low) * crop.uniform(1.05, 1.20)) * (1.0 + 0.030 * drift[:, 2] + shake[:, 2])
    middle = np.array([ends[..., 0].mean(), (low + high) / 2.0])
    offset = np.array([width, height]) * (0.035 * drift[:, :2] + shake[:, :2])
    origin = np.array([width - 1, height - 1]) / 2.0 + offset - scale[:, None] * middle
    return View(height, width, heading, elevation, distance, scale, origin)


def _jitter(random: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """Three slow waves about a fixed error, as a detector's box has them: (frame, 3), of order 1."""
    time = np.arange(frames)[:, None]
    period, phase = random.uniform(8.0, 30.0, 3), random.uniform(0.0, 2.0 * np.pi, 3)
    error, wave = random.normal(0.0, 0.7, (2, 3))
    jitter: NDArray[np.float64] = error + wave * np.sin(2.0 * np.pi * time / period + phase)
    return jitter
