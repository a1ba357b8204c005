"""A digest of what a reader returned: equal values, equal digests, whatever classes hold them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def value_digest(value: object) -> str:
    """sha256 of arrays (dtype, shape, bytes), dataclasses, mappings, sequences, texts and numbers, nested."""
    digest = hashlib.sha256()
    for piece in _pieces(value):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value: Any) -> Iterator[bytes]:
    if hasattr(value, "detach"):  # a tensor of torch
        value = value.detach().numpy()
    if isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape} ".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, bytes | bytearray | memoryview):
        yield f"bytes {len(value)} ".encode()
        yield value
    elif dataclasses.is_dataclass(value):
        yield from _pieces({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)} ".encode()
        for key in sorted(value, key=repr):  # in whatever order a reader found them
            yield from _pieces(key)
            yield from _pieces(value[key])
    elif isinstance(value, list | tuple):
        yield f"sequence {len(value)} ".encode()
        for item in value:
            yield from _pieces(item)
    elif value is None or isinstance(value, str | int | float | bool | np.generic | Path):
        yield f"{type(value).__name__} {value!r} ".encode("utf-8", "surrogatepass")
    else:
        raise TypeError(f"expected plain values and arrays, got {type(value).__name__}")
