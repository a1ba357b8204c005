"""What has to hold of imported skeletons before a file is made of them: units, sizes, and the rules of `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Status
from data_cache.contract.schema import find_format
from data_cache.exchange.imports.skeleton_table import BLOCK_FRAMES
from data_cache.verification.check_rules import ROW_RULES, blank_rules
from data_cache.verification.problems import Findings, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_cache.exchange.imports.skeleton_table import SkeletonTable

MOST = 0.5  # share of the frames; what more of them break is no outlier but another coordinate frame
_LEAST_EXTENT = 2.0  # pixels; skeletons that all fit in here are not in pixels
_NO_SIZE = {"pyskl": "none of its own (img_shape is one size for all frames of a video)"}


def check_skeletons(
    table: SkeletonTable, status: NDArray[np.uint8], source_format: str, max_bad: float
) -> tuple[Problem, ...]:
    """Return what `check` will find in the file, and skeletons that may be normalised.

    status:  (frame,) uint8, a `Status`
    max_bad: share (0…1) of the frames whose coordinates may be no pixels

    Raises ValueError for more of these, for frames without a size, and where more than `MOST` of the frames break one
    of the rules of `check`.
    """
    problems = _check_unit(table, status, max_bad)
    _check_sizes(table, status, source_format)
    return (*problems, *_check_rules(table, status))


def _check_unit(table: SkeletonTable, status: NDArray[np.uint8], max_bad: float) -> list[Problem]:
    """Skeletons that lie in a corner of two pixels are not in pixels; a few of them may be a network's failure."""
    ok = status == Status.OK
    tiny = ok & (np.abs(table.keypoints).max(axis=(1, 2)) <= _LEAST_EXTENT)
    count, first = int(tiny.sum()), int(tiny.argmax())
    found = f"none beyond {_LEAST_EXTENT:g}"
    if count > max_bad * ok.sum():
        raise ValueError(
            f"{table.source}: expected coordinates in pixels of the frame, found {found} in {count} of {ok.sum()}"
            f" frames ({table.index.paths[first]}), so they are normalised to 0…1: multiply them by the frames' width"
            " and height"
        )
    expected = "coordinates in pixels, not normalised to 0…1"
    return [Problem("warning", "/frames/keypoints", expected, found, first, count)] if count else []


def _check_sizes(table: SkeletonTable, status: NDArray[np.uint8], source_format: str) -> None:
    wrong = (status == Status.OK) & (table.size <= 0).any(axis=1)
    if wrong.any():
        remedy = "name the data set's folder with --root DIR, and sizes are read from the frames"
        found = f"{_NO_SIZE.get(source_format, 'none')}: {remedy}"
        raise table.refusal(int(wrong.argmax()), "height and width in pixels", found)


def _check_rules(table: SkeletonTable, status: NDArray[np.uint8]) -> tuple[Problem, ...]:
    """The rules of `check` for the rows of a keypoints file."""
    findings = Findings()
    specs = find_format("keypoints").per_frame
    for start in range(0, len(status), BLOCK_FRAMES):
        rows = table.block(status, slice(start, start + BLOCK_FRAMES))
        arrays = {"keypoints": rows.keypoints, "score": rows.score, "size": rows.size}
        for spec in specs:
            for rule in blank_rules(spec, arrays[spec.name.rpartition("/")[2]], rows.status):
                findings.apply(rule, start)
        for rule in ROW_RULES["keypoints"](arrays, rows.status, {}):
            findings.apply(rule, start)
    problems = tuple(findings.problems())
    ok = int((status == Status.OK).sum())
    for problem in problems:
        if problem.level == "error" or problem.rows > MOST * ok:
            path = table.index.paths[problem.row or 0]
            raise ValueError(
                f"{table.source}: {problem.rows} of {ok} frames with a skeleton break a rule of `check`: {problem.key}:"
                f" expected {problem.expected}, found {problem.found} in {path}; give coordinates in pixels of the"
                " frame itself, from its upper left corner, not of the picture that it was cut from or scaled to"
            )
    return problems
