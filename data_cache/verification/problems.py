"""What is wrong with a cache file: each broken rule once, with how often and where first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from data_cache.contract.schema import AXIS_LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One broken rule.

    key:   dataset or attribute, absolute
    row:   first row along the dataset's first axis, None where the rule is about all of it
    rows:  how many rows break the rule
    found: in the first of them
    """

    level: Level
    key: str
    expected: str
    found: str
    row: int | None = None
    rows: int = 0

    def sentence(self) -> str:
        """Return the problem in words, on one line."""
        where = self.key
        if self.row is not None:
            where += f" row {self.row}" + (f" (and {self.rows - 1:,} more rows)" if self.rows > 1 else "")
        return f"{self.level}: {where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule applied to some rows.

    expected: in words
    values:   (row, ...) what was looked at
    wrong:    bool, (row, ...) like `values` or only its first axes: what breaks the rule
    dims:     names of the axes of `values`, for naming the place within a row
    """

    key: str
    expected: str
    values: NDArray[Any]
    wrong: NDArray[np.bool_]
    dims: Sequence[str]
    level: Level = "error"


class Findings:
    """Collects broken rules over consecutive blocks of rows; memory does not grow with the rows."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], Problem] = {}

    def add(self, problem: Problem) -> None:
        """Add `problem`; of the same key and expectation only the first place and the number of rows are kept."""
        known = self._problems.setdefault((problem.key, problem.expected), problem)
        if known is not problem:
            self._problems[problem.key, problem.expected] = replace(known, rows=known.rows + problem.rows)

    def apply(self, rule: Rule, offset: int) -> None:
        """Add what breaks `rule`; its first row is row `offset` of the dataset."""
        if not rule.wrong.any():
            return
        rows = rule.wrong.reshape(len(rule.wrong), -1).any(axis=1)
        place = tuple(int(index) for index in np.unravel_index(int(rule.wrong.argmax()), rule.wrong.shape))
        found = _describe(rule.values[place], rule.dims[1 : len(place)], place[1:])
        row = offset + place[0]
        self.add(Problem(rule.level, rule.key, rule.expected, found, row, int(rows.sum())))

    def problems(self) -> list[Problem]:
        """Return all problems: errors first, then by key and row."""
        order = {"error": 0, "warning": 1}
        return sorted(
            self._problems.values(), key=lambda one: (order[one.level], one.key, -1 if one.row is None else one.row)
        )


def _describe(value: Any, dims: Sequence[str], place: Sequence[int]) -> str:
    labels = [AXIS_LABELS[axis][index] for axis, index in zip(dims, place, strict=True) if axis in AXIS_LABELS]
    text = np.array2string(np.asarray(value), precision=6, separator=", ", threshold=8).replace("\n", " ")
    return f"{text} ({', '.join(labels)})" if labels else text
