"""`star evaluate`: a checkpoint becomes retrieval figures in both directions."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from command_line.option_types import whole_number
from command_line.run_command import DONE
from model.evaluation.protocol import SPLITS
from model.run.run_options import add_run_options, chosen_run

_COUNTS = re.compile(r"([0-9]{1,9})(?:[-…]([0-9]{1,9}))?")
_MOST_COUNTS = 1000  # in a range, so that no text takes all memory


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="retrieval figures of a checkpoint",
        description="Describe the test tracks with a trained network and rank them, infrared → visible and visible →"
        " infrared. Writes metrics.json and features.h5 into the run's folder; results of any other protocol than the"
        " run's own (other T, all clips, other tracks, other data set) go into protocols/<label>/ below it. Several T"
        " together give clip_lengths.json: rank-1, mAP and the other figures of each.",
    )
    add_run_options(parser)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="a checkpoint, or a folder for its newest intact one (default: the run's folder)",
    )
    parser.add_argument(
        "--frames",
        type=frame_counts,
        metavar="T",
        help="frames of a clip (default: the config's); several, such as 1-12 or 1,2,4,8, give a table and"
        " clip_lengths.json instead",
    )
    parser.add_argument("--clips", choices=("one", "all"), default="one", help="clips a track; all: their mean")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        help="validation: the training split's persons held out; train: those trained on",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the results, instead of the run's")
    parser.add_argument(
        "--workers",
        type=whole_number,
        default=os.environ.get("STAR_CLIP_WORKERS") or "0",
        metavar="N",
        help="processes that read clips (default: STAR_CLIP_WORKERS, or 0)",
    )
    parser.add_argument("--batch", type=whole_number, default=8, metavar="CLIPS", help="clips at once (default: 8)")
    parser.set_defaults(run=run)


def frame_counts(text: str) -> tuple[int, ...]:
    """Numbers and ranges (`6`, `1-12`, `1…12`, `1,2,4`), rising, each once; wrong usage for any other text."""
    found: set[int] = set()
    for part in text.split(","):
        match = _COUNTS.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else -1
        if not 0 <= last - first < _MOST_COUNTS:
            raise argparse.ArgumentTypeError(f"expected a whole number, or some as 1-12 or 1,2,4,8, got {text!r}")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def run(args: argparse.Namespace) -> int:
    """Write the results and print the table."""
    from model.evaluation.clip_progress import clip_progress
    from model.evaluation.evaluation import FEATURES, METRICS, EvaluationOptions, evaluate, evaluate_lengths
    from model.evaluation.result_table import clip_length_table, result_table

    lengths: tuple[int, ...] = args.frames or ()
    options = EvaluationOptions(
        checkpoint=args.checkpoint,
        frames=lengths[0] if len(lengths) == 1 else None,
        all_clips=args.clips == "all",
        split=args.split,
        out=args.out,
        device=args.device,
        workers=args.workers,
        batch=args.batch,
    )
    settings = chosen_run(args)
    if len(lengths) > 1:
        found, path = evaluate_lengths(settings, options, lengths, clip_progress)
        sys.stdout.write(f"{clip_length_table(found)}\nresults: {path}\n")
    else:
        results, folder = evaluate(settings, options, clip_progress)
        sys.stdout.write(f"{result_table(results)}\nresults: {folder / METRICS}, {folder / FEATURES}\n")
    return DONE
