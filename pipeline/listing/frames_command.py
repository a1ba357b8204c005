"""`star frames`: list the frames of one split, with what is in them."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from command_line.option_types import whole_number
from command_line.params_file import fill_from_params, listing_path
from command_line.run_command import DONE
from data_cache.contract.records import SPLITS

logger = logging.getLogger(__name__)


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "frames",
        help="list the frames of one split with a digest of each",
        description="List the frames of one split with size and sha256, for `star keypoints --frames` and for DVC,"
        " which then need not look at the tree. A frame is read again only where its size or times have changed. The"
        " file is written only where it comes out different.",
    )
    parser.add_argument("--split", required=True, choices=SPLITS, help="which split")
    parser.add_argument("--root", type=Path, metavar="DIR", help="the data set's folder (default: root of params.yaml)")
    parser.add_argument(
        "--dataset", metavar="NAME", help="name of the data set, as the file gives it (default: that of params.yaml)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.json",
        help="listing to write (default: artifacts/<dataset>/frames/<split>.json)",
    )
    parser.add_argument("--reread", action="store_true", help="read every frame, whatever its size and times say")
    parser.add_argument(
        "--workers",
        type=whole_number,
        default=None,
        metavar="N",
        help="processes that read; 0: this one (default: STAR_WORKERS, or one a core)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the listing, and beside it what spares reading the frames next time."""
    from command_line.terminal.progress import counted
    from data_cache.contract.split_file import write_frame_listing
    from data_cache.files.output_lock import lock_output
    from pipeline.datasets.frame_pool import default_workers
    from pipeline.datasets.split_index import read_split
    from pipeline.listing.frame_listing import FrameLister
    from pipeline.listing.remembered_frames import NO_FRAMES, read_remembered, write_remembered

    fill_from_params(args, root=lambda params: Path(params.root), dataset=lambda params: params.dataset)
    out = args.out or listing_path(args.dataset, args.split)
    workers = default_workers() if args.workers is None else args.workers
    index = read_split(args.root, args.dataset, args.split)
    beside = out.with_suffix(".remembered")
    with lock_output(out):
        lister = FrameLister(args.root, index, NO_FRAMES if args.reread else read_remembered(beside))
        try:
            with counted("reading", "frames", lister.unread) as advance:
                listing = lister.read(workers, lambda: advance(1, None))
            written = write_frame_listing(out, listing)
        finally:
            # What was read by then is not read again after an interruption.
            write_remembered(beside, lister.remembered())
    read, frames = lister.unread - listing.missing, len(index.paths)
    logger.info(
        "%s: %d frames (%d read, %d unchanged since, %d missing)%s",
        out,
        frames,
        read,
        frames - lister.unread,
        listing.missing,
        "" if written else "; nothing changed, not written anew",
    )
    return DONE
