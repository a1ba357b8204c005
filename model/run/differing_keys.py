"""In which keys two nested mappings of settings differ, for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from command_line.text_table import flatten

if TYPE_CHECKING:
    from collections.abc import Mapping


def differing_keys(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The leaves that are not the same: dotted key → both values as text, `none` where there is no such key."""
    a, b = dict(flatten(first)), dict(flatten(second))
    return {
        key: (a.get(key, "none"), b.get(key, "none")) for key in dict.fromkeys((*a, *b)) if a.get(key) != b.get(key)
    }
