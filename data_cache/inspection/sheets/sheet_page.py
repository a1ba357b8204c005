"""Pages of tiles: the figure of a contact sheet, laid out in inches from the top (matplotlib's Agg, no window)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.inspection.sheets.frame_tile import INK, QUIET, draw_tile
from data_cache.inspection.sheets.score_histograms import MODALITY_COLOURS, RULE
from data_cache.inspection.sheets.skeleton_drawing import FADED, OUTLINE, SIDE_COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from data_cache.inspection.sheets.frame_tile import Tile

MARGIN, GAP, BLOCK_GAP = 0.45, 0.09, 0.4
TILE_WIDTH, CAPTION = 1.14, 0.42
HEADER, HEADING, PANEL = 1.25, 0.62, 1.75
DPI = 110


@dataclass(frozen=True, eq=False)
class Block:
    """Tiles that belong together, `columns` beside each other, under a small heading."""

    heading: str
    tiles: Sequence[Tile]
    columns: int

    @property
    def rows(self) -> int:
        """Rows of tiles that the block takes."""
        return -(-len(self.tiles) // self.columns)

    @property
    def width(self) -> float:
        """Width in inches."""
        return self.columns * (TILE_WIDTH + GAP) - GAP


@dataclass(frozen=True, eq=False)
class Band:
    """One modality's part of a page: its name, a sentence, and blocks beside each other."""

    modality: str
    sentence: str
    blocks: Sequence[Block]
    tile_height: float = field(init=False)

    def __post_init__(self) -> None:
        tall = [tile.image.shape[0] / tile.image.shape[1] for tile in self.tiles if tile.image is not None]
        shape = float(np.clip(np.median(tall), 1.2, 2.6)) if tall else 2.0
        object.__setattr__(self, "tile_height", TILE_WIDTH * shape)

    @property
    def tiles(self) -> list[Tile]:
        """The tiles of all blocks."""
        return [tile for block in self.blocks for tile in block.tiles]

    @property
    def height(self) -> float:
        """Height in inches, heading included."""
        rows = max((block.rows for block in self.blocks), default=0)
        return HEADING + rows * (self.tile_height + CAPTION)

    @property
    def width(self) -> float:
        """Width in inches."""
        return sum(block.width for block in self.blocks) + BLOCK_GAP * (len(self.blocks) - 1)


class Page:
    """A figure whose contents are placed in inches, `x` from the left and `y` from the top."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure: Figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Add axes with their upper left corner at x, y."""
        bottom = self.height - y - height
        rect = (x / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(rect)

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write `text` with its upper left corner at x, y (or as `ha`, `va` say)."""
        settings: dict[str, Any] = {"va": "top", "ha": "left", "color": INK, "parse_math": False, **style}
        self.figure.text(x / self.width, 1 - y / self.height, text, **settings)

    def rule(self, y: float) -> None:
        """Draw a thin line across the page."""
        axes = self.axes(MARGIN, y, self.width - 2 * MARGIN, 0.01)
        axes.set_facecolor(RULE)
        axes.set_axis_off()
        axes.axhline(0, color=RULE, linewidth=1)


def shorten(text: str, length: int) -> str:
    """Return `text` with its middle left out when it is longer than `length` characters."""
    if len(text) <= length:
        return text
    tail = (length - 1) * 2 // 3
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def draw_header(page: Page, title: str, lines: Sequence[str], min_score: float) -> None:
    """Write the page's title, up to two lines under it, and the legend of the skeletons at the right."""
    # About eleven characters an inch at this size; the legend needs four inches.
    room = int((page.width - 2 * MARGIN - 4.0) * 11)
    page.text(MARGIN, 0.32, shorten(title, max(room * 10 // 17, 24)), fontsize=15, fontweight="bold")
    for number, line in enumerate(lines):
        page.text(MARGIN, 0.66 + 0.19 * number, shorten(line, max(room, 40)), fontsize=8.5, color=QUIET)
    _draw_legend(page, min_score)


def _draw_legend(page: Page, min_score: float) -> None:
    axes = page.axes(page.width - MARGIN - 3.7, 0.3, 3.7, 0.5)
    axes.set_axis_off()
    axes.set_xlim(0, 3.7)
    axes.set_ylim(0.5, 0)
    for number, (side, label) in enumerate((("left", "left limbs"), ("right", "right limbs"), ("middle", "across"))):
        x = 0.1 + 1.2 * number
        axes.plot([x, x + 0.28], [0.12, 0.12], color=OUTLINE, linewidth=4, alpha=0.55, solid_capstyle="round")
        axes.plot([x, x + 0.28], [0.12, 0.12], color=SIDE_COLOURS[side], linewidth=2.2, solid_capstyle="round")
        axes.text(x + 0.38, 0.12, label, fontsize=8, va="center", color=INK)
    axes.plot([0.1, 0.38], [0.38, 0.38], color=QUIET, linewidth=1.8, alpha=FADED, linestyle=(0, (1.6, 1.2)))
    axes.plot([0.24], [0.38], marker="o", markersize=4.5, markerfacecolor="white", markeredgecolor=QUIET)
    axes.text(0.48, 0.38, f"faded: score under {min_score:g}, not seen", fontsize=8, va="center", color=INK)


def draw_band(page: Page, band: Band, y: float, min_score: float) -> float:
    """Draw `band` with its upper edge at `y`; return where it ends."""
    colour = MODALITY_COLOURS[band.modality]
    page.text(MARGIN, y + 0.04, band.modality, fontsize=12, fontweight="bold", color=colour)
    page.text(MARGIN + 0.95, y + 0.075, band.sentence, fontsize=8.5, color=QUIET)
    x = MARGIN
    for block in band.blocks:
        page.text(x, y + 0.36, block.heading, fontsize=8, color=QUIET, style="italic")
        for number, tile in enumerate(block.tiles):
            row, column = divmod(number, block.columns)
            left = x + column * (TILE_WIDTH + GAP)
            top = y + HEADING + row * (band.tile_height + CAPTION)
            draw_tile(page.axes(left, top, TILE_WIDTH, band.tile_height), tile, min_score, limb_width=1.7)
        x += block.width + BLOCK_GAP
    return y + band.height
