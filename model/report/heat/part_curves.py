"""How much each pooling exponent counts for each body part over the frames of a clip: α of eq 12 (figure 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.skeleton import PARTS
from model.report.charts import Axes, Chart, ChartGroup, ChartSection, Line, line_chart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.report.heat.explanations import ClipExplanation

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
_INTRO = (
    f"Figure 3 of the paper: {ALPHA} of eq 12, the mean over the channels: how much of the feature of frame t comes"
    " from the map pooled with exponent p, as each body part asks for. The exponents of a part add up to 1; low p looks"
    " at the whole map, high p at its peaks. Equal curves mean that the part changes nothing."
)


def part_section(explained: Sequence[ClipExplanation], why: str) -> ChartSection:
    """A chart for each part of each clip; `why` there is none where nothing was explained."""
    title = "Body-part contributions over time"
    if not explained:
        return ChartSection("parts", title, _INTRO, remarks=(why,))
    groups = []
    for clip in explained:
        if clip.contributions is None:
            sentence = "This run is without sequence guidance: its body parts weigh nothing."
            return ChartSection("parts", title, _INTRO, remarks=(sentence,))
        modality = clip.modality.name.lower()
        label = f"person {clip.person}, camera {clip.camera}, {modality}, track {clip.number}"
        groups.append(ChartGroup(label, _part_charts(clip, clip.contributions)))
    return ChartSection("parts", title, _INTRO, tuple(groups), "clip")


def _part_charts(clip: ClipExplanation, contributions: NDArray[np.float32]) -> tuple[Chart, ...]:
    """contributions: (T, part, exponent)."""
    frames = tuple(float(t) for t in range(1, len(contributions) + 1))
    low, high = float(contributions.min()), float(contributions.max())
    room = max(0.05 * (high - low), 0.005)
    charts = []
    for number, part in enumerate(PARTS):
        values = contributions[:, number]
        lines = [Line(f"p = {p:g}", frames, tuple(values[:, place].tolist())) for place, p in enumerate(clip.exponents)]
        name = part.replace("_", " ")
        top = int(values.mean(axis=0).argmax())
        summary = (
            f"{name}: over {len(frames)} frames p = {clip.exponents[top]:g} counts most, {values[:, top].mean():.3f} in"
            f" the mean, from {values[:, top].min():.3f} to {values[:, top].max():.3f}."
        )
        axes = Axes("frame of the clip", ALPHA, "frame", y_range=(low - room, high + room))
        charts.append(line_chart(f"part-{clip.number}-{part}", name.capitalize(), lines, axes, summary, digits=4))
    return tuple(charts)
