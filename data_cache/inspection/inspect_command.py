"""`star inspect`: what is in a cache file, as text, JSON or a picture.

Loads neither torch nor MindSpore, and matplotlib for `--plot` only, so that it answers within a second.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line.run_command import AT_FAULT, DONE
from command_line.text_table import printable
from data_cache.contract.reader import open_cache
from data_cache.inspection.quality import DEFAULT_MIN_SCORE

if TYPE_CHECKING:
    from data_cache.contract.reader import CacheReader
    from data_cache.inspection.sheets.contact_sheet import SheetCount

logger = logging.getLogger(__name__)


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "inspect",
        help="say what a file holds, and how good it is",
        description="Say what a keypoints, edges or graphs file holds: recipe, counts, and per modality the quantiles"
        " of each joint's scores and how often it is seen; one tracklet or frame of it; or draw a contact sheet.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="an HDF5 file of stage one")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--track", type=_row, metavar="ROW", help="one tracklet: its row in /tracks, from 0")
    one.add_argument("--frame", metavar="PATH", help="one frame: its path as in the file")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--min-score",
        type=_score,
        metavar="S",
        help=f"score from which a joint counts as seen in a keypoints file (default: {DEFAULT_MIN_SCORE:g})",
    )
    parser.add_argument("--plot", type=_png, metavar="OUT.png", help="draw a contact sheet (or the tracklet) instead")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="where the frames lie (default: root of ./params.yaml), for --plot"
    )
    parser.set_defaults(run=run, usage_error=parser.error)


def _row(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a row from 0 on, got {text!r}")
    return int(text)


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError(f"expected a score in 0…1, got {text!r}")
    return score


def _png(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"expected a name that ends in .png, got {text!r}")
    return path


def run(args: argparse.Namespace) -> int:
    """Print or draw what the options ask for; 1 where a sheet has frames that are not on disk."""
    if args.plot and (args.json or args.frame is not None):
        args.usage_error("--plot draws a split or a --track; it goes neither with --json nor with --frame")
    if args.root is not None and not args.plot:
        args.usage_error("--root goes with --plot")
    with open_cache(args.file) as reader:
        min_score = choose_min_score(reader, args.min_score)
        if args.plot:
            return _plot(reader, args, min_score)
        text, values = _report(reader, args, min_score)
    sys.stdout.write((json.dumps(values, indent=1) if args.json else printable(text)) + "\n")
    return DONE


def choose_min_score(reader: CacheReader, wanted: float | None) -> float:
    """Return the score from which joints count as seen: `wanted`, else the one in the file's recipe, else the default.

    Edges and graphs were made with one; ValueError where another is wanted of them.
    """
    if wanted is not None and reader.kind != "keypoints":
        raise ValueError(
            f"{reader.path}: expected --min-score for a keypoints file only, got it for one of {reader.kind}, in which"
            " it is fixed; leave the option out, or name the keypoints file"
        )
    if wanted is not None:
        return wanted
    value = reader.recipe.get("min_score")
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    return DEFAULT_MIN_SCORE


def _report(reader: CacheReader, args: argparse.Namespace, min_score: float) -> tuple[str, dict[str, Any]]:
    if args.track is not None:
        from data_cache.inspection.track_report import report_track, track_text, track_values

        track = report_track(reader, args.track, min_score)
        return track_text(track), track_values(track)
    if args.frame is not None:
        from data_cache.inspection.frame_report import frame_text, frame_values, report_frame

        frame = report_frame(reader, args.frame, min_score)
        return frame_text(frame), frame_values(frame)
    from data_cache.inspection.summary import summarise_file
    from data_cache.inspection.summary_text import summary_text, summary_values

    summary = summarise_file(reader, min_score)
    return summary_text(summary), summary_values(summary)


def _plot(reader: CacheReader, args: argparse.Namespace, min_score: float) -> int:
    from data_cache.files.frame_images import find_root
    from data_cache.inspection.sheets.contact_sheet import plot_split, plot_track

    root = find_root(reader.dataset, args.root)
    count: SheetCount
    if args.track is not None:
        count = plot_track(reader, args.track, root, min_score, args.plot)
    else:
        count = plot_split(reader, root, min_score, args.plot)
    sys.stdout.write(f"{args.plot}: {count.shown} frames drawn\n")
    if count.absent:
        logger.error(
            "%d of the %d frames on %s have keypoints but are not below %s, or do not decode: drawn as placeholders",
            count.absent,
            count.shown,
            args.plot,
            root,
        )
        return AT_FAULT
    return DONE
