"""Frames that cannot be used, unreadable or missing: how many a run may have, and their list beside the output.

On the list are also those that were used though they are damaged inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import SplitIndex, Status
from data_cache.files.published_file import publish_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from pipeline.keypoints.chunks import ChunkResult

NAMED_IN_MESSAGE = 20


class TooManyBadFramesError(ValueError):
    """More frames than allowed are unreadable or missing."""


def list_file(out: Path) -> Path:
    """The text file beside the output `out` that lists its bad frames, `<status> <path>` or `damaged <path>` a line."""
    return out.with_suffix(".bad-frames.txt")


def count_bad_frames(result: ChunkResult) -> int:
    """How many frames of one chunk are unreadable or missing."""
    return len(result.unreadable) + len(result.missing)


def frame_status(frames: int, results: Iterable[ChunkResult]) -> NDArray[np.uint8]:
    """The status of every frame as far as `results` know it, ok elsewhere: (frame,) uint8, a `Status`."""
    status = np.full(frames, Status.OK, np.uint8)
    for result in results:
        status[list(result.unreadable)] = Status.UNREADABLE
        status[list(result.missing)] = Status.MISSING
    return status


def damaged_rows(results: Iterable[ChunkResult]) -> list[int]:
    """Rows of all frames that were used though they are damaged inside, in order."""
    return sorted(row for result in results for row in result.damaged)


def write_list(out: Path, index: SplitIndex, status: NDArray[np.uint8], damaged: Sequence[int] = ()) -> None:
    """List the bad and the `damaged` frames of `index` beside `out`; with none, remove what an earlier run listed."""
    file = list_file(out)
    names = dict.fromkeys(damaged, "damaged")
    names |= {int(row): Status(int(status[row])).name.lower() for row in np.flatnonzero(status != Status.OK)}
    if not names:
        file.unlink(missing_ok=True)
        return
    with publish_files(file) as (listing,):
        for row in sorted(names):
            listing.write(f"{names[row]} {index.paths[row]}\n".encode())


def too_many_bad_frames(
    out: Path, index: SplitIndex, results: Iterable[ChunkResult], max_bad: float
) -> TooManyBadFramesError:
    """The error that stops a run: how many bad frames the `results` have, and the first of them.

    All of them are listed beside `out`.
    """
    status = frame_status(len(index.paths), results)
    write_list(out, index, status)
    rows = np.flatnonzero(status != Status.OK)
    unreadable, missing = (int((status == kind).sum()) for kind in (Status.UNREADABLE, Status.MISSING))
    named = ", ".join(index.paths[row] for row in rows[:NAMED_IN_MESSAGE])
    return TooManyBadFramesError(
        f"{index.dataset} {index.split}: {len(rows)} of {len(index.paths)} frames cannot be used so far"
        f" ({unreadable} unreadable, {missing} missing), expected at most {max_bad:g} of them (max_bad);"
        f" mend the data set or raise --max-bad; finished chunks are kept; {list_file(out)} lists these frames,"
        f" the first are {named}"
    )
