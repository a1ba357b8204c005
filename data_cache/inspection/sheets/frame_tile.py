"""One tile of a sheet: a frame as it lies on disk, its skeleton over it, and a caption under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Status
from data_cache.inspection.sheets.skeleton_drawing import draw_skeleton

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

INK, QUIET, ALARM, PAPER = "#1b2733", "#6b7785", "#c0272d", "#e9edf1"
# A missing frame whose size is unknown too still needs a shape: the usual one of a pedestrian crop.
USUAL_SIZE = (128, 64)


@dataclass(frozen=True, eq=False)
class Tile:
    """What is known of one frame.

    row:       row of the file's frames
    caption:   one or two short lines
    image:     (height, width, rgb) uint8, None when it is not on disk or does not decode
    size:      height and width in pixels by the file, 0, 0 where its status is not ok
    keypoints: (joint, xy) float32, pixels, NaN where status is not ok
    score:     (joint,) float32, likewise
    status:    by the file
    """

    row: int
    caption: str
    image: NDArray[np.uint8] | None
    size: tuple[int, int]
    keypoints: NDArray[np.float32]
    score: NDArray[np.float32]
    status: Status

    @property
    def absent(self) -> bool:
        """Whether the file has keypoints of a frame that is not there to be shown."""
        return self.status == Status.OK and self.image is None

    @property
    def resized(self) -> bool:
        """Whether the frame on disk has another size than the one the keypoints were estimated on."""
        return self.status == Status.OK and self.image is not None and self.image.shape[:2] != self.size


def draw_tile(axes: Axes, tile: Tile, min_score: float, limb_width: float) -> None:
    """Draw `tile` into `axes`, which become a frame without ticks in the frame's own pixel coordinates."""
    axes.set_xticks([])
    axes.set_yticks([])
    height, width = _shape(tile)
    if tile.image is None:
        axes.set_facecolor(PAPER)
        note = tile.status.name.lower() if tile.status != Status.OK else "not on disk"
        axes.text(0.5, 0.99, note, transform=axes.transAxes, ha="center", va="top", color=ALARM, fontsize=7.5)
    else:
        axes.imshow(tile.image, interpolation="bilinear", extent=(-0.5, width - 0.5, height - 0.5, -0.5))
        if tile.resized:
            note = f"was {tile.size[1]} by {tile.size[0]}"
            axes.text(0.5, 0.98, note, transform=axes.transAxes, ha="center", va="top", color=ALARM, fontsize=6)
    draw_skeleton(axes, tile.keypoints, tile.score, min_score, limb_width)
    # A joint may lie a little outside the crop; a narrow margin shows it without shrinking the person.
    margin = 0.03 * height
    axes.set_xlim(-0.5 - margin, width - 0.5 + margin)
    axes.set_ylim(height - 0.5 + margin, -0.5 - margin)
    axes.set_aspect("equal", anchor="S")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(tile.caption, fontsize=6.5, color=INK if tile.status == Status.OK else ALARM, labelpad=3)


def _shape(tile: Tile) -> tuple[int, int]:
    if tile.image is not None:
        return tile.image.shape[0], tile.image.shape[1]
    return tile.size if min(tile.size) > 0 else USUAL_SIZE
