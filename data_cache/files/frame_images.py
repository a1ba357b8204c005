"""Frames of a data set as images to look at: where the data set lies, and guarded reading of one frame.

A cache file may come from anywhere, so its paths are data: what would leave the root is refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from command_line.params_file import PARAMS, read_params

if TYPE_CHECKING:
    from numpy.typing import NDArray


def find_root(dataset: str, root: Path | None, params: Path = PARAMS) -> Path:
    """Return the folder that frame paths are relative to.

    `root` when given; else the root of `params` (params.yaml), if that is about the same data set.
    Raises FileNotFoundError when there is no such folder and ValueError when nothing says where it is.
    """
    if root is None:
        if not params.is_file():
            raise ValueError(f"where do the frames of {dataset} lie? no {params} here: name the folder with --root DIR")
        configured = read_params("--root DIR", params)
        if configured.dataset != dataset:
            raise ValueError(
                f"{params}: expected dataset {dataset!r} as in the file, got {configured.dataset!r}:"
                " name the folder of the frames with --root DIR"
            )
        root = Path(configured.root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; name the data set's folder with --root DIR")
    return root


def frame_file(root: Path, relative: str) -> Path:
    """Return the file of frame `relative` under `root`; ValueError when the path or a symlink leaves the root."""
    inside = os.path.realpath(root)
    target = os.path.realpath(os.path.join(inside, relative))  # noqa: PTH118 (a Path would hide '..' and '')
    if os.path.isabs(relative) or os.path.commonpath([inside, target]) != inside:  # noqa: PTH117
        raise ValueError(f"{relative!r}: expected a frame inside {root}, got a path that leads to {target}: not read")
    return Path(target)


def read_image(root: Path, relative: str) -> NDArray[np.uint8] | None:
    """Return frame `relative` as (height, width, rgb) uint8; None when there is no such file or it does not decode.

    Decoded as the estimator's frames are (cv2, orientation tag obeyed), so that keypoints fit.
    Raises ValueError when the path, or a symlink on it, leaves `root`.
    """
    import cv2

    target = frame_file(root, relative)
    if not target.is_file():
        return None
    data = np.fromfile(target, np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        return None
    if image is None:
        return None
    rgb: NDArray[np.uint8] = np.ascontiguousarray(image[:, :, ::-1])
    return rgb
