"""CMC curves of both directions: the share of the queries that found their person at rank r or before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from command_line.text_table import percent
from model.report.charts import Axes, ChartGroup, ChartSection, Line, line_chart
from model.retrieval.metrics import cumulative_matches
from model.retrieval.ranking import DIRECTIONS

if TYPE_CHECKING:
    from model.report.reported_run import ReportedRun

LAST_RANK = 50


def match_section(run: ReportedRun, baseline: ReportedRun | None) -> ChartSection:
    """A chart for each direction, with the baseline where there is one."""
    charts = []
    for direction in DIRECTIONS:
        runs = [("this run", run)] + ([(baseline.name, baseline)] if baseline is not None else [])
        last = min(LAST_RANK, len(run.sides(direction)[1]))
        ranks = range(1, last + 1)
        lines = [
            Line(label, tuple(map(float, ranks)), tuple(cumulative_matches(one.hits[direction], ranks).tolist()), i > 0)
            for i, (label, one) in enumerate(runs)
        ]
        title = f"CMC, {direction.replace('_to_', ' → ')}"
        parts = [f"{line.label} {percent(line.y[0])} at rank 1, {percent(line.y[-1])} at rank {last}" for line in lines]
        low = min(line.y[0] for line in lines)
        axes = Axes("rank", "queries matched", "rank", ".0%", (max(0.0, low - 0.05) if low > 0.5 else 0.0, 1.004))
        chart = line_chart(f"cmc-{direction}", title, lines, axes, f"{title}: {'; '.join(parts)}.", digits=4)
        chart.figure["layout"]["xaxis"]["range"] = [0.5, last + 0.5]  # there is no rank 0
        charts.append(chart)
    return ChartSection(
        "cmc",
        "CMC curves",
        "Share of the queries whose person stands at rank r or before, over the queries with a match in the gallery;"
        " gallery tracks of the query's own camera are left out for its person.",
        (ChartGroup("both directions", tuple(charts)),),
    )
