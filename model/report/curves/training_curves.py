"""Losses by name and the learning rate over the epochs, from the tables that training wrote through DVCLive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.report.charts import Axes, Chart, ChartGroup, ChartSection, Line, line_chart

if TYPE_CHECKING:
    from pathlib import Path

TABLES = "live/plots/metrics"
_MAX_BYTES = 1 << 24  # of one table: half a million epochs
TITLES = {
    "loss/total": "Total loss, weighted",
    "loss/id_frame": "Identity, frame features (L_id)",
    "loss/id_clip": "Identity, clip features (L_id)",
    "loss/triplet": "Triplet on clip features (L_tri)",
    "loss/kl": "Skeleton consistency (L_KL, eq 14)",
    "loss/sad": "Style disturbance (L_SAD)",
    "learning_rate": "Learning rate",
}


@dataclass(frozen=True)
class Curve:
    """A figure of each epoch: epoch (epoch,) from 1, value (epoch,)."""

    epoch: tuple[float, ...]
    value: tuple[float, ...]


def read_curves(folder: Path) -> dict[str, Curve]:
    """The losses and the learning rate of a run's folder: those of `TITLES` first, other losses after them.

    Raises ValueError naming the file for a table that is not DVCLive's.
    """
    tables = folder / TABLES
    others = sorted(f"loss/{path.stem}" for path in tables.glob("loss/*.tsv"))
    return {
        name: read_curve(path)
        for name in dict.fromkeys((*TITLES, *others))
        if (path := tables / f"{name}.tsv").is_file()
    }


def read_curve(path: Path) -> Curve:
    """One of DVCLive's tables: a column `step` from 0, and one with the figure's own name."""
    remedy = "train the run again, or remove the file"
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path}: expected at most {_MAX_BYTES} bytes, got {path.stat().st_size}; {remedy}")
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        names = header.split("\t")
        step, value = names.index("step"), names.index(path.stem)
        rows = [line.split("\t") for line in lines]
        epochs = tuple(float(int(row[step])) + 1 for row in rows)
        return Curve(epochs, tuple(float(row[value]) for row in rows))
    except (ValueError, IndexError, OverflowError) as error:
        raise ValueError(
            f"{path}: expected DVCLive's table with the columns step and {path.stem}, got something else ({error});"
            f" {remedy}"
        ) from None


def curves_section(folder: Path, other: Path | None) -> ChartSection:
    """A chart for each loss and the learning rate; `other` is the folder of the run compared with."""
    own, theirs, left_out = read_curves(folder), dict[str, Curve](), ""
    if other is not None:
        try:
            theirs = read_curves(other)
        except (ValueError, OSError) as error:
            left_out = f"Left out: {error}."
    charts = tuple(_curve_chart(name, own, theirs, other.name if other is not None else "") for name in own)
    remarks = () if charts else (f"Training left no tables in {TABLES}: train the run with `star train`.",)
    return ChartSection(
        "training",
        "Losses and learning rate",
        "The mean of every epoch: the total with the weights of the losses, each loss without, as training logged it.",
        (ChartGroup("all", charts),) if charts else (),
        remarks=(*remarks, *filter(None, (left_out,))),
    )


def _curve_chart(name: str, own: dict[str, Curve], theirs: dict[str, Curve], other: str) -> Chart:
    title = TITLES.get(name, name)
    lines = [Line("this run", own[name].epoch, own[name].value)]
    if name in theirs:
        lines.append(Line(other, theirs[name].epoch, theirs[name].value, other=True))
    axes = Axes("epoch", "learning rate" if name == "learning_rate" else "loss", "epoch")
    return line_chart(f"curve-{name.replace('/', '-')}", title, lines, axes, _summary(title, lines))


def _summary(title: str, lines: list[Line]) -> str:
    parts = []
    for line in lines:
        values = [value for value in line.y if math.isfinite(value)]
        if values:
            span = f"from {values[0]:.4g} to {values[-1]:.4g} in {len(line.y)} epochs"
            parts.append(f"{line.label} {span}, lowest {min(values):.4g}")
        if len(values) < len(line.y):
            parts.append(f"{len(line.y) - len(values)} epochs of {line.label} not finite")
    return f"{title}: {'; '.join(parts) or 'no epoch'}."
