"""Frames of a data set as images to look at: where the data set lies, and guarded reading of one frame.

A cache file may come from anywhere, so its paths are data: what would leave the root is refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from command_line.params_file import PARAMS, read_params
from data_cache.files.decoded_frame import decode_picture
from data_cache.files.frame_bytes import read_bytes

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

    Decoded by what decodes the estimator's frames, so that keypoints fit and the same frames are refused.
    Raises ValueError when the path, or a symlink on it, leaves `root`.
    """
    data = read_bytes(str(frame_file(root, relative)))
    image = None if data is None else decode_picture(data)
    if image is None:
        return None
    rgb: NDArray[np.uint8] = np.ascontiguousarray(image[:, :, ::-1])
    return rgb
