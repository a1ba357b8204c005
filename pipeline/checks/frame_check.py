"""Which frames of a data set are not on disk or do not decode, as findings and as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_cache.files.jpeg_damage import NOT_FOUND_HERE, damage_is_found
from pipeline.checks.frame_probe import Fault, Kind, probe_frames
from pipeline.datasets.findings import Findings
from pipeline.datasets.frame_scan import missing_rows, walk_frames

Progress = Callable[[int, int], object]

WARNINGS: Mapping[Kind, tuple[str, str]] = {
    "unreadable": ("unreadable-frames", "do not decode"),
    "damaged": ("damaged-frames", "decode with damage inside; pose.damaged says if they are used"),
    "turned": ("turned-frames", "carry an orientation, which other programs may read otherwise than is done here"),
}


@dataclass(frozen=True)
class ProbeOptions:
    """How the frames are looked at; no result but `quick` depends on it.

    quick:    look at both ends of each file instead of decoding it
    workers:  processes to share the work; 0 works in this one
    progress: called with the number of frames done since the last call, and of all frames
    """

    quick: bool = False
    workers: int = 0
    progress: Progress = lambda done, total: None

    @property
    def name(self) -> str:
        """`quick` or `decoded`, for the report."""
        return "quick" if self.quick else "decoded"


@dataclass(frozen=True)
class NamedFrames:
    """The frames of one split: ``paths`` below the root, the ``folder`` they lie in, the ``source`` that names them."""

    paths: Sequence[str]
    folder: str
    source: str


@dataclass(frozen=True)
class FrameCheck:
    """What was found.

    faults: split → number of frames without a file, and of frames that do not decode
    listed: folder below the root → names of all that is in it
    named:  every path that a split names
    """

    faults: Mapping[str, tuple[int, int]]
    listed: Mapping[str, frozenset[str]]
    named: frozenset[str]


def check_frames(
    root: Path, tops: Sequence[str], splits: Mapping[str, NamedFrames], options: ProbeOptions, findings: Findings
) -> FrameCheck:
    """Look for every named frame below the folders ``tops`` of the root, and open it.

    Missing frames and those of `WARNINGS` are warnings, a split without any frame and links out of the root are errors.
    """
    before = findings.errors
    listed = walk_frames(root, tops, findings)
    escaped = findings.errors > before
    missing = {split: missing_rows(named.paths, listed) for split, named in splits.items()}
    gone = {splits[split].paths[row] for split, rows in missing.items() for row in rows}
    every = dict.fromkeys(path for named in splits.values() for path in named.paths)
    present = [path for path in every if path not in gone]
    probed = probe_frames(
        root,
        present,
        quick=options.quick,
        workers=options.workers,
        advance=lambda done: options.progress(done, len(present)),
    )
    faults: dict[str, list[Fault]] = {}
    for fault in probed:
        faults.setdefault(fault.path, []).append(fault)
    if not (options.quick or damage_is_found()):
        findings.warning("damage-unknown", NOT_FOUND_HERE, list(splits))
    found = {}
    for split, named in splits.items():
        absent = [named.paths[row] for row in missing[split]]
        count = len(named.paths)
        own = [fault for path in named.paths for fault in faults.get(path, ())]
        found[split] = len(absent), sum(fault.kind == "unreadable" for fault in own)
        if len(absent) == count and not escaped:
            where = f"{root}/{named.folder}"
            wanted = f"expected the frames that {named.source} names, found none of {count}"
            findings.error("no-frames", where, f"{where}: {wanted}; unpack them")
            continue
        findings.warning("missing-frames", f"{split}: {len(absent)} of {count} named frames have no file", absent)
        _warn_of_faults(split, own, count, findings)
    return FrameCheck(found, listed, frozenset(every))


def _warn_of_faults(split: str, faults: Sequence[Fault], count: int, findings: Findings) -> None:
    for kind, (code, message) in WARNINGS.items():
        cases = [f"{fault.path} ({fault.reason})" for fault in faults if fault.kind == kind]
        findings.warning(code, f"{split}: {len(cases)} of {count} frames {message}", cases)
