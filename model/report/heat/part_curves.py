"""How much each body part and exponent count over the frames of a clip, α of eq 12 (figure 3), and the parts' masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.skeleton import PARTS
from model.report.charts import Axes, Chart, ChartGroup, ChartSection, Line, line_chart
from model.report.heat.explained_clips import clip_label, mask_layers, part_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.report.heat.explanations import ClipExplanation

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
_INTRO = (
    f"Figure 3 of the paper: {ALPHA} of eq 12, the mean over the channels: how much of the feature of frame t comes"
    " from the map pooled with exponent p, as each body part asks for. Low p looks at the whole map, high p at its"
    " peaks."
)
_ALONE = " The exponents of a part add up to 1; equal curves mean that the part changes nothing."
_TOGETHER = (
    f" With pool_parts each part pools the cells near its own joints, and {ALPHA} adds up to 1 over all parts and"
    f" exponents together: a part's share is the sum of its exponents, {1 / len(PARTS):.3f} where all count alike, and"
    " 0 for a part of which no joint is seen while others are. Below the curves: the cells that each part pools, most"
    " opaque where its mask is largest."
)


def part_section(explained: Sequence[ClipExplanation], why: str) -> ChartSection:
    """Charts of each clip, and the masks of its parts where it has some; `why` there is none where nothing was
    explained.
    """
    title = "Body-part contributions over time"
    if not explained:
        return ChartSection("parts", title, _INTRO, remarks=(why,))
    groups = []
    for clip in explained:
        if clip.contributions is None:
            sentence = "This run is without sequence guidance: its body parts weigh nothing."
            return ChartSection("parts", title, _INTRO, remarks=(sentence,))
        charts = _part_charts(clip, clip.contributions)
        if clip.masks is not None:
            charts = (_share_chart(clip, clip.contributions.sum(axis=2)), *charts)
        groups.append(ChartGroup(clip_label(clip), charts, mask_layers(clip)))
    intro = _INTRO + (_ALONE if explained[0].masks is None else _TOGETHER)
    return ChartSection("parts", title, intro, tuple(groups), "clip")


def _share_chart(clip: ClipExplanation, shares: NDArray[np.float32]) -> Chart:
    """shares: (T, part), sums to 1 over the parts."""
    frames = _frame_numbers(shares)
    lines = [Line(part_title(part), frames, tuple(shares[:, n].tolist())) for n, part in enumerate(PARTS)]
    mean = shares.mean(axis=0)
    most, least = int(mean.argmax()), int(mean.argmin())
    names = [part.replace("_", " ") for part in PARTS]
    summary = (
        f"over {len(frames)} frames the {names[most]} counts most, {mean[most]:.3f} in the mean, and the"
        f" {names[least]} least, {mean[least]:.3f}."
    )
    axes = Axes("frame of the clip", f"sum of {ALPHA}", "frame", y_range=_with_room(shares))
    return line_chart(f"part-{clip.number}-shares", "Share of each part", lines, axes, summary, digits=4)


def _part_charts(clip: ClipExplanation, contributions: NDArray[np.float32]) -> tuple[Chart, ...]:
    """contributions: (T, part, exponent)."""
    frames = _frame_numbers(contributions)
    charts = []
    for number, part in enumerate(PARTS):
        values = contributions[:, number]
        lines = [Line(f"p = {p:g}", frames, tuple(values[:, place].tolist())) for place, p in enumerate(clip.exponents)]
        top = int(values.mean(axis=0).argmax())
        summary = (
            f"{part.replace('_', ' ')}: over {len(frames)} frames p = {clip.exponents[top]:g} counts most,"
            f" {values[:, top].mean():.3f} in the mean, from {values[:, top].min():.3f} to {values[:, top].max():.3f}."
        )
        axes = Axes("frame of the clip", ALPHA, "frame", y_range=_with_room(contributions))
        charts.append(line_chart(f"part-{clip.number}-{part}", part_title(part), lines, axes, summary, digits=4))
    return tuple(charts)


def _frame_numbers(values: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(float(t) for t in range(1, len(values) + 1))


def _with_room(values: NDArray[np.float32]) -> tuple[float, float]:
    """The range of an axis on which all of `values` can be seen, the same for charts of the same values."""
    low, high = float(values.min()), float(values.max())
    room = max(0.05 * (high - low), 0.005)
    return low - room, high + room
