"""Which of a file's tensors are the network that is asked for: what trainers put before its names is found by it."""

from __future__ import annotations

import logging
import shlex
from collections import Counter
from collections.abc import Collection, Mapping
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Where trainers keep the network itself, if beside others (its average, the one it was distilled from).
PLAIN = ("state_dict.", "model.")
_SHOWN = 5


def network_tensors(path: Path, tensors: Mapping[str, T], wanted: Collection[str]) -> dict[str, T]:
    """The tensors of one network in a file, without what stands before their names; the log says what is left.

    path:    the file, for the messages
    tensors: all of its tensors by name, such as `state_dict.module.backbone.conv1.weight`
    wanted:  names that the network has, such as `conv1.weight`
    Where no part of the file has all that is wanted, the one that has most is returned. ``ValueError`` for a file
    without tensors, or with several networks that fit.
    """
    if not tensors:
        raise ValueError(f"{path}: expected tensors by name, got none; name a file that holds a network's state dict")
    prefix = _prefix(path, tensors, frozenset(wanted))
    rest = [name for name in tensors if not name.startswith(prefix)]
    if rest:
        logger.info("%s: takes what is under %r, leaves %s", path, prefix.removesuffix("."), shown(rest, "others"))
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def shown(names: Collection[str], kind: str) -> str:
    """`7 unexpected (a, b, c, d, e, …)`."""
    return f"{len(names)} {kind} ({', '.join(list(names)[:_SHOWN])}{', …' if len(names) > _SHOWN else ''})"


def _prefix(path: Path, tensors: Collection[str], wanted: frozenset[str]) -> str:
    counts: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")
        ends = (".".join(parts[first:]) for first in range(len(parts)))
        counts.update(name.removesuffix(end) for end in ends if end in wanted)
    whole = [prefix for prefix, count in counts.items() if count == len(wanted)]
    plain = [prefix for prefix in whole if prefix.startswith(PLAIN)]
    for choice in (whole, plain):
        if len(choice) == 1:
            return choice[0]
    if whole:
        raise ValueError(_ambiguous(path, whole))
    if counts:
        return max(counts, key=lambda prefix: (counts[prefix], -len(prefix)))
    first, *others = (name.split(".")[:-1] for name in tensors)
    common = takewhile(lambda parts: len(set(parts)) == 1, zip(first, *others, strict=False))
    return "".join(f"{parts[0]}." for parts in common)


def _ambiguous(path: Path, prefixes: list[str]) -> str:
    names = [prefix.removesuffix(".") for prefix in prefixes]
    kept = shlex.join([str(path), names[0], str(path.with_suffix(".kept.safetensors"))])
    return (
        f"{path}: expected one network that fits, got {len(names)}, under {', '.join(map(repr, names))};"
        f" keep one of them: python -m data_cache.files.weights {kept}"
    )
