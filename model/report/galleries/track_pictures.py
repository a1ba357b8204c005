"""Small pictures of a track's frames, as addresses that carry the picture themselves."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from data_cache.files.frame_images import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEIGHT = 112  # pixels of a picture, at most
_QUALITY = 80
_WIDEST = 3  # widths over heights beyond it are not of a person, and are squeezed


def jpeg_address(image: NDArray[np.uint8], quality: int = _QUALITY) -> str:
    """(height, width, rgb) uint8 as the data: address of a JPEG."""
    import cv2

    good, data = cv2.imencode(".jpg", np.ascontiguousarray(image[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert good, "cv2 always encodes three channels of uint8"
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def shrink(image: NDArray[np.uint8], height: int = HEIGHT) -> NDArray[np.uint8]:
    """The image no higher than `height`, its sides in proportion; never enlarged."""
    import cv2

    rows, columns = image.shape[:2]
    if rows <= height and columns <= _WIDEST * height:
        return image
    new = min(height, rows)
    width = max(1, min(round(columns * new / rows), _WIDEST * height))
    smaller: NDArray[np.uint8] = cv2.resize(image, (width, new), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return smaller


@dataclass(eq=False)
class FramePictures:
    """Pictures of frames, each read once.

    root: folder that `paths` are relative to; paths: file of each frame of the split
    """

    root: Path
    paths: tuple[str, ...]
    _made: dict[int, str] = field(default_factory=dict)

    def address(self, row: int) -> str:
        """The picture of the frame in `row` of /frames.

        Raises FileNotFoundError where the file is gone or does not decode, ValueError where its path leaves the root.
        """
        if row not in self._made:
            image = read_image(self.root, self.paths[row])
            if image is None:
                raise FileNotFoundError(
                    f"{self.root / self.paths[row]}: expected a frame that can be read, as when the keypoints were"
                    " made; put it back, set root to the data set's folder, or make the caches again with dvc repro"
                )
            self._made[row] = jpeg_address(shrink(image))
        return self._made[row]
