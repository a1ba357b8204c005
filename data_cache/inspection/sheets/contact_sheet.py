"""Pictures of a keypoints file: a contact sheet of a whole split, or of one tracklet."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from command_line.text_table import amount, percent
from data_cache.contract.records import Modality, Status, count_persons
from data_cache.files.frame_images import read_image
from data_cache.files.published_file import publish_files
from data_cache.inspection.sheets.frame_choice import even_places, spread_rows, worst_rows
from data_cache.inspection.sheets.frame_tile import QUIET, Tile
from data_cache.inspection.sheets.score_histograms import draw_histograms
from data_cache.inspection.sheets.score_map import draw_score_map
from data_cache.inspection.sheets.sheet_page import (
    HEADER,
    MARGIN,
    PANEL,
    Band,
    Block,
    Page,
    draw_band,
    draw_header,
)
from data_cache.inspection.summary import SHOWN_MODALITIES, frame_modality
from data_cache.inspection.track_report import check_track

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader

SPREAD_COLUMNS, WORST_COLUMNS, ROWS = 9, 3, 2
TRACK_COLUMNS = 12
TRACK_TILES = 48
FOOTER = 0.35


@dataclass(frozen=True)
class SheetCount:
    """How many frames a sheet shows, and how many of them the file has keypoints of but the disk no picture."""

    shown: int
    absent: int


def plot_split(reader: CacheReader, root: Path, min_score: float, out: Path) -> SheetCount:
    """Draw frames of each modality, spread over the tracks and the worst-scored, and score histograms, to `out`.

    The same file gives the same choice. Frames that are not under `root` become placeholders and are counted.
    Raises ValueError for a file that is no keypoints file, a path that leaves `root`, or a root with none of the
    frames; OSError where `out` cannot be written.
    """
    _require_keypoints(reader)
    modality = frame_modality(reader.tracks, reader.frames)
    score = reader.read("score", 0, reader.frames)
    ok = reader.status == Status.OK
    bands, scores = [], {}
    for member in SHOWN_MODALITIES:
        rows = np.flatnonzero(ok & (modality == member))
        if len(rows):
            scores[member.name.lower()] = score[rows]
            bands.append(_split_band(reader, root, member, rows, score[rows], min_score))
    if not bands:
        raise ValueError(f"{reader.path}: expected frames with status ok in a track, got none: nothing to draw")
    tiles = [tile for band in bands for tile in band.tiles]
    count = _count(tiles, root)
    _save(_draw_split(reader, bands, scores, min_score), out)
    return count


def plot_track(reader: CacheReader, track: int, root: Path, min_score: float, out: Path) -> SheetCount:
    """Draw the frames of row `track` of /tracks (evenly spaced ones of a long tracklet) and a map of its scores.

    Raises as `plot_split`, and ValueError when there is no such row.
    """
    _require_keypoints(reader)
    check_track(reader, track)
    start, stop = int(reader.tracks.start[track]), int(reader.tracks.stop[track])
    rows = start + even_places(stop - start, TRACK_TILES)
    member = Modality(int(reader.tracks.modality[track]))
    tiles = [_read_tile(reader, root, int(row), owner=False) for row in rows]
    count = _count(tiles, root)
    sentence = (
        f"person {reader.tracks.person[track]} · camera {reader.tracks.camera[track]} · frames {start:,}…{stop - 1:,}"
    )
    # Rows of nearly equal length, so that a last one with a single tile does not come about.
    columns = -(-len(tiles) // -(-len(tiles) // TRACK_COLUMNS))
    heading = "all its frames" if len(rows) == stop - start else f"{len(rows)} of its {stop - start} frames"
    band = Band(member.name.lower(), sentence, [Block(heading, tiles, columns)])
    _save(_draw_track(reader, band, track, (start, stop), min_score), out)
    return count


def _require_keypoints(reader: CacheReader) -> None:
    if reader.kind != "keypoints":
        raise ValueError(
            f"{reader.path}: expected a keypoints file to draw skeletons from, got one of {reader.kind};"
            " name the keypoints file that it was made from"
        )


def _split_band(
    reader: CacheReader,
    root: Path,
    member: Modality,
    rows: NDArray[np.int64],
    score: NDArray[np.float32],
    min_score: float,
) -> Band:
    track = reader.read("track", 0, reader.frames)[rows]
    mean = score.mean(axis=1)
    worst = worst_rows(rows, track, mean, WORST_COLUMNS * ROWS)
    fresh = ~np.isin(rows, worst)
    spread = spread_rows(rows[fresh], track[fresh], SPREAD_COLUMNS * ROWS)
    blocks = [
        Block(heading, _read_tiles(reader, root, chosen), columns)
        for heading, chosen, columns in (
            ("spread over the tracks", spread, SPREAD_COLUMNS),
            ("lowest mean score, one a track", worst, WORST_COLUMNS),
        )
        if len(chosen)
    ]
    tracks = reader.tracks.select(reader.tracks.modality == member)
    cameras = ", ".join(str(camera) for camera in np.unique(tracks.camera))
    seen = float((score >= np.float32(min_score)).mean())
    sentence = (
        f"{amount(len(rows), 'frame')} ok · {amount(len(tracks), 'track')}"
        f" · {amount(count_persons(tracks.person, tracks.role), 'person')} · camera {cameras}"
        f" · {percent(seen)} of joints seen"
    )
    return Band(member.name.lower(), sentence, blocks)


def _read_tiles(reader: CacheReader, root: Path, rows: Iterable[np.int64]) -> list[Tile]:
    return [_read_tile(reader, root, int(row), owner=True) for row in rows]


def _read_tile(reader: CacheReader, root: Path, row: int, *, owner: bool) -> Tile:
    path = reader.paths[row]
    track = int(reader.read("track", row, row + 1)[0])
    score = reader.read("score", row, row + 1)[0]
    status = Status(int(reader.status[row]))
    height, width = reader.read("size", row, row + 1)[0].tolist()
    lines = [f"row {row}", f"{score.mean():.2f}" if status == Status.OK else status.name.lower()]
    caption = " · ".join(lines)
    if owner and 0 <= track < len(reader.tracks):
        caption = f"person {reader.tracks.person[track]} · camera {reader.tracks.camera[track]}\n{caption}"
    return Tile(
        row=row,
        caption=caption,
        image=read_image(root, path),
        size=(height, width),
        keypoints=reader.read("keypoints", row, row + 1)[0],
        score=score,
        status=status,
    )


def _count(tiles: Sequence[Tile], root: Path) -> SheetCount:
    ok = [tile for tile in tiles if tile.status == Status.OK]
    absent = sum(tile.absent for tile in ok)
    if ok and absent == len(ok):
        raise ValueError(
            f"{root}: expected the frames of this file below it, found none of the {absent} that were looked for;"
            " name the right folder with --root DIR"
        )
    return SheetCount(len(tiles), absent)


def _draw_split(
    reader: CacheReader, bands: Sequence[Band], scores: Mapping[str, NDArray[np.float32]], min_score: float
) -> Figure:
    width = max(9.5, *(band.width for band in bands)) + 2 * MARGIN
    height = HEADER + sum(band.height for band in bands) + 0.75 + PANEL + 0.35 + FOOTER
    page = Page(width, height)
    others = {name: int((reader.status == member).sum()) for name, member in _NOT_OK.items()}
    facts = [amount(reader.frames, "frame"), *(f"{count:,} {name}" for name, count in others.items() if count)]
    estimator = reader.recipe.get("estimator")
    if isinstance(estimator, dict) and isinstance(estimator.get("name"), str):
        facts.append(f"keypoints by {estimator['name']}")
    draw_header(page, f"{reader.dataset} · {reader.split}", [str(reader.path), " · ".join(facts)], min_score)
    y = HEADER
    for band in bands:
        y = draw_band(page, band, y, min_score)
    _draw_heading(page, y, "share of the joints' scores in each twentieth")
    left, gap, panels = MARGIN + 0.35, 0.2, 6
    panel = (width - MARGIN - left - (panels - 1) * gap) / panels
    draw_histograms(
        [page.axes(left + number * (panel + gap), y + 0.75, panel, PANEL) for number in range(panels)],
        scores,
        min_score,
    )
    return page.figure


def _draw_track(reader: CacheReader, band: Band, track: int, rows: tuple[int, int], min_score: float) -> Figure:
    width = max(9.5, band.width) + 2 * MARGIN
    page = Page(width, HEADER + band.height + 0.55 + 3.1 + 0.45 + FOOTER)
    title = f"{reader.dataset} · {reader.split} · track {track}"
    draw_header(page, title, [str(reader.path)], min_score)
    y = draw_band(page, band, HEADER, min_score)
    _draw_heading(page, y, f"cross: under {min_score:g}, not seen; grey: no keypoints")
    axes = page.axes(MARGIN + 1.1, y + 0.55, width - 2 * MARGIN - 1.1 - 0.7, 3.1)
    legend = page.axes(width - MARGIN - 0.5, y + 0.55, 0.14, 3.1)
    draw_score_map(axes, legend, reader.read("score", *rows), rows[0], min_score)
    return page.figure


def _draw_heading(page: Page, y: float, sentence: str) -> None:
    page.text(MARGIN, y + 0.1, "scores", fontsize=12, fontweight="bold")
    page.text(MARGIN + 0.95, y + 0.135, sentence, fontsize=8.5, color=QUIET)


_NOT_OK = {"unreadable": Status.UNREADABLE, "missing": Status.MISSING}


def _save(figure: Figure, out: Path) -> None:
    picture = io.BytesIO()
    # Without the name of the software that drew it: the same sheet has the same bytes.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a letter that the font lacks becomes a box
        figure.savefig(picture, format="png", metadata={"Software": None})
    with publish_files(out) as (file,):
        file.write(picture.getvalue())
