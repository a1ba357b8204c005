"""What stands between camera and walker: a post, a low obstacle or a passer-by, moving through the crop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.synth.settings import MAX_PERSON, SynthSettings
from pipeline.synth.walkers.body_shapes import Shape, body_shapes
from pipeline.synth.walkers.clothing import draw_clothing
from pipeline.synth.walkers.draws import Purpose, keyed_generator
from pipeline.synth.walkers.painter import fill_hull, paint_body, paint_silhouette
from pipeline.synth.walkers.persons import draw_body, draw_gait
from pipeline.synth.walkers.walk import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pipeline.synth.walkers.cameras import Camera, View

# Share of the walker's mean box that an obstacle covers in every frame, as drawn.
COVERED = (0.28, 0.52)
PASSERS_BY = 97  # persons after the last number of the data set


class Occluder(Protocol):
    """Something that can be drawn over a frame."""

    def paint(self, canvas: NDArray[np.uint8], mask: NDArray[np.uint8], frame: int) -> None:
        """Draw it on `canvas`, and 255 where it is on `mask`."""


@dataclass(frozen=True, eq=False)
class Obstacle:
    """An upright thing.

    corners: (frame, corner, xy) pixels of the crop; panel: likewise, a lighter part of it
    colour: (blue, green, red), 0…1; panel_gain: of the panel
    """

    corners: NDArray[np.float64]
    panel: NDArray[np.float64]
    colour: NDArray[np.float64]
    panel_gain: float

    def paint(self, canvas: NDArray[np.uint8], mask: NDArray[np.uint8], frame: int) -> None:
        """As `Occluder`."""
        colour = 255.0 * self.colour
        fill_hull(canvas, self.corners[frame], tuple(float(value) for value in colour))
        bright = np.minimum(255.0, self.panel_gain * colour)
        fill_hull(canvas, self.panel[frame], tuple(float(value) for value in bright))
        fill_hull(mask, self.corners[frame], (255.0,))


@dataclass(frozen=True, eq=False)
class PasserBy:
    """Another walker, nearer to the camera."""

    shapes: list[Shape]
    colours: Mapping[str, NDArray[np.float64]]

    def paint(self, canvas: NDArray[np.uint8], mask: NDArray[np.uint8], frame: int) -> None:
        """As `Occluder`."""
        paint_body(canvas, self.shapes, frame, self.colours)
        paint_silhouette(mask, self.shapes, frame)


def draw_occluder(
    settings: SynthSettings,
    key: tuple[int, int, int],
    share: float,
    camera: Camera,
    view: View,
    box: tuple[NDArray[np.float64], ...],
) -> Occluder | None:
    """The occluder of a track (person, modality, track), or none; a larger `share` only adds tracks that have one.

    box: the walker's mean box, (xy) of its upper left and of its lower right corner, pixels of the crop
    """
    random = keyed_generator(settings.seed, Purpose.OCCLUDER, *key)
    if random.random() >= share:
        return None
    kind = random.integers(3)
    if kind == 2:
        return _draw_passer_by(settings, random, camera, view)
    return _draw_obstacle(random, camera, len(view.scale), box, post=kind == 0)


def _draw_path(random: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """From one side to the other at even speed: (frame,), 0…1."""
    path = np.linspace(random.uniform(0.0, 0.25), random.uniform(0.75, 1.0), frames)
    return path if random.random() < 0.5 else path[::-1]


def _draw_obstacle(
    random: np.random.Generator, camera: Camera, frames: int, box: tuple[NDArray[np.float64], ...], *, post: bool
) -> Obstacle:
    low, high = box
    size = high - low
    covered, path = random.uniform(*COVERED), _draw_path(random, frames)
    share = covered if post else random.uniform(max(0.6, covered), 0.85)
    width, left = share * size[0], low[0] + path * (1.0 - share) * size[0]
    top = low[1] - size[1] if post else high[1] - covered / share * size[1]
    bottom = high[1] + size[1]
    colour = random.uniform(0.08, 0.85, 3)
    colour = colour if camera.modality == camera.modality.VISIBLE else np.repeat(colour[:1], 3)
    corners = _rectangles(left, left + width, top, bottom)
    edge = random.uniform(0.1, 0.4)
    panel = _rectangles(left + edge * width, left + 0.9 * width, top + 0.06 * size[1], bottom)
    return Obstacle(corners, panel, colour, float(random.uniform(0.75, 1.3)))


def _rectangles(
    left: NDArray[np.float64], right: NDArray[np.float64], top: float, bottom: float
) -> NDArray[np.float64]:
    """Upright rectangles: (frame, corner, xy)."""
    x = np.stack([left, right, right, left], axis=-1)
    y = np.broadcast_to(np.array([top, top, bottom, bottom]), x.shape)
    return np.stack([x, y], axis=-1)


def _draw_passer_by(settings: SynthSettings, random: np.random.Generator, camera: Camera, view: View) -> PasserBy:
    person = MAX_PERSON + 1 + int(random.integers(PASSERS_BY))
    seed, frames = settings.seed, len(view.scale)
    body, gait = draw_body(seed, person), draw_gait(seed, person)
    clothing = draw_clothing(seed, person, settings.infrared)
    points = walk(body, gait, random.uniform(0.0, 2.0 * np.pi) + gait.cadence * np.arange(frames))
    path, larger = _draw_path(random, frames), random.uniform(1.05, 1.25)
    aside = (0.8 * path - 0.4) * view.width
    below = random.uniform(0.05, 0.2) * view.height
    turned = np.where(path[0] < path[-1], 1.0, -1.0) * np.radians(random.uniform(50.0, 130.0))
    nearer = replace(
        view,
        heading=np.full(frames, float(turned)),
        scale=view.scale * larger,
        origin=view.origin + np.stack([aside, np.full(frames, below)], axis=-1),
    )
    return PasserBy(
        body_shapes(points, body, clothing, nearer, camera.light),
        clothing.colours(camera.modality),
    )
