"""Verifies a cache file to its last byte: layout, checksums, ranges, and that its parts fit each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.contract.reader import open_cache
from data_cache.contract.schema import TEXT
from data_cache.contract.skeleton import LIMBS, PARTS, limb_indices, part_mask
from data_cache.contract.verified_content import content_digest
from data_cache.verification.check_rules import ROW_RULES, blank_rules, index_rules, status_rule, track_rules
from data_cache.verification.problems import Findings, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader

# Values in memory at a time; the comparisons make some ten temporary arrays of this size.
BLOCK_VALUES = 1 << 20

# The reader's refusals: "<file>: <key>: expected …, found …; <what to do>".
_REFUSAL = re.compile(r"(?P<key>.+?): expected (?P<expected>.+?), (?:found|got) (?P<found>.+?)(?:; [^;]*)?")


def check_file(path: Path) -> list[Problem]:
    """Return everything that is wrong with the file, errors first; an intact file has nothing.

    Reads all of it, in blocks. Raises OSError where there is no such file or it may not be read; a file that is
    not a cache file at all is a problem, not an exception.
    """
    findings = Findings()
    try:
        reader = open_cache(path)
    except ValueError as error:
        return [_refused(error, path, "file")]
    with reader:
        _check_attributes(reader, findings)
        status = _check_index(reader, findings)
        if reader.kind == "graphs":
            _check_graph(reader, findings)
        _check_rows(reader, status, findings)
        if not findings.problems():
            _check_content(reader, findings)
    return findings.problems()


def _refused(error: ValueError, path: Path, key: str) -> Problem:
    """Take the reader's sentence apart."""
    sentence = " ".join(str(error).split()).removeprefix(f"{path}: ")
    parts = _REFUSAL.fullmatch(sentence)
    if parts is None:
        return Problem("error", key, "what docs/cache.md says", sentence)
    return Problem("error", parts["key"], parts["expected"], parts["found"])


def _check_attributes(reader: CacheReader, findings: Findings) -> None:
    """What the reader does not need but the contract promises: checksums, units, descriptions, fixed texts."""
    with h5py.File(reader.path, "r", locking=False) as file:
        for spec in reader.layout.arrays:
            stored = file[spec.name]
            if stored.size and not stored.fletcher32:
                findings.add(Problem("error", spec.name, "fletcher32 checksums", "none"))
            expected = {"description": spec.description, **({"unit": spec.unit} if spec.unit else {})}
            for name, text in expected.items():
                _check_text(stored, spec.name, name, text, findings)
        for (group, name), text in reader.layout.texts.items():
            _check_text(file[group], group, name, text, findings)


def _check_text(node: h5py.HLObject, key: str, name: str, expected: str, findings: Findings) -> None:
    found = node.attrs.get(name)
    text = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
    if text != expected:
        shown = "none" if text is None else repr(text)
        findings.add(Problem("error", f"{key} attribute {name}", repr(expected), shown))


def _check_index(reader: CacheReader, findings: Findings) -> NDArray[np.uint8] | None:
    """Names, tracks and status, and whether they agree; return the status, None where it is damaged."""
    status = _read_or_report(reader, "/frames/status", 0, reader.frames, findings)
    if status is not None:
        findings.apply(status_rule(status), 0)
    track = _read_or_report(reader, "/frames/track", 0, reader.frames, findings)
    if not _check_tracks(reader, findings) or track is None:
        return status
    try:
        index = reader.index()
    except ValueError as error:
        found = " ".join(str(error).split()).removeprefix(f"{reader.path}: /frames, /tracks: ")
        findings.add(Problem("error", "/frames, /tracks", "paths and tracks that fit each other", found))
        return status
    for rule in index_rules(index, track):
        findings.apply(rule, 0)
    return status


def _check_tracks(reader: CacheReader, findings: Findings) -> bool:
    """The table of tracks by itself; return whether it is sound."""
    with h5py.File(reader.path, "r", locking=False) as file:
        tracks = len(file["/tracks/person"])  # the reader counts no tracks that contradict themselves
    columns = {}
    for spec in reader.layout.per_track:
        values = _read_or_report(reader, spec.name, 0, tracks, findings)
        if values is None:
            return False
        columns[spec.name.rpartition("/")[2]] = values
    rules = list(track_rules(columns, reader.frames))
    for rule in rules:
        findings.apply(rule, 0)
    return not any(rule.wrong.any() for rule in rules)


def _check_graph(reader: CacheReader, findings: Findings) -> None:
    """Arrays that are the same in every graphs file, made from the skeleton."""
    both_ways = np.concatenate([limb_indices(), limb_indices()[:, ::-1]])
    edges = _read_or_report(reader, "/graph/spatial_edges", 0, 2, findings)
    if edges is not None and sorted(edges.T.tolist()) != sorted(both_ways.tolist()):
        what = f"the {len(LIMBS)} limbs of the skeleton in both directions"
        findings.add(Problem("error", "/graph/spatial_edges", what, f"{len(np.unique(edges, axis=1).T)} other pairs"))
    parts = _read_or_report(reader, "/graph/parts", 0, len(PARTS), findings)
    wanted = part_mask()
    if parts is not None and not np.array_equal(parts, wanted):
        row = int((parts != wanted).any(axis=1).argmax())
        found = f"joints {np.flatnonzero(parts[row]).tolist()}"
        expected = f"joints {np.flatnonzero(wanted[row]).tolist()} ({tuple(PARTS)[row]})"
        findings.add(Problem("error", "/graph/parts", expected, found, row, 1))
    try:
        names = reader.read_names("/graph/part_names")
    except ValueError as error:
        findings.add(_refused(error, reader.path, "/graph/part_names"))
    else:
        if names != tuple(PARTS):
            findings.add(Problem("error", "/graph/part_names", ", ".join(PARTS), ", ".join(names)))


def _check_rows(reader: CacheReader, status: NDArray[np.uint8] | None, findings: Findings) -> None:
    """Every row of every per-frame array: reading checks the checksums, the rules check the values."""
    specs = {spec.name.rpartition("/")[2]: spec for spec in reader.layout.per_frame}
    assert all(spec.dtype != TEXT for spec in specs.values())
    widest = max(int(np.prod(spec.tail)) for spec in specs.values())
    for rows in reader.rows(max(BLOCK_VALUES // widest, 1)):
        arrays = {}
        for name, spec in specs.items():
            values = _read_or_report(reader, spec.name, rows.start, rows.stop, findings)
            if values is not None:
                arrays[name] = values
        if status is None:
            continue
        for name, values in arrays.items():
            for rule in blank_rules(specs[name], values, status[rows]):
                findings.apply(rule, rows.start)
        if len(arrays) == len(specs):
            for rule in ROW_RULES[reader.kind](arrays, status[rows], reader.recipe):
                findings.apply(rule, rows.start)


def _check_content(reader: CacheReader, findings: Findings) -> None:
    """Values that keep to every rule, and are others than those that were written."""
    try:
        said, found = reader.origin, content_digest(reader)
    except ValueError as error:
        findings.add(_refused(error, reader.path, "content"))
        return
    if said is not None and said.content != found:
        findings.add(Problem("error", "content", f"sha256 {said.content}, as it was written", f"sha256 {found}"))


def _read_or_report(reader: CacheReader, key: str, start: int, stop: int, findings: Findings) -> NDArray[Any] | None:
    try:
        return reader.read(key, start, stop)
    except ValueError as error:
        found = _refused(error, reader.path, key).found
        expected = "rows that can be read, with matching checksums"
        findings.add(Problem("error", key, expected, found, start, stop - start))
        return None
