"""Ten thousand damaged inputs of every kind that is read, and how each reading ended.

python -m benchmarks.campaign.mutations                      all kinds
python -m benchmarks.campaign.mutations --kind "chunk file"  one, its mutations as in the whole
python -m benchmarks.campaign.mutations --kind "chunk file" --only 17 --keep FILE   one mutation, kept as a file
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.campaign.campaign_options import add_options, project_folder
from benchmarks.campaign.figures_file import FiguresFile
from benchmarks.campaign.guarded_reading import OUTCOMES, SOUND, Reading, read_all
from benchmarks.campaign.inputs.all_kinds import ALL_KINDS
from benchmarks.campaign.inputs.input_kind import InputKind
from benchmarks.campaign.mutator import mutated
from benchmarks.campaign.value_digest import value_digest

ALL = 10_000
BY_NAME = {kind.name: kind for kind in ALL_KINDS}
BATCH = 100
SHOWN = 20  # findings of a kind that are kept in words


@dataclass(frozen=True)
class Damaged:
    """A kind's file in `folder`, a project: which bytes mutation n of it has."""

    kind: InputKind
    folder: Path
    seed: int
    original: bytes

    def bytes_of(self, number: int) -> tuple[bytes, str]:
        """The damaged file and what was done to it."""
        return mutated(self.original, self.kind.name, self.seed, number, text=self.kind.text)

    def place(self, number: int) -> None:
        """Put it where the reader looks; a new file, so that nothing remembers the one before."""
        file = self.folder / self.kind.file
        file.unlink(missing_ok=True)
        file.write_bytes(self.bytes_of(number)[0])

    def restore(self) -> None:
        """Put the whole file back."""
        (self.folder / self.kind.file).unlink(missing_ok=True)
        (self.folder / self.kind.file).write_bytes(self.original)


def prepare(kind: InputKind, folder: Path, seed: int) -> tuple[Damaged, Reading]:
    """The kind's file, made where there is none, and how it is read. Raises what its reader raises of the whole one."""
    if kind.make is not None:
        kind.make(folder)
    damaged = Damaged(kind, folder, seed, (folder / kind.file).read_bytes())

    def read() -> str:
        return value_digest(kind.read(folder))

    first, second = read(), read()
    if first != second:
        raise ValueError(f"{kind.name}: expected the same values from the same file, got others")
    reading = Reading(damaged.place, read, (Path(kind.file).name, *kind.named), first, kind.checksum)
    if _reads_nothing(reading, folder / kind.file):
        raise ValueError(
            f"{kind.name}: expected its reader to open {kind.file}, but it takes an empty one for the whole"
        )
    damaged.restore()
    return damaged, reading


def _reads_nothing(reading: Reading, file: Path) -> bool:
    """Whether an empty file is the whole one to the reader: then it reads another file."""
    file.unlink()
    file.touch()
    return next(iter(read_all(replace(reading, prepare=str), [0])))[1] == "harmless"


def try_kind(kind: InputKind, folder: Path, seed: int, numbers: Sequence[int]) -> dict[str, Any]:
    """How the readings of mutations `numbers` ended: a count for each outcome, and findings in words."""
    damaged, reading = prepare(kind, folder, seed)
    counts: Counter[str] = Counter()
    findings: list[dict[str, Any]] = []
    try:
        for start in range(0, len(numbers), BATCH):
            for number, outcome, words in read_all(reading, list(numbers[start : start + BATCH])):
                counts[outcome] += 1
                if outcome not in SOUND and len(findings) < SHOWN:
                    way = damaged.bytes_of(number)[1]
                    findings.append({"number": number, "way": way, "outcome": outcome, "words": words})
    finally:
        damaged.restore()
    return {
        "checksum": kind.checksum,
        "tried": len(numbers),
        "outcomes": {name: counts[name] for name in OUTCOMES if counts[name]},
        "findings": [{**found, "words": found["words"].replace(str(folder), "…")} for found in findings],
    }


def try_kinds(figures: FiguresFile, project: Path, seed: int, end: float, shares: dict[str, int]) -> None:
    """Try so many mutations of each kind that has no figures yet; begins none after `end` (of time.monotonic)."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as scratch:
        folder = Path(scratch) / "project"
        shutil.copytree(project, folder)
        for name, share in shares.items():
            if not figures.has(name, 0) and time.monotonic() < end:
                step = try_kind(BY_NAME[name], folder, seed, range(share))
                figures.add(name, 0, step)
                print(f"{name}: {step['tried']} tried, {step['outcomes']}", flush=True)


def try_one(kind: InputKind, project: Path, seed: int, number: int, keep: Path | None) -> dict[str, Any]:
    """How the reading of one mutation ends; `keep`: where the damaged file goes."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as scratch:
        folder = Path(scratch) / "project"
        shutil.copytree(project, folder)
        step = try_kind(kind, folder, seed, [number])
        if keep is not None:
            keep.write_bytes(prepare(kind, folder, seed)[0].bytes_of(number)[0])
        return step


def main(argv: Sequence[str] | None = None) -> int:
    """Parse `argv`, try, print how each kind did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign.mutations", description=__doc__)
    add_options(parser, "mutations.json", seconds=900)
    parser.add_argument("--count", type=int, default=ALL, help="mutations in all (default: %(default)s)")
    parser.add_argument("--kind", choices=list(BY_NAME), help="only this kind")
    parser.add_argument("--only", type=int, metavar="N", help="with --kind: only its mutation N, without figures")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="with --only: write the damaged file there")
    args = parser.parse_args(argv)
    project, end = project_folder(args), time.monotonic() + args.seconds
    if args.only is not None:
        print(try_one(BY_NAME[args.kind], project, args.seed, args.only, args.keep))
        return 0
    names = list(BY_NAME)
    shares = {name: args.count // len(names) + (place < args.count % len(names)) for place, name in enumerate(names)}
    figures = FiguresFile(args.out, {"seed": args.seed, "tried": shares}, names)
    try_kinds(figures, project, args.seed, end, shares if args.kind is None else {args.kind: shares[args.kind]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
