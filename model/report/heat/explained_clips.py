"""Heat maps as layers to look at: the frame, a see-through heat map of each run over it, and the skeleton."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.skeleton import JOINTS, LIMBS, limb_indices
from data_cache.inspection.sheets.skeleton_drawing import joint_side, limb_side
from model.report.galleries.track_pictures import jpeg_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.report.heat.explanations import ClipExplanation

_LEVELS = 64  # of heat in a picture
_OPAQUE = 225  # alpha of the warmest cell, of 255


@dataclass(frozen=True)
class DrawnLine:
    """A limb from (x1, y1) to (x2, y2) in pixels of the frame; side: `left`, `right` or `middle`."""

    x1: float
    y1: float
    x2: float
    y2: float
    side: str


@dataclass(frozen=True)
class DrawnJoint:
    """A joint at (x, y) in pixels of the frame."""

    x: float
    y: float
    side: str


@dataclass(frozen=True)
class HeatFrame:
    """A frame of a clip.

    image: address of the picture; width, height: its pixels
    heat:  address of the heat map of each run
    warmest: in words, where each run looks
    """

    image: str
    width: int
    height: int
    limbs: tuple[DrawnLine, ...]
    joints: tuple[DrawnJoint, ...]
    heat: tuple[str, ...]
    warmest: tuple[str, ...]


@dataclass(frozen=True)
class ExplainedClip:
    """A clip with the heat maps of the runs, and the cosine similarity that each explains, in their order."""

    number: int
    person: int
    camera: int
    modality: str
    similarity: tuple[float, ...]
    frames: tuple[HeatFrame, ...]

    @property
    def label(self) -> str:
        """In words."""
        return f"person {self.person}, camera {self.camera}, {self.modality}, track {self.number}"


def layer_clips(explained: Sequence[Sequence[ClipExplanation]]) -> tuple[ExplainedClip, ...]:
    """The clips of (run, clip) explanations of the same clips, with a heat map a run."""
    clips = []
    for runs in zip(*explained, strict=True):
        first = runs[0]
        frames = tuple(_layer_frame(runs, t) for t in range(len(first.images)))
        modality = first.modality.name.lower()
        similarity = tuple(run.similarity for run in runs)
        clips.append(ExplainedClip(first.number, first.person, first.camera, modality, similarity, frames))
    return tuple(clips)


def _layer_frame(runs: Sequence[ClipExplanation], t: int) -> HeatFrame:
    image, joints = runs[0].images[t], runs[0].joints[t]
    height, width = image.shape[:2]
    return HeatFrame(
        jpeg_address(image, 88),
        width,
        height,
        tuple(drawn_limbs(joints)),
        tuple(drawn_joints(joints)),
        tuple(heat_address(run.heat[t]) for run in runs),
        tuple(warmest_place(run.heat[t], run.joints[t]) for run in runs),
    )


def drawn_limbs(joints: NDArray[np.float32]) -> list[DrawnLine]:
    """The limbs whose joints are both seen; joints: (joint, xy) float32, NaN where unseen.

    0, 0 is the centre of the first pixel there, and half a pixel in a drawing.
    """
    lines = []
    for number, limb in enumerate(limb_indices()):
        if np.isfinite(joints[limb]).all():
            (x1, y1), (x2, y2) = np.round(joints[limb].astype(np.float64) + 0.5, 1).tolist()
            lines.append(DrawnLine(x1, y1, x2, y2, limb_side(LIMBS[number])))
    return lines


def drawn_joints(joints: NDArray[np.float32]) -> list[DrawnJoint]:
    """The joints that are seen; joints: (joint, xy) float32, NaN where unseen."""
    return [
        DrawnJoint(round(float(x) + 0.5, 1), round(float(y) + 0.5, 1), joint_side(name))
        for name, (x, y) in zip(JOINTS, joints, strict=True)
        if np.isfinite(x) and np.isfinite(y)
    ]


def warmest_place(heat: NDArray[np.float32], joints: NDArray[np.float32]) -> str:
    """Where the heat (height, width) is highest, by the nearest joint that is seen: for those who do not see it.

    Beside the body is what lies outside the smallest upright rectangle around the joints.
    """
    if not heat.max() > 0:
        return "cold everywhere"
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    distance = np.hypot(joints[:, 0] - column, joints[:, 1] - row)
    if not np.isfinite(distance).any():
        return "warmest " + ("in the upper half" if row < heat.shape[0] / 2 else "in the lower half")
    joint = JOINTS[int(np.nanargmin(distance))].replace("_", " ")
    low, high = np.nanmin(joints, axis=0), np.nanmax(joints, axis=0)
    on_body = low[0] <= column <= high[0] and low[1] <= row <= high[1]
    return f"warmest near the {joint}" if on_body else f"warmest beside the body, nearest the {joint}"


def heat_address(heat: NDArray[np.float32]) -> str:
    """(height, width) 0…1 as the data: address of a PNG: cold cells clear, warm ones opaque."""
    from PIL import Image

    levels = np.clip(np.rint(heat * (_LEVELS - 1)), 0, _LEVELS - 1).astype(np.uint8)
    picture = Image.fromarray(levels, "P")
    picture.putpalette(_heat_palette().tobytes())
    clear = bytes(int(_OPAQUE * level / (_LEVELS - 1)) for level in range(_LEVELS))
    data = io.BytesIO()
    picture.save(data, "PNG", transparency=clear, optimize=True)
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def _heat_palette() -> NDArray[np.uint8]:
    """(level, rgb): dark blue over green and yellow to red, as Turbo (Mikhailov 2019)."""
    import cv2

    ramp = np.linspace(0, 255, _LEVELS).astype(np.uint8)[:, None]
    coloured: NDArray[np.uint8] = cv2.applyColorMap(ramp, cv2.COLORMAP_TURBO)[:, 0, ::-1].astype(np.uint8)
    return np.ascontiguousarray(coloured)
