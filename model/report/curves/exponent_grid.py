"""mAP over how many pooling exponents lie below and above 1 (figure 6), from runs that differ in nothing else."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from model.report.charts import Chart, ChartGroup, ChartSection, Grid, Table, heat_chart
from model.retrieval.ranking import DIRECTIONS
from model.run.differing_keys import differing_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.report.reported_run import ReportedRun
    from model.report.results.result_rows import OtherRun

_INTRO = (
    "Figure 6 of the paper: the mAP by how many exponents p of eq 11 lie below and above 1, over the runs that equal"
    " this one in everything else. Where several runs share a cell the best is drawn."
)


def exponent_runs(run: ReportedRun, others: Sequence[OtherRun]) -> list[OtherRun]:
    """The runs that equal `run` in every setting but its name and the exponents, tested alike; itself among them."""
    wanted = asdict(run.trained)
    found = []
    for other in others:
        differing = differing_keys(wanted, asdict(other.trained))
        alike = all(other.protocol.get(key) == run.protocol.get(key) for key in ("tracks", "frames", "min_frames"))
        if alike and not set(differing) - {"name", "root", "model.exponents"}:
            found.append(other)
    return found


def exponent_section(run: ReportedRun, others: Sequence[OtherRun], command: str) -> ChartSection:
    """A grid for each direction, and every run with its exponents; `command` trains another one."""
    found = exponent_runs(run, others)
    if not run.trained.model.sequence_guidance:
        sentence = "This run is without sequence guidance, so its features do not depend on the exponents of eq 11."
        return ChartSection("exponents", "Pooling exponents", _INTRO, remarks=(sentence,))
    if len({other.trained.model.exponents for other in found}) < 2:
        sentence = f"No other run differs from this one in its exponents only. To make one, then evaluate it: {command}"
        return ChartSection("exponents", "Pooling exponents", _INTRO, remarks=(sentence,))
    charts = tuple(_exponent_chart(direction, found) for direction in DIRECTIONS)
    return ChartSection("exponents", "Pooling exponents", _INTRO, (ChartGroup("both directions", charts),))


def exponent_table(others: Sequence[OtherRun], direction: str) -> Table:
    """Every run with its exponents and its mAP in percent, the best first."""
    rows = [
        (
            other.name,
            ", ".join(f"{p:g}" for p in other.trained.model.exponents),
            str(sum(p < 1 for p in other.trained.model.exponents)),
            str(sum(p > 1 for p in other.trained.model.exponents)),
            f"{100 * other.metrics[direction]['mAP']:.2f}",
        )
        for other in sorted(others, key=lambda one: (-one.metrics[direction]["mAP"], one.name))
    ]
    words = direction.replace("_to_", " → ")
    return Table(
        f"Runs by exponents, mAP in percent, {words}", ("run", "exponents", "below 1", "above 1", "mAP"), tuple(rows)
    )


def _exponent_chart(direction: str, others: Sequence[OtherRun]) -> Chart:
    best: dict[tuple[int, int], float] = {}
    for other in others:
        exponents = other.trained.model.exponents
        cell = sum(p < 1 for p in exponents), sum(p > 1 for p in exponents)
        best[cell] = max(best.get(cell, 0.0), 100 * other.metrics[direction]["mAP"])
    below, above = (list(range(max(cell[axis] for cell in best) + 1)) for axis in (0, 1))
    values = np.array([[best.get((row, column), np.nan) for column in above] for row in below])
    title = f"mAP by exponents, {direction.replace('_to_', ' → ')}"
    top = max(best, key=lambda cell: (best[cell], cell))
    summary = f"{title}: highest {best[top]:.2f} % with {top[0]} below and {top[1]} above 1, of {len(best)} cells."
    grid = Grid(
        tuple(map(str, below)), tuple(map(str, above)), values, "exponents below 1", "exponents above 1", "mAP in %"
    )
    chart = heat_chart(f"exponents-{direction}", title, grid, summary)
    table = exponent_table(others, direction)
    return Chart(chart.name, chart.title, chart.summary, chart.figure, table, chart.height + 80)
