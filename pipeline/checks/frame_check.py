"""Which frames of a data set are not on disk or do not decode, as findings and as numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_cache.files.jpeg_damage import NOT_FOUND_HERE, damage_is_found
from pipeline.checks.frame_probe import Fault, Kind, probe_frames
from pipeline.datasets.findings import Findings, show_name
from pipeline.datasets.frame_scan import missing_rows, walk_frames

Progress = Callable[[int, int], object]

# Endings of what may be a frame under another name.
PICTURES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"))
RENAME = "rename these files as they are named; what is no JPEG has to be converted"

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
    named:  every path that a split names, and what stands there for one under another ending
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
    probed = _probe(root, [path for path in every if path not in gone], options)
    if not (options.quick or damage_is_found()):
        findings.warning("damage-unknown", NOT_FOUND_HERE, list(splits))
    found = {}
    renamed = find_other_endings(gone, listed, every)
    for split, named in splits.items():
        absent = [named.paths[row] for row in missing[split]]
        own = [fault for path in named.paths for fault in probed.get(path, ())]
        found[split] = len(absent), sum(fault.kind == "unreadable" for fault in own)
        others = {path: renamed[path] for path in absent if path in renamed}
        if len(absent) == len(named.paths) and not escaped:
            where = f"{root}/{named.folder}"
            wanted = f"expected the frames that {named.source} names, found none of {len(absent)}"
            findings.error("no-frames", where, f"{where}: {wanted}; {_remedy(others)}")
            continue
        _warn_of_absent(split, named, absent, others, findings)
        _warn_of_faults(split, own, len(named.paths), findings)
    return FrameCheck(found, listed, frozenset((*every, *renamed.values())))


def _probe(root: Path, present: Sequence[str], options: ProbeOptions) -> dict[str, list[Fault]]:
    """Path → what is wrong with the frame, of those with a fault."""
    faults: dict[str, list[Fault]] = {}
    for fault in probe_frames(
        root,
        present,
        quick=options.quick,
        workers=options.workers,
        advance=lambda done: options.progress(done, len(present)),
    ):
        faults.setdefault(fault.path, []).append(fault)
    return faults


def find_other_endings(
    paths: Iterable[str], listed: Mapping[str, frozenset[str]], named: Collection[str]
) -> dict[str, str]:
    """Of ``paths`` without a file, those whose folder has a picture that differs in its ending only: → its path.

    listed: folder → names of all that is in it
    named:  paths that are frames of their own
    """
    found = {}
    by_stem: dict[str, dict[str, str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in by_stem:
            names = sorted(listed.get(folder, frozenset()), reverse=True)
            by_stem[folder] = {Path(other).stem: other for other in names if Path(other).suffix.lower() in PICTURES}
        other = by_stem[folder].get(Path(name).stem)
        if other is not None and f"{folder}/{other}" not in named:
            found[path] = f"{folder}/{other}"
    return found


def _remedy(others: Mapping[str, str]) -> str:
    if not others:
        return "unpack them"
    path, there = next(iter(others.items()))
    return f"{len(others)} have another ending on disk, such as {show_name(there)} for {path}: {RENAME}"


def _warn_of_absent(
    split: str, named: NamedFrames, absent: Sequence[str], others: Mapping[str, str], findings: Findings
) -> None:
    of_all = f"of {len(named.paths)} named frames"
    gone = [path for path in absent if path not in others]
    findings.warning("missing-frames", f"{split}: {len(gone)} {of_all} have no file", gone)
    message = f"{split}: {len(others)} {of_all} have another ending on disk; {RENAME}"
    findings.warning("other-endings", message, [f"{path} ({there})" for path, there in others.items()])


def _warn_of_faults(split: str, faults: Sequence[Fault], count: int, findings: Findings) -> None:
    for kind, (code, message) in WARNINGS.items():
        cases = [f"{fault.path} ({fault.reason})" for fault in faults if fault.kind == kind]
        findings.warning(code, f"{split}: {len(cases)} of {count} frames {message}", cases)
