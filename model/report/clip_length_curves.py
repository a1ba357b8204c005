"""mAP against the length of a clip (figure 5), from evaluations of the same checkpoint with other T."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_cache.text_table import percent
from model.evaluation.evaluation import METRICS
from model.evaluation.results import read_results
from model.ranking import DIRECTIONS
from model.report.charts import Axes, Chart, ChartGroup, ChartSection, Line, line_chart

if TYPE_CHECKING:
    from model.evaluation.results import Results
    from model.report.reported_run import ReportedRun


def length_results(run: ReportedRun) -> tuple[dict[int, dict[str, dict[str, float]]], list[str]]:
    """T → direction → figures of the reported checkpoint, and a sentence for each file of another one.

    Its own results, `clip_lengths.json` and `protocols/frames-*`, the rest of the protocol being the run's own.
    Raises ValueError for a file that is damaged.
    """
    found = {int(run.protocol["frames"]): run.results.metrics}
    stale = []
    for path in sorted(run.folder.glob(f"protocols/frames-*/{METRICS}")):
        results = read_results(path)
        if not _is_only_longer(run, results):
            continue
        if _sha256(results) != _sha256(run.results):
            stale.append(f"{path} is of another checkpoint and left out; evaluate it again.")
            continue
        found[int(results.provenance["protocol"]["frames"])] = results.metrics
    return dict(sorted(found.items())), stale


def _sha256(results: Results) -> object:
    return results.provenance["checkpoint"].get("sha256")


def _is_only_longer(run: ReportedRun, results: Results) -> bool:
    """Whether nothing but T differs from the run's own protocol."""
    protocol = results.provenance["protocol"]
    return all(protocol.get(key) == run.protocol.get(key) for key in ("dataset", "split", "clips", "min_frames"))


def length_section(run: ReportedRun, baseline: ReportedRun | None, command: str) -> ChartSection:
    """A chart for each direction, with the baseline's curve and the gain between; `command` evaluates more lengths."""
    own, stale = length_results(run)
    theirs, more = length_results(baseline) if baseline is not None else ({}, [])
    section = ChartSection(
        "clip-length",
        "mAP against clip length",
        "Figure 5 of the paper: the same checkpoint tested with clips of other lengths. Longer clips see more of a"
        " track; the shaded area is what guidance gains over the baseline.",
        remarks=(*stale, *more),
    )
    if len(own) < 2:
        sentence = f"Evaluated with {next(iter(own))} frames only. For the curve: {command}"
        return ChartSection(section.name, section.title, section.intro, remarks=(*section.remarks, sentence))
    charts = tuple(_length_chart(direction, own, theirs) for direction in DIRECTIONS)
    return ChartSection(
        section.name, section.title, section.intro, (ChartGroup("both directions", charts),), remarks=section.remarks
    )


def _length_chart(
    direction: str, own: dict[int, dict[str, dict[str, float]]], theirs: dict[int, dict[str, dict[str, float]]]
) -> Chart:
    lines = [
        Line(
            label,
            tuple(float(frames) for frames in results),
            tuple(figures[direction]["mAP"] for figures in results.values()),
            other,
        )
        for label, results, other in (("this run", own, False), ("baseline", theirs, True))
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
    if len(lines) == 2 and lines[0].x == lines[1].x:
        lines_drawn = chart.figure["data"]
        chart.figure["data"] = [lines_drawn[1], {**lines_drawn[0], "fill": "tonexty"}]
    return chart
