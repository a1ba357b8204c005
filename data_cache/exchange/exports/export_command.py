"""`star export`: keypoints in a format that other tools read."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from command_line.option_types import share, whole_number
from command_line.run_command import DONE
from data_cache.inspection.quality import DEFAULT_MIN_SCORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from data_cache.exchange.exports.exported_frames import ExportRequest, ExportSummary


@dataclass(frozen=True)
class ExportFormat:
    """A format: ending of its files, what is in them, where its function is, and the options that are its own."""

    ending: str
    meaning: str
    module: str
    function: str
    options: tuple[str, ...] = ()


FORMATS: Mapping[str, ExportFormat] = MappingProxyType(
    {
        "coco": ExportFormat(
            ".json", "keypoint results, and the images they refer to in OUT.images.json", "export_coco", "export_coco"
        ),
        "coco-dataset": ExportFormat(
            ".json",
            "images with the keypoints as annotations, to train or evaluate on",
            "export_coco_dataset",
            "export_coco_dataset",
            ("min_score",),
        ),
        "pyskl": ExportFormat(
            ".pkl", "the pickle of PYSKL and mmaction2, an annotation a track", "export_pyskl", "export_pyskl"
        ),
        "sleap": ExportFormat(
            ".h5", "an analysis file, of all frames as one video or of one track", "export_sleap", "export_sleap"
        ),
        "movement": ExportFormat(
            ".nc", "netCDF of poses, an individual a track", "export_movement", "export_movement", ("fps",)
        ),
        "nwb": ExportFormat(
            ".nwb", "NWB with ndx-pose, all frames one after another", "export_nwb", "export_nwb", ("fps",)
        ),
    }
)


OPTIONS = tuple(sorted({option for form in FORMATS.values() for option in form.options}))


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "export",
        help="write keypoints in another format",
        description="Write a keypoints file in the format of another tool, whole or not at all.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a keypoints file of stage one")
    parser.add_argument(
        "--format",
        choices=list(FORMATS),
        required=True,
        help="; ".join(f"{name} ({form.ending}): {form.meaning}" for name, form in FORMATS.items()),
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="file to write, with that ending")
    parser.add_argument(
        "--track",
        type=whole_number,
        action="append",
        default=[],
        metavar="ROW",
        help="export this tracklet only, by its row in /tracks, from 0; may be given again",
    )
    parser.add_argument(
        "--min-score",
        type=share,
        metavar="S",
        help=f"for coco-dataset: score from which a joint counts as seen (default: {DEFAULT_MIN_SCORE:g})",
    )
    parser.add_argument(
        "--fps",
        type=float,
        metavar="N",
        help="for movement and nwb: frames a second, so that time is in seconds (default: frames are counted)",
    )
    parser.set_defaults(run=run, wrong_usage=parser.error)


def run(args: argparse.Namespace) -> int:
    """Write the file and say what is in it."""
    from data_cache.exchange.exports.exported_frames import ExportRequest

    form = FORMATS[args.format]
    given = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
    _check_usage(args, form, given)
    export: Callable[[ExportRequest], ExportSummary] = getattr(
        importlib.import_module(f"data_cache.exchange.exports.{form.module}"), form.function
    )
    try:
        done = export(ExportRequest(args.file, args.out, tuple(args.track), **given))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{args.out} is as it was before") from None
    sys.stdout.write("\n".join(describe(done)) + "\n")
    return DONE


def _check_usage(args: argparse.Namespace, form: ExportFormat, given: Iterable[str]) -> None:
    """Leave with status 2 where an option or the ending of the output does not fit the format."""
    for name in given:
        if name not in form.options:
            meant = " and ".join(known for known, other in FORMATS.items() if name in other.options)
            option = name.replace("_", "-")
            args.wrong_usage(f"argument --{option}: expected for {meant} only, got --format {args.format}")
    name = args.out.name
    if not name.endswith(form.ending) or name == form.ending or name.endswith(".images.json"):
        but = " (but not in .images.json)" if form.ending == ".json" else ""
        args.wrong_usage(f"argument --out: expected a name that ends in {form.ending}{but}, got {str(args.out)!r}")


def describe(done: ExportSummary) -> list[str]:
    """Return what was written, as lines for people."""
    from command_line.text_table import amount

    first, *others = done.files
    lines = [f"{first}: keypoints of {amount(done.frames, 'frame')}"]
    lines += [f"  images and categories: {other}" for other in others]
    lines += [
        f"  {number:,} {meaning}"
        for number, meaning in (
            (done.unseen, "without keypoints"),
            (done.trackless, "with keypoints left out: they belong to no track"),
        )
        if number
    ]
    return lines
