"""A chain of origin as a tree of links, each with a digest that was noted and a way to find it again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.text_table import align_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_SHOWN = 12  # digits of a digest


class State(StrEnum):
    """What became of a link."""

    SAME = "same"
    DIFFERS = "differs"
    ABSENT = "not here"
    UNKNOWN = "not noted"
    UNREAD = ""


@dataclass(frozen=True)
class Link:
    """One thing that another was made from.

    name:    what it is, such as `edges` or `code model/network`
    noted:   sha256 in hexadecimal digits; None where nothing was noted
    where:   file that it should be, or words; find: sha256 of every content that would be the same, read now; nothing
             where it is not here. ValueError for a file that is damaged
    sources: what it was made from itself
    """

    name: str
    noted: str | None
    where: Path | str = ""
    find: Callable[[], Iterable[str]] = tuple
    sources: tuple[Link, ...] = ()


@dataclass(frozen=True)
class FoundLink:
    """A link, how deep it lies, and what was found of it; words: what is wrong with its file."""

    link: Link
    depth: int
    state: State
    words: str = ""


def find_links(links: Iterable[Link], *, verify: bool) -> list[FoundLink]:
    """All links of a chain, each before its sources; what was reached on another way is not followed again.

    verify: read what they name, and compare; else their state is `UNREAD` or `UNKNOWN`
    """
    known: dict[tuple[str, str], FoundLink] = {}
    return list(_walk(links, 0, known, verify))


def _walk(
    links: Iterable[Link], depth: int, known: dict[tuple[str, str], FoundLink], verify: bool
) -> Iterator[FoundLink]:
    for link in links:
        key = (link.name, link.noted or "")
        earlier = known.get(key)
        if earlier is not None and link.noted:
            yield FoundLink(link, depth, earlier.state, earlier.words or "as above")
            continue
        known[key] = _find(link, depth, verify)
        yield known[key]
        yield from _walk(link.sources, depth + 1, known, verify)


def _find(link: Link, depth: int, verify: bool) -> FoundLink:
    if link.noted is None:
        return FoundLink(link, depth, State.UNKNOWN)
    if not verify:
        return FoundLink(link, depth, State.UNREAD)
    try:
        found = set(link.find())
    except ValueError as error:
        return FoundLink(link, depth, State.DIFFERS, " ".join(str(error).split()).removeprefix(f"{link.where}: "))
    if not found:
        return FoundLink(link, depth, State.ABSENT)
    return FoundLink(link, depth, State.SAME if link.noted in found else State.DIFFERS)


def chain_lines(found: Iterable[FoundLink]) -> list[str]:
    """One line a link: state, name (deeper ones further in), first digits of what was noted, file and words."""
    rows = [
        (one.state.value, "  " * one.depth + one.link.name, (one.link.noted or "")[:_SHOWN], _place(one))
        for one in found
    ]
    if not any(state for state, *_ in rows):
        rows = [row[1:] for row in rows]  # type: ignore[misc]
    return align_columns(rows, left=4)


def _place(one: FoundLink) -> str:
    where = one.link.where
    if isinstance(where, Path) and where.is_absolute() and where.is_relative_to(Path.cwd()):
        where = where.relative_to(Path.cwd())
    return ", ".join(filter(None, (str(where), one.words)))
