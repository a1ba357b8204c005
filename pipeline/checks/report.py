"""What `check` says about a tree, as a record, as JSON and as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from command_line.text_table import align_columns
from pipeline.datasets.counts import GROUPS, Comparison
from pipeline.datasets.findings import Finding


@dataclass(frozen=True)
class SplitReport:
    """One split; None where an error in its files keeps a number from being known.

    counts:     every count beside the published one
    names:      frames named
    by_name:    frames by modality, infrared and visible: that in their names, or of their list where names have none
    orphans:    names without a track
    mismatches: names that disagree with their row: person, modality, camera; None where names have no labels
    missing:    named frames without a file
    unreadable: named frames whose file does not decode
    """

    split: str
    counts: tuple[Comparison, ...] | None
    names: int | None
    by_name: dict[str, int] | None
    orphans: int | None
    mismatches: dict[str, int] | None
    missing: int | None
    unreadable: int | None


@dataclass(frozen=True)
class PublishedSet:
    """The data set whose files look like these.

    title:  its name
    labels: how its frames are told apart by modality: `by name` or `by list`
    frames: modality → published number of frames of both splits; None where it is not published
    """

    title: str
    labels: str
    frames: Mapping[str, int | None]


@dataclass(frozen=True)
class DatasetReport:
    """One tree.

    kind:       which grammar its files have: `hitsz-vcm` or `buptcampus`
    root, info: the data set's root and the folder of its text files
    frames:     where the frames lie: `split` (Train/, Test/), `flat` or `DATA`
    place:      the same in words
    probe:      `decoded` or `quick` (both ends of each file looked at)
    genuine:    whether this is the `published` data set itself, going by the number of its frames or tracks
    splits:     train and test
    findings:   errors, then warnings
    """

    kind: str
    root: str
    info: str
    frames: str
    place: str
    probe: str
    genuine: bool
    published: PublishedSet
    splits: tuple[SplitReport, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Number of errors found, those that are only counted included."""
        return sum(finding.count for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> int:
        """Number of kinds of warnings found."""
        return sum(finding.severity == "warning" for finding in self.findings)


def write_json(report: DatasetReport) -> str:
    """The report as one JSON object."""
    return json.dumps({**asdict(report), "errors": report.errors, "warnings": report.warnings}, indent=2)


def _show(value: int | str | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else value


def _count_table(split: SplitReport, counts: Iterable[Comparison]) -> list[str]:
    cells = {(count.quantity, count.group): count for count in counts}
    quantities = list(dict.fromkeys(quantity for quantity, _ in cells))
    header = [split.split, *(text for group in GROUPS for text in (group, "published"))]
    rows = [header]
    for quantity in quantities:
        row = [quantity]
        for group in GROUPS:
            count = cells.get((quantity, group))
            row += [_show(count.here if count else None), _show(count.published if count else None)]
        rows.append(row)
    return align_columns(rows)


def _frame_lines(report: DatasetReport) -> list[str]:
    how = "all decoded" if report.probe == "decoded" else "only both ends of each file looked at (--quick)"
    known = report.published.frames
    rows = [["frames", "named", *(f"{name} {report.published.labels}" for name in known), "missing", "unreadable"]]
    numbers = []
    for split in report.splits:
        by_name = split.by_name or {}
        groups = [by_name.get(group) for group in report.published.frames]
        numbers.append([split.names, *groups, split.missing, split.unreadable])
        rows.append([split.split, *map(_show, numbers[-1])])
    together = [None if None in column else sum(filter(None, column)) for column in zip(*numbers, strict=True)]
    rows.append(["together", *map(_show, together)])
    sums = [value for value in known.values() if value is not None]
    published = [sum(sums) if len(sums) == len(known) else None, *known.values(), None, None]
    rows.append(["published", *map(_show, published)])
    return [*align_columns(rows), f"({how})"]


def write_text(report: DatasetReport) -> str:
    """The report for a reader: where the files lie, counts beside the published ones, frames, findings."""
    title = report.published.title
    lines = [f"{report.root}: {report.place}", ""]
    lines.append(
        f"This is {title} by its numbers; 'published' are the published numbers of {title}."
        if report.genuine
        else f"This is another data set than {title}; 'published' are the published numbers of {title}, for"
        " comparison only."
    )
    for split in report.splits:
        lines.append("")
        if split.counts is None:
            lines.append(f"{split.split}: not counted, because of the errors below")
        else:
            lines += _count_table(split, split.counts)
    lines += ["", *_frame_lines(report), ""]
    lines += [str(finding) for finding in report.findings]
    lines.append(f"{report.errors} errors, {report.warnings} warnings")
    return "\n".join(lines)
