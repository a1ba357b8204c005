"""`python -m model evaluate`: a checkpoint becomes retrieval figures in both directions."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from data_cache.command_line import DONE
from data_cache.option_types import whole_number
from model.devices import DEVICES
from model.evaluation.protocol import SPLITS


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="retrieval figures of a checkpoint",
        description="Describe the test tracks with a trained network and rank them, infrared → visible and visible →"
        " infrared. Writes metrics.json and features.h5 into the run's folder; results of any other protocol than the"
        " run's own (other T, all clips, other tracks, other data set) go into protocols/<label>/ below it.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="YAML", help="configs/runs/<dataset>/<name>.yaml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="put a setting over the file's, again and again"
    )
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="default: the newest intact one of the run")
    parser.add_argument("--frames", type=whole_number, metavar="T", help="frames of a clip (default: the config's)")
    parser.add_argument("--clips", choices=("one", "all"), default="one", help="clips a track; all: their mean")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        help="validation: the training split's persons held out; train: those trained on",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the results, instead of the run's")
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=os.environ.get("STAR_MODEL_DEVICE") or "CPU",
        help="what computes (default: STAR_MODEL_DEVICE, or CPU)",
    )
    parser.add_argument(
        "--workers",
        type=whole_number,
        default=os.environ.get("STAR_CLIP_WORKERS") or "0",
        metavar="N",
        help="processes that read clips (default: STAR_CLIP_WORKERS, or 0)",
    )
    parser.add_argument("--batch", type=whole_number, default=8, metavar="CLIPS", help="clips at once (default: 8)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the results and print the table."""
    from model.commands.clip_progress import clip_progress
    from model.config import load_run
    from model.evaluation.evaluation import FEATURES, METRICS, EvaluationOptions, evaluate
    from model.evaluation.result_table import result_table

    options = EvaluationOptions(
        checkpoint=args.checkpoint,
        frames=args.frames,
        all_clips=args.clips == "all",
        split=args.split,
        out=args.out,
        device=args.device,
        workers=args.workers,
        batch=args.batch,
    )
    results, folder = evaluate(load_run(args.config, args.set), options, clip_progress)
    sys.stdout.write(f"{result_table(results)}\nresults: {folder / METRICS}, {folder / FEATURES}\n")
    return DONE
