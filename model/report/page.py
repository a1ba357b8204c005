"""The report as one HTML file that opens offline: template, styles, scripts and plotly's library, all in it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.report.charts import ChartSection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

    from model.report.charts import Chart, Table
    from model.report.galleries.ranked_galleries import QueryList
    from model.report.heat.explained_clips import LayeredClip

PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True)
class ResultSection:
    """The tables of section `results`.

    own:        this run; runs: all of the data set; remarks: what to know of them
    published:  methods and ablation; comparable: they were measured on this data set
    """

    own: Table
    runs: Table
    published: tuple[Table, ...]
    comparable: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class HeatSection:
    """Heat maps of one or two runs on the same clips, or what to do to have some."""

    clips: tuple[LayeredClip, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class ReportPage:
    """Everything the page shows.

    facts:    what the head says of the run, name → value
    notices:  sentences that must not be missed
    charts:   the sections made of charts, by name
    settings: tables of settings and provenance
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]
    results: ResultSection
    galleries: tuple[QueryList, ...]
    heat: HeatSection
    charts: dict[str, ChartSection]
    settings: tuple[Table, ...]


def render_page(page: ReportPage) -> str:
    """The whole HTML text; the same for the same page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["coded"] = coded
    scripts = [get_plotlyjs(), (PAGE / "report.js").read_text(encoding="utf-8")]
    for script in scripts:
        assert "</script" not in script.lower() and "<!--" not in script, "it would end the element that holds it"
    figures = {chart.name: {**chart.figure, "height": chart.height} for chart in _all_charts(page.charts.values())}
    text: str = environment.get_template("report.html").render(
        page=page,
        style=(PAGE / "report.css").read_text(encoding="utf-8"),
        scripts=scripts,
        policy=security_policy(scripts),
        figures=embedded_json(figures),
    )
    return text


def _all_charts(sections: Iterable[ChartSection]) -> list[Chart]:
    return [chart for section in sections for chart in section.charts]


def coded(sentence: str) -> Markup:
    """A sentence as HTML in which what stands between backticks is code."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in sentence.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts)
    )


def security_policy(scripts: Sequence[str]) -> str:
    """The page's Content-Security-Policy: nothing from anywhere, and only these scripts run."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )


def embedded_json(value: Any) -> str:
    """JSON that may stand inside a script element: no character of it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
