"""How other programs may spell the path of a frame in the names of their files and datasets."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from data_cache.contract.records import SPLITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Spelling = Callable[[str], str]


def whole(path: str) -> str:
    """The path from the data set's root: `Train/0001/rgb/D3/1.jpg`."""
    return path


def within_split(path: str) -> str:
    """The path without a leading `Train/` or `Test/`: `0001/rgb/D3/1.jpg`."""
    first, _, rest = path.partition("/")
    return rest if first.lower() in SPLITS and rest else path


def without_ending(path: str) -> str:
    """`0001/rgb/D3/1.jpg` becomes `0001/rgb/D3/1`."""
    return str(PurePosixPath(path).with_suffix(""))


def first_match(spellings: Iterable[Spelling], paths: Iterable[str], exists: Callable[[str], bool]) -> Spelling | None:
    """The first of `spellings` under which any of `paths` exists, None if none does; `paths` are gone through again."""
    for spelling in spellings:
        if any(exists(spelling(path)) for path in paths):
            return spelling
    return None


def find_clash(spelling: Spelling, paths: Iterable[str]) -> tuple[str, str, str] | None:
    """A name that two paths would share, and the two; None if every path has its own."""
    owners: dict[str, str] = {}
    for path in paths:
        name = spelling(path)
        if owners.setdefault(name, path) != path:
            return name, owners[name], path
    return None
