"""Scores of one tracklet as a map: a row a joint, a column a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.skeleton import JOINTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

INK, QUIET = "#1b2733", "#6b7785"


def draw_score_map(axes: Axes, legend: Axes, score: NDArray[np.float32], first_row: int, min_score: float) -> None:
    """Draw `score` (frame, joint) float32 into `axes` and its colour scale into `legend`.

    Frames without scores (NaN) stay grey; joints under `min_score` carry a cross. `first_row` labels the frames.
    """
    from matplotlib.ticker import MaxNLocator

    frames = len(score)
    axes.set_facecolor("#e3e7eb")
    extent = (first_row - 0.5, first_row + frames - 0.5, len(JOINTS) - 0.5, -0.5)
    image = axes.imshow(score.T, cmap="viridis", vmin=0, vmax=1, aspect="auto", extent=extent, interpolation="nearest")
    frame, joint = np.nonzero(score < np.float32(min_score))
    axes.plot(frame + first_row, joint, linestyle="", marker="x", markersize=3.5, color="white", markeredgewidth=0.9)
    axes.set_yticks(range(len(JOINTS)), [name.replace("_", " ") for name in JOINTS], fontsize=7, color=INK)
    axes.tick_params(axis="both", length=0, labelsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("row of the frame", fontsize=8, color=QUIET)
    axes.figure.colorbar(image, cax=legend)
    legend.tick_params(labelsize=7, length=2)
    legend.axhline(min_score, color="white", linewidth=1.2)
    for spine in (*axes.spines.values(), *legend.spines.values()):
        spine.set_visible(False)
