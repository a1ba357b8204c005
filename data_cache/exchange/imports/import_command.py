"""`star import`: skeletons made elsewhere become a keypoints file that stage two trains on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.option_types import share
from command_line.run_command import DONE

if TYPE_CHECKING:
    from data_cache.exchange.imports.import_keypoints import ImportSummary

FORMATS = {
    "coco": "COCO keypoint results (.json) with --images, or AlphaPose's, whose image_id is the image's name",
    "mmpose": "a folder of predictions of MMPose's inferencer or demos, one JSON a frame",
    "openpose": "a folder of OpenPose's --write_json, of BODY_25 or COCO's 18 joints",
    "pyskl": "a PYSKL or mmaction2 pickle",
    "rtmlib": "an .npz with keypoints, scores and paths, as rtmlib's arrays are saved",
    "star": "HDF5 with one dataset a frame, as the public STAR code reads it",
    "ultralytics": "a folder of Ultralytics' pose results, a JSON a frame with its to_json()",
    "ultralytics-txt": "a folder of Ultralytics' label files, as save_txt=True writes them",
}


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "import",
        help="make a keypoints file of skeletons from elsewhere",
        description="Bring the skeletons of another program into line with the frames and tracks of a split and write"
        " them as a keypoints file, whole or not at all. Frames without a skeleton get the status missing.",
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="the other program's file or folder")
    parser.add_argument(
        "--format",
        choices=list(FORMATS),
        required=True,
        help="; ".join(f"{name}: {meaning}" for name, meaning in FORMATS.items()),
    )
    parser.add_argument(
        "--frames",
        type=Path,
        required=True,
        metavar="FILE",
        help="the split's frames and tracks: what `star index --frames-out` wrote, or any cache file",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.h5", help="keypoints file to write")
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="the data set's folder: sizes are read from the frames there, or compared with those that SOURCE has",
    )
    parser.add_argument(
        "--images", type=Path, metavar="FILE.json", help="for coco: the data set that the results are of"
    )
    parser.add_argument(
        "--max-bad",
        type=share,
        default=0.01,
        metavar="SHARE",
        help="stop when more of the frames in tracks have no skeleton (default: %(default)s)",
    )
    parser.set_defaults(run=run, usage_error=parser.error)


def run(args: argparse.Namespace) -> int:
    """Write the keypoints file and say what is in it."""
    from data_cache.exchange.imports.import_keypoints import ImportRequest, import_keypoints

    if args.images is not None and args.format != "coco":
        args.usage_error(f"argument --images: expected with --format coco only, got --format {args.format}")
    request = ImportRequest(args.source, args.format, args.frames, args.out, args.root, args.images, args.max_bad)
    try:
        done = import_keypoints(request)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{args.out} is as it was before") from None
    sys.stdout.write("\n".join(describe(args.out, done)) + "\n")
    return DONE


def describe(out: Path, done: ImportSummary) -> list[str]:
    """What is in the file, and what was not taken as the source has it, a line each."""
    from command_line.text_table import amount
    from data_cache.exchange.imports.skeleton_table import STRAY_FRAMES

    unplaced = f"joints at exactly (0, 0), in {amount(done.unplaced_frames, 'frame')}"
    unplaced += ", taken as not found (score 0)" if done.unplaced_frames > STRAY_FRAMES else ", kept"
    counts = (
        (done.without, "without a skeleton (status missing)"),
        (done.frames - done.ok - done.without, "with a skeleton, but no readable file below --root"),
        (done.several, "with several skeletons, the best was taken"),
        (done.clipped, "scores clipped to 0…1"),
        (done.unplaced, unplaced),
        (done.strangers, "entries of the source that are of no frame of this split"),
    )
    first = f"{out}: {done.ok:,} of {amount(done.frames, 'frame')} have keypoints"
    lines = [first, *(f"  {meaning}: {number:,}" for number, meaning in counts if number)]
    if done.in_order:
        lines.append(
            "  taken in the order of --frames, since the source has no paths; `inspect --plot` shows if that fits"
        )
    return [*lines, *(f"  {problem.sentence()}" for problem in done.problems)]
