"""mAP against the length of a clip (figure 5), from evaluations of the same checkpoint with other T."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from command_line.text_table import percent
from model.evaluation.clip_lengths import read_clip_lengths
from model.evaluation.evaluation import METRICS
from model.evaluation.results import read_results
from model.report.charts import Axes, Chart, ChartGroup, ChartSection, Line, line_chart
from model.retrieval.ranking import DIRECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from model.report.reported_run import ReportedRun

Lengths = dict[int, dict[str, dict[str, float]]]  # T → direction → figure → fraction
LENGTHS = "clip_lengths.json"
_SAME = ("dataset", "split", "clips", "min_frames", "tracks")


def length_results(run: ReportedRun) -> tuple[Lengths, list[str]]:
    """T → direction → figures of the reported checkpoint, and a sentence for each file of another one.

    Its own results, `clip_lengths.json` and `protocols/frames-*`, the rest of the protocol being the run's own.
    Raises ValueError for a file that is damaged.
    """
    found = {int(run.protocol["frames"]): run.results.metrics}
    stale: list[str] = []
    for path in sorted(run.folder.glob(f"protocols/frames-*/{METRICS}")):
        results = read_results(path)
        if _is_only_longer(run, results.provenance):
            frames = int(results.provenance["protocol"]["frames"])
            _take(run, path, results.provenance, {frames: results.metrics}, found, stale)
    path = run.folder / LENGTHS
    if path.is_file():
        several = read_clip_lengths(path)
        if _is_only_longer(run, several.provenance):
            metrics = {length.frames: length.metrics for length in several.lengths}
            _take(run, path, several.provenance, metrics, found, stale)
    return dict(sorted(found.items())), stale


def _take(
    run: ReportedRun,
    path: Path,
    provenance: dict[str, Any],
    metrics: Lengths,
    found: Lengths,
    stale: list[str],
) -> None:
    """Put the figures of another file into `found`, or a sentence into `stale`; those found before stay."""
    if provenance["checkpoint"].get("sha256") != run.results.provenance["checkpoint"].get("sha256"):
        stale.append(f"{path} is of another checkpoint than {run.folder / METRICS} and left out; evaluate again.")
        return
    for frames, figures in metrics.items():
        found.setdefault(frames, figures)


def _is_only_longer(run: ReportedRun, provenance: dict[str, Any]) -> bool:
    """Whether nothing but T differs from the run's own protocol."""
    protocol = provenance["protocol"]
    return all(protocol.get(key) == run.protocol.get(key) for key in _SAME)


def length_section(run: ReportedRun, baseline: ReportedRun | None, command: str) -> ChartSection:
    """A chart for each direction, with the baseline's curve and the gain between; `command` evaluates more lengths."""
    own, stale = length_results(run)
    theirs, more = _their_lengths(baseline)
    section = ChartSection(
        "clip-length",
        "mAP against clip length",
        "Figure 5 of the paper: the same checkpoint tested with clips of other lengths. Longer clips see more of a"
        " track. Where both runs were tested with the same lengths, the area between their curves is shaded.",
        remarks=(*stale, *more),
    )
    if len(own) < 2:
        sentence = f"Evaluated with {next(iter(own))} frames only. For the curve: {command}"
        return ChartSection(section.name, section.title, section.intro, remarks=(*section.remarks, sentence))
    charts = tuple(
        _length_chart(direction, own, theirs, baseline.name if baseline is not None else "") for direction in DIRECTIONS
    )
    return ChartSection(
        section.name, section.title, section.intro, (ChartGroup("both directions", charts),), remarks=section.remarks
    )


def _their_lengths(baseline: ReportedRun | None) -> tuple[Lengths, list[str]]:
    """`length_results` of the run compared with; a damaged file of it is named and leaves its curve out."""
    try:
        return length_results(baseline) if baseline is not None else ({}, [])
    except (ValueError, OSError) as error:
        return {}, [f"Left out: {error}."]


def _length_chart(direction: str, own: Lengths, theirs: Lengths, name: str) -> Chart:
    lines = [
        Line(
            label,
            tuple(float(frames) for frames in results),
            tuple(figures[direction]["mAP"] for figures in results.values()),
            other,
        )
        for label, results, other in (("this run", own, False), (name, theirs, True))
        if results
    ]
    title = f"mAP against frames of a clip, {direction.replace('_to_', ' → ')}"
    parts = []
    for line in lines:
        best = max(range(len(line.x)), key=lambda place: line.y[place])
        parts.append(
            f"{line.label} {percent(line.y[0])} with {line.x[0]:g}, highest {percent(line.y[best])} with"
            f" {line.x[best]:g} frames"
        )
    axes = Axes("frames of a clip", "mAP", "frames", ".1%")
    chart = line_chart(f"length-{direction}", title, lines, axes, f"{title}: {'; '.join(parts)}.", digits=4)
    chart.figure["layout"]["xaxis"]["tickvals"] = sorted({place for line in lines for place in line.x})
    if len(lines) == 2 and lines[0].x == lines[1].x:
        lines_drawn = chart.figure["data"]
        chart.figure["data"] = [lines_drawn[1], {**lines_drawn[0], "fill": "tonexty"}]
    return chart
