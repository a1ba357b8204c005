"""The skeletons of a split's frames while they are collected, in whatever order another program's file has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.records import FrameKeypoints, Status
from data_cache.contract.skeleton import JOINTS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from data_cache.contract.records import SplitIndex

# Heatmap maxima and SimCC scores leave 0…1 by a little and are clipped; beyond this they are on another scale.
LOWEST_SCORE, HIGHEST_SCORE = -0.5, 1.5
MAX_EXTENT = 1 << 16  # pixels
BLOCK_FRAMES = 4096  # looked at and written at a time
# Frames that may have joints at exactly (0, 0) before that is read as "not found". A joint that is really there, to the
# last bit of two floats, may be met once; twice it is what the program writes. And the two errors weigh differently: a
# joint taken as not found is one of 17 less, one taken as seen in the corner bends every edge that it has.
STRAY_FRAMES = 1


def shown(value: object) -> str:
    """What a message says of a value out of a foreign file: text (cut) and numbers as they are, of others the type.

    Containers are not gone through: a pickle of a few bytes can hold one that is endless when written out.
    """
    if isinstance(value, str):
        return repr(value[:40])
    plain = value is None or isinstance(value, float | np.number) or (isinstance(value, int) and abs(value) < 1 << 64)
    return str(value) if plain else type(value).__name__


def is_blank(keypoints: NDArray[Any], score: NDArray[Any]) -> bool:
    """Whether arrays keep a person so who is not in the frame: coordinates and scores all 0 or all NaN."""
    return all(not array.any() or (array.dtype.kind == "f" and np.isnan(array).all()) for array in (keypoints, score))


class SkeletonTable:
    """One skeleton a frame: the best of those offered. 230 bytes a frame, so 55 MB for a split of HITSZ-VCM.

    source:    where they come from, for messages; sizes_source: where their sizes do
    index:     the frames
    keypoints: (frame, joint, xy) float32, pixels; NaN where none was offered
    shares:    the keypoints are shares of width and height instead, until `scale_shares`
    score:     (frame, joint) float32, 0…1; NaN where none was offered
    size:      (frame, 2) int32, height and width in pixels; 0 where nothing is known
    offered:   (frame,) int64, how many skeletons were offered
    in_order:  the source does not say which frames its entries are of: they were taken in the order of the frames
    strangers: how many entries of the source are of no frame of the split
    unplaced:  how many joints of the skeletons taken lie at exactly (0, 0) with a score above 0, and unplaced_frames in
               how many frames; known after `drop_unplaced`
    """

    def __init__(self, source: Path, index: SplitIndex) -> None:
        count = len(index.paths)
        self.source = self.sizes_source = source
        self.index = index
        self.shares = False
        self.keypoints = np.full((count, len(JOINTS), 2), np.nan, np.float32)
        self.score = np.full((count, len(JOINTS)), np.nan, np.float32)
        self.size = np.zeros((count, 2), np.int32)
        self.offered = np.zeros(count, np.int64)
        self.in_order = False
        self.strangers = 0
        self.unplaced = 0
        self.unplaced_frames = 0
        self._rank = np.full(count, -np.inf)
        self._clipped = np.zeros(count, np.uint8)

    @property
    def clipped(self) -> int:
        """How many scores of the skeletons taken were clipped to 0…1."""
        return int(self._clipped.sum())

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which frames have a skeleton: (frame,) bool."""
        found: NDArray[np.bool_] = self.offered > 0
        return found

    def rows_of_paths(self) -> dict[str, list[int]]:
        """Rows of every path, in their order: a path may stand for several frames."""
        rows: dict[str, list[int]] = {}
        for row, path in enumerate(self.index.paths):
            rows.setdefault(path, []).append(row)
        return rows

    def offer(self, row: int, keypoints: ArrayLike, score: ArrayLike, rank: float | None = None) -> None:
        """Take this skeleton for frame `row` if it ranks higher than those offered before; the first wins a draw.

        keypoints: (joint, xy) numbers, pixels of the frame; score: (joint,) numbers; rank: the mean score if None, in
        which joints at (0, 0) count 0. A skeleton whose joints all lie at (0, 0) is nobody.
        Raises ValueError naming source and frame for another number of joints, NaN, infinity, coordinates that are far
        from every frame, and scores that are on another scale than 0…1.
        """
        xy = self._numbers(row, "keypoints", keypoints, (len(JOINTS), 2))
        if np.abs(xy).max() > MAX_EXTENT:
            raise self.refusal(row, f"coordinates within ±{MAX_EXTENT} pixels", f"{xy.flat[np.abs(xy).argmax()]:g}")
        values = self._numbers(row, "scores", score, (len(JOINTS),))
        if values.min() < LOWEST_SCORE or values.max() > HIGHEST_SCORE:
            worst = values[np.abs(values - 0.5).argmax()]
            raise self.refusal(row, "scores within 0…1 (a little more is clipped)", f"{worst:g}")
        placed = xy.any(axis=1)
        if not placed.any():
            return
        self.offered[row] += 1
        rank = float((values * placed).mean(dtype=np.float64)) if rank is None else rank
        if rank > self._rank[row]:
            self._rank[row] = rank
            self.keypoints[row] = xy
            self.score[row] = np.clip(values, 0, 1)
            self._clipped[row] = ((values < 0) | (values > 1)).sum()

    def scale_shares(self) -> None:
        """Make pixels of shares of the frame, by the sizes noted; frames without one are left at 0."""
        if self.shares:
            self.keypoints = (self.keypoints * self.size[:, None, ::-1]).astype(np.float32)
            self.shares = False

    def drop_unplaced(self) -> None:
        """Count the joints at exactly (0, 0); in more than `STRAY_FRAMES` frames they were not found: score 0."""
        unplaced = (self.keypoints == 0).all(axis=2) & (self.score > 0)
        self.unplaced, self.unplaced_frames = int(unplaced.sum()), int(unplaced.any(axis=1).sum())
        if self.unplaced_frames > STRAY_FRAMES:
            self.score[unplaced] = 0

    def note_size(self, row: int, height: Any, width: Any) -> None:
        """Take note of the size of frame `row` in pixels, as the source gives it.

        Raises ValueError for what is no size; 0 × 0 says that it is not known.
        """
        for extent in (height, width):
            whole = isinstance(extent, int | np.integer) and not isinstance(extent, bool)
            if not (whole and 0 <= extent <= MAX_EXTENT):
                expected = f"height and width as whole numbers up to {MAX_EXTENT}"
                raise self.size_refusal(row, expected, f"{shown(height)}, {shown(width)}")
        self.size[row] = height, width

    def block(self, status: NDArray[np.uint8], rows: slice) -> FrameKeypoints:
        """Some rows as a keypoints file has them: blank where `status` (frame,) uint8 is not ok."""
        ok = status[rows] == Status.OK
        keypoints, score, size = self.keypoints[rows].copy(), self.score[rows].copy(), self.size[rows].copy()
        keypoints[~ok], score[~ok], size[~ok] = np.nan, np.nan, 0
        return FrameKeypoints(keypoints, score, size, status[rows])

    def refusal(self, row: int, expected: str, found: str) -> ValueError:
        """The error for what the source says of frame `row`."""
        return self._refusal(self.source, row, expected, found)

    def size_refusal(self, row: int, expected: str, found: str) -> ValueError:
        """The error for what is said of the size of frame `row`."""
        return self._refusal(self.sizes_source, row, expected, found)

    def _refusal(self, source: Path, row: int, expected: str, found: str) -> ValueError:
        return ValueError(f"{source}: {self.index.paths[row]}: expected {expected}, found {found}; nothing was written")

    def _numbers(self, row: int, name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
        wanted = f"{name} of the {len(JOINTS)} COCO joints, shape {shape}"
        try:
            array: NDArray[Any] = np.asarray(values)
        except (ValueError, TypeError, OverflowError):
            raise self.refusal(row, wanted, "rows of different lengths") from None
        if array.dtype.kind not in "iuf":
            raise self.refusal(row, f"{wanted}, as numbers", f"{array.dtype}")
        if array.shape != shape:
            raise self.refusal(row, wanted, f"shape {array.shape}")
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise self.refusal(row, f"finite {name}", "NaN or infinity (leave such skeletons out of the file)")
        return array
