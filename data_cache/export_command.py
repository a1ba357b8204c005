"""`python -m data_cache export`: keypoints in a format that other tools read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from data_cache.command_line import DONE


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "export",
        help="write keypoints in another format",
        description="Write a keypoints file as COCO keypoint results, and beside them the images that they refer to:"
        ' COCO("results.images.json").loadRes("results.json"). Frames without keypoints have no result.',
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a keypoints file of stage one")
    parser.add_argument("--format", choices=["coco"], required=True, help="coco: pycocotools and xtcocotools read it")
    parser.add_argument("--out", type=_json, required=True, metavar="OUT.json", help="where the results go")
    parser.set_defaults(run=run)


def _json(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".json" or text.endswith(".images.json"):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .json, not .images.json, got {text!r}")
    return path


def run(args: argparse.Namespace) -> int:
    """Write both files and say what is in them."""
    from data_cache.export_coco import export_coco

    done = export_coco(args.file, args.out)
    sys.stdout.write(
        f"{done.results}: {done.written} frames, {done.left_out} without keypoints left out;"
        f" images and categories: {done.images}\n"
    )
    return DONE
