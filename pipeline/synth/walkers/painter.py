"""Draws shapes on a canvas of twice the crop's size, so that edges fall between pixels when it is halved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.synth.walkers.body_shapes import Shape

OVERSAMPLING = 2
SHADE = 0.66  # of the part of a shape that does not lie in the light
_BITS = 4  # fractional bits of cv2's polygon corners


def to_canvas(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels of the crop to pixels of the canvas; in both, whole numbers are the centres of pixels."""
    return (xy + 0.5) * OVERSAMPLING - 0.5


def fill_hull(canvas: NDArray[np.uint8], corners: NDArray[np.float64], colour: tuple[float, ...]) -> None:
    """Fill the convex hull of `corners` (point, xy), pixels of the crop, with `colour` 0…255."""
    hull = cv2.convexHull(to_canvas(corners).astype(np.float32))
    fixed = np.round(hull * (1 << _BITS)).astype(np.int32)
    cv2.fillConvexPoly(canvas, fixed, colour, cv2.LINE_AA, _BITS)


def paint_body(
    canvas: NDArray[np.uint8], shapes: Sequence[Shape], frame: int, colours: Mapping[str, NDArray[np.float64]]
) -> None:
    """Draw one frame of a body, far shapes first.

    canvas: (row, column, channel) uint8, drawn upon; colours: material → (channel,) 0…1
    """
    for shape in sorted(shapes, key=lambda shape: float(shape.nearness[frame])):
        colour = 255.0 * colours[shape.material]
        fill_hull(canvas, shape.outline[frame], tuple(float(value) for value in SHADE * colour))
        fill_hull(canvas, shape.lit[frame], tuple(float(value) for value in colour))


def paint_silhouette(canvas: NDArray[np.uint8], shapes: Sequence[Shape], frame: int) -> None:
    """Fill everything that a body covers in one frame with 255; canvas: (row, column) uint8."""
    for shape in shapes:
        fill_hull(canvas, shape.outline[frame], (255.0,))


def new_mask(height: int, width: int) -> NDArray[np.uint8]:
    """An empty canvas of one channel for a crop of this size."""
    return np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), np.uint8)
