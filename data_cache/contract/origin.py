"""Where the numbers of a file come from, by content: what it holds, the code that made it, and what that was made from.

A recipe says how a file was made, not of what: with a corrected label or another frame under the same name it is the
same. An origin is handed along frames → keypoints → edges, graphs → run. As JSON, in the root attribute `origin` of
cache files and in what runs write: ``{"content": sha256, "code": sha256, "sources": {"keypoints": {…}}}``, in which
`code` and `sources` are left out where nothing is known.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DEEPEST = 8  # of a chain that is read
MISSING = bytes(32)  # in place of the digest of a frame without a file


@dataclass(frozen=True)
class Origin:
    """Where the numbers of one file come from.

    content: sha256 in hexadecimal digits of what it holds (`ContentDigest`, `frames_digest`, or of its bytes)
    code:    sha256 of the code that made it (`command_line.digests`); None: not known
    sources: by kind (`frames`, `keypoints`), what it was made from; empty: not known, or frames
    """

    content: str
    code: str | None = None
    sources: Mapping[str, Origin] = field(default_factory=lambda: MappingProxyType({}))

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        sources = {kind: source.plain() for kind, source in sorted(self.sources.items())}
        parts = {"content": self.content, "code": self.code, "sources": sources}
        return {name: value for name, value in parts.items() if value}

    def find(self, kind: str) -> Origin | None:
        """The nearest origin of `kind` along the chain, depth first; None where there is none."""
        for name, source in self.sources.items():
            found = source if name == kind else source.find(kind)
            if found is not None:
                return found
        return None


def parse_origin(value: object, depth: int = 0) -> Origin:
    """The origin that `plain` gave. Raises ValueError naming the key, what was expected and what was got."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        raise ValueError(f"origin: expected content, code and sources, up to {_DEEPEST} deep, got {value!r:.60}")
    unknown = value.keys() - {"content", "code", "sources"}
    if unknown:
        raise ValueError(f"origin: expected content, code and sources, got {', '.join(map(repr, sorted(unknown)))}")
    for name in ("content", "code"):
        given = value.get(name)
        if not (name == "code" and given is None) and not (isinstance(given, str) and _DIGEST.fullmatch(given)):
            raise ValueError(f"origin.{name}: expected 64 hexadecimal digits, got {given!r:.60}")
    sources = value.get("sources", {})
    if not isinstance(sources, dict):
        raise ValueError(f"origin.sources: expected origins by kind, got {sources!r:.60}")
    read = {str(kind): parse_origin(source, depth + 1) for kind, source in sources.items()}
    return Origin(value["content"], value.get("code"), MappingProxyType(read))


def frames_digest(paths: Iterable[str], sha256: bytes) -> str:
    """sha256 in hexadecimal digits of which frames there are and what is in them.

    paths:  N paths in order
    sha256: of the bytes of each, 32 bytes a frame, `MISSING` where there is no file

    It is that of `path`, a zero byte and the frame's 32 bytes, one frame after the other.
    """
    digest = hashlib.sha256()
    for row, path in enumerate(paths):
        digest.update(b"%b\0%b" % (path.encode(), sha256[32 * row : 32 * row + 32]))
    return digest.hexdigest()


class ContentDigest:
    """Digest of named arrays, each given row after row: the same however they are cut, packed and stored.

    It is the sha256 of one line for each array in order of its name: name, dtype (little-endian; names as `S` and
    their length in bytes), lengths of the axes, and the sha256 of its values in C order.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, tuple[Any, str, tuple[int, ...]]] = {}
        self._rows: dict[str, int] = {}

    def update(self, name: str, values: NDArray[Any]) -> None:
        """Add the next rows (row, …) of the array `name`. Raises ValueError for another dtype or row than before."""
        dtype = values.dtype.newbyteorder("<")
        kind = (dtype.str, values.shape[1:])
        digest, *known = self._arrays.setdefault(name, (hashlib.sha256(), *kind))
        if tuple(known) != kind:
            raise ValueError(f"{name}: expected rows of {known[0]} {known[1]}, got {kind[0]} {kind[1]}")
        digest.update(
            np.ascontiguousarray(values.astype(dtype, copy=False)).view(np.uint8).data if values.size else b""
        )
        self._rows[name] = self._rows.get(name, 0) + len(values)

    def hexdigest(self) -> str:
        """The digest of all rows so far, in hexadecimal digits."""
        return hashlib.sha256("".join(self._lines()).encode()).hexdigest()

    def _lines(self) -> Iterator[str]:
        for name, (digest, dtype, tail) in sorted(self._arrays.items()):
            shape = ",".join(map(str, (self._rows[name], *tail)))
            yield f"{name} {dtype} {shape} {digest.hexdigest()}\n"
