"""`star keypoints`: the frames of one split become a keypoints file."""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.option_types import share, whole_number
from command_line.params_file import fill_from_params, listing_path
from command_line.run_command import DONE
from command_line.terminal.progress import doing
from data_cache.contract.records import SPLITS
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from data_cache.contract.records import SplitIndex
    from pipeline.settings import PoseSettings

logger = logging.getLogger(__name__)


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "keypoints",
        help="frames of one split to keypoints file",
        description="Estimate the 17 joints of the person in every frame with HRNet. Finished chunks are kept beside"
        " the output, so a run that was stopped goes on where it was.",
    )
    parser.add_argument("--split", required=True, choices=SPLITS, help="which split")
    parser.add_argument("--config", type=Path, metavar="YAML", help="settings (default: configs/<dataset>.yaml)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="the data set's folder (default: root of params.yaml)")
    parser.add_argument(
        "--dataset", metavar="NAME", help="name of the data set, as the file gives it (default: that of params.yaml)"
    )
    parser.add_argument(
        "--frames",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="FILE.json",
        help="the split as `star frames` listed it: frames are then read only where a chunk is missing (without a"
        " value: artifacts/<dataset>/frames/<split>.json)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="keypoints file to write (default: artifacts/<dataset>/keypoints/<split>.h5)",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="checkpoint in place of the preset's own")
    parser.add_argument(
        "--max-bad", type=share, metavar="SHARE", help="stop when more frames are bad (default: the settings' max_bad)"
    )
    _add_speed_options(parser)
    parser.set_defaults(run=run)


def _add_speed_options(parser: argparse.ArgumentParser) -> None:
    """Options that change how fast, not what comes out; each has an environment variable for `dvc repro`."""
    parser.add_argument(
        "--workers",
        type=whole_number,
        default=os.environ.get("STAR_WORKERS") or "0",
        metavar="N",
        help="local worker processes; 0: this process (default: STAR_WORKERS, or 0)",
    )
    parser.add_argument(
        "--scheduler",
        default=os.environ.get("STAR_SCHEDULER") or None,
        metavar="ADDRESS",
        help="a running Dask scheduler, such as tcp://node1:8786 (default: STAR_SCHEDULER)",
    )
    parser.add_argument(
        "--device",
        default=os.environ.get("STAR_DEVICE") or "cpu",
        metavar="DEVICE",
        help="cpu, cuda or cuda:<number> (default: STAR_DEVICE, or cpu)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the keypoints file."""
    from data_cache.files.jpeg_damage import NOT_FOUND_HERE, damage_is_found
    from pipeline.keypoints.bad_frames import list_file
    from pipeline.keypoints.keypoint_file import extract_keypoints
    from pipeline.keypoints.progress import report_progress
    from pipeline.pose.models import resolve_pose_model

    fill_from_params(
        args,
        config=lambda params: params.config,
        root=lambda params: Path(params.root),
        dataset=lambda params: params.dataset,
        out=lambda params: params.cache("keypoints", args.split),
    )
    pose = _pose_settings(args)
    with doing("looking for the frames"):
        index, sha256, missing = _read_scanned(args) if args.frames is None else _read_listed(args)
    if missing:
        logger.warning("%s: %d of %d frames have no file", args.root, missing, len(index.paths))
    if not damage_is_found():
        logger.warning(NOT_FOUND_HERE)
    with doing("loading the network"):
        source = resolve_pose_model(pose, device=args.device, weights_override=args.weights)
    with report_progress(len(index.paths)) as progress:
        summary = extract_keypoints(
            index,
            args.root,
            source,
            args.out,
            args.out.with_suffix(".chunks"),
            chunk_frames=pose.chunk_frames,
            max_bad=pose.max_bad,
            damaged=pose.damaged,
            sha256=sha256,
            workers=args.workers,
            scheduler=args.scheduler,
            progress=progress,
        )
    if summary.damaged:
        logger.warning(
            "%s: %d frames were used though libjpeg warns of damage inside; %s lists them; pose.damaged: unreadable"
            " leaves such frames out",
            args.root,
            summary.damaged,
            list_file(args.out),
        )
    logger.info("%s: %s", args.out, summary)
    return DONE


def _read_scanned(args: argparse.Namespace) -> tuple[SplitIndex, None, int]:
    """The split as its own files have it, no digests, and the number of missing frames."""
    from pipeline.datasets.frame_scan import scan_frames
    from pipeline.datasets.split_index import read_split

    index = read_split(args.root, args.dataset, args.split)
    # Listing folders takes seconds: a link out of the root stops the run here, before anything is written.
    return index, None, len(scan_frames(args.root, index).missing)


def _read_listed(args: argparse.Namespace) -> tuple[SplitIndex, tuple[str | None, ...], int]:
    """The split, the digests of its frames, and the number of missing frames, as they were listed."""
    from data_cache.contract.split_file import LIST_AGAIN, read_frame_listing
    from pipeline.datasets.root_boundary import require_folder

    require_folder(args.root)
    file = listing_path(args.dataset, args.split) if args.frames == Path() else args.frames
    if not file.exists():
        raise FileNotFoundError(f"{file}: expected the list of the frames, found nothing; {LIST_AGAIN}")
    listing = read_frame_listing(file)
    index = listing.index
    if (index.dataset, index.split) != (args.dataset, args.split):
        expected, found = f"{args.dataset} {args.split}", f"{index.dataset} {index.split}"
        raise ValueError(f"{file}: expected the frames of {expected}, got those of {found}; {LIST_AGAIN}")
    return index, listing.sha256, listing.missing


def _pose_settings(args: argparse.Namespace) -> PoseSettings:
    pose = load_settings(args.config).pose
    return pose if args.max_bad is None else replace(pose, max_bad=args.max_bad)
