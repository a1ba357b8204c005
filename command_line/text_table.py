"""Rows of words as aligned columns of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def align_columns(rows: Sequence[Sequence[str]], *, left: int = 1, gap: str = "  ") -> list[str]:
    """Return one line a row; the first `left` columns flush left, the others flush right.

    Rows may be shorter than the longest one.
    """
    columns = max((len(row) for row in rows), default=0)
    widths = [max((len(row[column]) for row in rows if column < len(row)), default=0) for column in range(columns)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append(gap.join(cells).rstrip())
    return lines


def decimal(value: float, digits: int = 2) -> str:
    """Return `value` with fixed decimals, or a dash where there is none (NaN)."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def percent(share: float) -> str:
    """Return a share in 0…1 as percent, or a dash where there is none (NaN)."""
    return "-" if math.isnan(share) else f"{100 * share:.1f}%"


def amount(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural with an s unless it is one."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def printable(text: str) -> str:
    """Return `text` with everything but line feeds that is no printable character written as its escape.

    Names in a file may come from anywhere; a terminal must not obey them.
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return the leaves of nested mappings as (dotted name, text), in the order of the mappings."""
    leaves: list[tuple[str, str]] = []
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            leaves += flatten(value, f"{name}.")
        else:
            leaves.append((name, str(value)))
    return leaves
