"""One kind of file that is read: where the tried project has one, and the reader of its commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InputKind:
    """A kind of file.

    name:     as the page calls it
    file:     of the project, relative to its folder
    read:     from the project's folder to everything that the reader takes from the file
    checksum: whether something in the file tells other values from those that were written
    text:     whether numbers and lines of it can be swapped
    named:    what a refusal may say in place of the file's own name: the frame that a file is about, or the other one
              of two files that contradict each other
    make:     makes the file in the project's folder, where the project has none
    """

    name: str
    file: str
    read: Callable[[Path], object]
    checksum: bool = False
    text: bool = False
    named: tuple[str, ...] = ()
    make: Callable[[Path], object] | None = None
