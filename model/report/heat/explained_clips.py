"""Explained clips as layers to look at: the frame, something see-through over it, and the skeleton.

Over the frames lie the heat maps of each run, or the masks of each body part.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.skeleton import JOINTS, LIMBS, PARTS, limb_indices
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
class DrawnFrame:
    """A frame of a clip with its skeleton.

    image: address of the picture; width, height: its pixels
    """

    image: str
    width: int
    height: int
    limbs: tuple[DrawnLine, ...]
    joints: tuple[DrawnJoint, ...]


@dataclass(frozen=True)
class LayerRow:
    """What lies over the frames of a clip in one row: of a run, or of a body part.

    note:     beside the title; kind: what the pictures are, such as `heat map`
    overlays: address of a picture a frame; captions: what it shows, in words
    """

    title: str
    note: str
    kind: str
    overlays: tuple[str, ...]
    captions: tuple[str, ...]


@dataclass(frozen=True)
class LayeredClip:
    """A clip and the rows in which it is shown."""

    label: str
    frames: tuple[DrawnFrame, ...]
    rows: tuple[LayerRow, ...]


def heat_layers(names: Sequence[str], explained: Sequence[Sequence[ClipExplanation]]) -> tuple[LayeredClip, ...]:
    """The clips of (run, clip) explanations of the same clips, with a row of heat maps for each of the runs `names`."""
    return tuple(
        LayeredClip(
            clip_label(runs[0]),
            drawn_frames(runs[0]),
            tuple(_heat_row(name, run) for name, run in zip(names, runs, strict=True)),
        )
        for runs in zip(*explained, strict=True)
    )


def _heat_row(name: str, clip: ClipExplanation) -> LayerRow:
    places = tuple(warmest_place(heat, joints) for heat, joints in zip(clip.heat, clip.joints, strict=True))
    return LayerRow(name, f"cosine {clip.similarity:.3f}", "heat map", tuple(map(heat_address, clip.heat)), places)


def mask_layers(clip: ClipExplanation) -> LayeredClip | None:
    """The clip with a row of masks for each body part, most opaque where a mask is largest; none without masks.

    A part without a seen joint pools all cells alike, and is shown clear.
    """
    if clip.masks is None or clip.contributions is None:
        return None
    height, width = clip.images.shape[1:3]
    share, seen = clip.contributions.sum(axis=2), clip.seen_parts
    rows = []
    for number, part in enumerate(PARTS):
        overlays = [_mask_address(mask, height, width) for mask in clip.masks[:, number] * seen[:, number, None, None]]
        captions = [
            f"share {of_part:.3f}" + ("" if there else ", no joint seen")
            for of_part, there in zip(share[:, number].tolist(), seen[:, number].tolist(), strict=True)
        ]
        note = f"share {share[:, number].mean():.3f} in the mean"
        rows.append(LayerRow(part_title(part), note, "mask", tuple(overlays), tuple(captions)))
    return LayeredClip(clip_label(clip), drawn_frames(clip), tuple(rows))


def _mask_address(mask: NDArray[np.float32], height: int, width: int) -> str:
    """(H, W) of cells as a picture of the frame's size, every cell in one colour."""
    import cv2

    large = cv2.resize(mask / max(float(mask.max()), 1e-12), (width, height), interpolation=cv2.INTER_NEAREST)
    return heat_address(large.astype(np.float32))


def part_title(part: str) -> str:
    """The name of a body part, as a heading."""
    return part.replace("_", " ").capitalize()


def clip_label(clip: ClipExplanation) -> str:
    """Which clip it is, in words."""
    return f"person {clip.person}, camera {clip.camera}, {clip.modality.name.lower()}, track {clip.number}"


def drawn_frames(clip: ClipExplanation) -> tuple[DrawnFrame, ...]:
    """The frames of the clip with their skeletons."""
    height, width = clip.images.shape[1:3]
    return tuple(
        DrawnFrame(jpeg_address(image, 88), width, height, tuple(drawn_limbs(joints)), tuple(drawn_joints(joints)))
        for image, joints in zip(clip.images, clip.joints, strict=True)
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
