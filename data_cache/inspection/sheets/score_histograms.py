"""Score histograms: one small panel per part of the body, visible and infrared over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.skeleton import PARTS, part_mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

# Green and purple stay apart with colour blindness, and from the orange and blue of the limbs.
MODALITY_COLOURS = {"visible": "#1b8a5a", "infrared": "#8a3ea8"}
BIN_EDGES = np.linspace(0.0, 1.0, 21)
INK, QUIET, RULE = "#1b2733", "#6b7785", "#d5dbe1"


def part_histograms(score: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return for each part the share of its joints' scores per bin of `BIN_EDGES`: (part, bin) float64.

    score: (frame, joint) float32 without NaN; values outside 0…1 count in the outer bins. Zeros without frames.
    """
    clipped = np.clip(score, 0.0, 1.0)
    counts = [np.histogram(clipped[:, mask], BIN_EDGES)[0] for mask in part_mask()]
    joints = part_mask().sum(axis=1) * max(len(score), 1)
    shares: NDArray[np.float64] = np.array(counts) / joints[:, None]
    return shares


def seen_part_share(score: NDArray[np.float32], min_score: float) -> NDArray[np.float64]:
    """Return for each part the share of its joints with score >= min_score: (part,) float64; NaN without frames."""
    if len(score) == 0:
        return np.full(len(PARTS), np.nan)
    seen = (score >= np.float32(min_score)).mean(axis=0)
    mask = part_mask()
    share: NDArray[np.float64] = mask @ seen / mask.sum(axis=1)
    return share


def draw_histograms(panels: Sequence[Axes], scores: Mapping[str, NDArray[np.float32]], min_score: float) -> None:
    """Draw into six `panels`, one a part, what `scores` (modality name → (frame, joint) float32) look like."""
    shares = {name: part_histograms(score) for name, score in scores.items()}
    seen = {name: seen_part_share(score, min_score) for name, score in scores.items()}
    top = max((float(share.max()) for share in shares.values()), default=0.0) or 1.0
    for number, (part, axes) in enumerate(zip(PARTS, panels, strict=True)):
        for name, share in shares.items():
            axes.stairs(share[number], BIN_EDGES, fill=True, color=MODALITY_COLOURS[name], alpha=0.16)
            axes.stairs(share[number], BIN_EDGES, color=MODALITY_COLOURS[name], linewidth=1.5)
        axes.axvline(min_score, ymax=0.72, color=QUIET, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.set_title(part.replace("_", " "), fontsize=9, color=INK, loc="left", pad=4)
        _note_shares(axes, {name: float(share[number]) for name, share in seen.items()})
        _style(axes, top, first=number == 0)


def _note_shares(axes: Axes, seen: Mapping[str, float]) -> None:
    for line, (name, share) in enumerate(seen.items()):
        axes.text(
            0.04,
            0.94 - 0.11 * line,
            f"{name} {share:.1%} seen",
            transform=axes.transAxes,
            fontsize=7,
            va="top",
            color=MODALITY_COLOURS[name],
        )


def _style(axes: Axes, top: float, *, first: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    # Head-room for the two lines of text.
    axes.set_ylim(0, top * 1.42)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"], fontsize=7)
    axes.tick_params(axis="y", labelsize=7, labelleft=first, color=RULE)
    axes.tick_params(axis="x", color=RULE)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel("score", fontsize=7, color=QUIET, labelpad=2)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(RULE)
