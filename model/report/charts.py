"""Charts and tables as values: what plotly draws in the page, and the same figures as text beside it.

A figure is plotly's own JSON (`data` and `layout`, see plotly.com/javascript/reference) without colours: the page
gives it those of the reader's theme, so every chart uses the same colour for the same run.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.report.heat.explained_clips import LayeredClip

NOTHING = "-"


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption.

    rows:   the first cell of a row names it
    marked: the rows that the eye should find
    groups: headings over the columns, each with the number of columns that it spans
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    groups: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        if self.groups and sum(span for _, span in self.groups) != len(self.head):
            raise ValueError(f"{self.caption}: expected groups over {len(self.head)} columns, got {self.groups}")
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"{self.caption}: expected rows of {len(self.head)} cells, got {len(row)}: {row}")


@dataclass(frozen=True, eq=False)
class Chart:
    """One chart.

    name:    its id in the page; title: what is drawn
    summary: the chart in a sentence, for those who do not see it
    figure:  plotly's `data` and `layout`
    table:   the figures drawn, as text
    height:  CSS pixels
    """

    name: str
    title: str
    summary: str
    figure: dict[str, Any]
    table: Table
    height: int = 300


@dataclass(frozen=True)
class ChartGroup:
    """Charts that are looked at together; of several groups the reader chooses one by its label.

    layers: a clip with pictures over its frames, below the charts
    """

    label: str
    charts: tuple[Chart, ...]
    layers: LayeredClip | None = None


@dataclass(frozen=True)
class ChartSection:
    """A section of the report that is made of charts.

    intro:   sentences that say what is drawn and how to read it
    groups:  none where there is nothing to draw
    choice:  what the reader chooses a group by
    remarks: sentences after the charts; where there is nothing to draw, what to do about it
    """

    name: str
    title: str
    intro: str
    groups: tuple[ChartGroup, ...] = ()
    choice: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Those of all groups."""
        return tuple(chart for group in self.groups for chart in group.charts)


@dataclass(frozen=True)
class Line:
    """A named curve; `other` draws it dashed, as that of the run compared with."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    other: bool = False

    def figure(self, colour: int) -> dict[str, Any]:
        """The trace, in the page's colour of that number."""
        return {
            "type": "scatter",
            "mode": "lines+markers" if len(self.x) <= 30 else "lines",
            "name": html.escape(self.label, quote=False),  # plotly reads markup in names
            "meta": {"colour": colour},
            "x": list(self.x),
            "y": numbers(self.y),
            "line": {"dash": "dash" if self.other else "solid", "width": 2},
            "marker": {"size": 5, "symbol": "diamond-open" if self.other else "circle"},
        }


@dataclass(frozen=True)
class Axes:
    """Titles and ranges of a line chart; `x_name` heads the table's first column."""

    x: str
    y: str
    x_name: str
    y_format: str = ""
    y_range: tuple[float, float] | None = None
    whole_x: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    def layout(self) -> dict[str, Any]:
        """Plotly's layout."""
        y: dict[str, Any] = {"title": {"text": self.y, "standoff": 8}, "automargin": True}
        if self.y_format:
            y["tickformat"] = self.y_format
        if self.y_range is not None:
            y["range"] = list(self.y_range)
        x: dict[str, Any] = {"title": {"text": self.x, "standoff": 6}, "automargin": True}
        if self.whole_x:
            x["tickformat"] = "d"
        return {"xaxis": x, "yaxis": y, **self.extra}


def line_chart(
    name: str, title: str, lines: Sequence[Line], axes: Axes, summary: str, digits: int | None = None
) -> Chart:
    """Curves over one axis; the table has a column a curve, with `digits` decimals (4 significant ones without)."""
    places = sorted({place for line in lines for place in line.x})
    columns = [dict(zip(line.x, line.y, strict=True)) for line in lines]
    rows = tuple(
        (f"{place:g}", *(as_text(column.get(place, math.nan), digits) for column in columns)) for place in places
    )
    table = Table(title, (axes.x_name, *(line.label for line in lines)), rows)
    layout = {**axes.layout(), "showlegend": len(lines) > 1}
    traces = [line.figure(number) for number, line in enumerate(lines)]
    return Chart(name, title, summary, {"data": traces, "layout": layout}, table)


@dataclass(frozen=True, eq=False)
class Grid:
    """Values over two axes of names: values (row, column) float64, NaN where there is none.

    named_rows: the rows say what they are, so that their axis needs no title
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    row_title: str
    column_title: str
    unit: str
    named_rows: bool = False
    range: tuple[float, float] | None = None


def heat_chart(name: str, title: str, grid: Grid, summary: str, digits: int = 2) -> Chart:
    """A grid of coloured cells, the first row at the top; the table has the same rows and columns."""
    cells = [numbers(row) for row in grid.values.tolist()]
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": list(grid.columns),
        "y": list(grid.rows),
        "z": cells,
        "colorscale": "Viridis",
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 12, "title": {"text": grid.unit, "side": "right"}},
    }
    if grid.range is not None:
        trace["zmin"], trace["zmax"] = grid.range
    if grid.values.size <= 40:
        trace["texttemplate"] = f"%{{z:.{digits}f}}"
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": grid.column_title, "standoff": 6}, "type": "category", "automargin": True},
        "yaxis": {"type": "category", "automargin": True, "autorange": "reversed"},
    }
    if not grid.named_rows:
        layout["yaxis"]["title"] = {"text": grid.row_title, "standoff": 8}
    rows = tuple(
        (row, *(as_text(value, digits) for value in values))
        for row, values in zip(grid.rows, grid.values.tolist(), strict=True)
    )
    table = Table(title, (grid.row_title, *grid.columns), rows)
    return Chart(name, title, summary, {"data": [trace], "layout": layout}, table, height=120 + 24 * len(grid.rows))


def numbers(values: Sequence[float]) -> list[float | None]:
    """Plain numbers for JSON, which has no NaN and no infinity: None for those."""
    return [value if math.isfinite(value) else None for value in values]


def as_text(value: float, digits: int | None) -> str:
    """A number with fixed decimals, or four significant digits; a dash where there is none."""
    if not math.isfinite(value):
        return NOTHING
    return f"{value:.4g}" if digits is None else f"{value:.{digits}f}"
