"""`star train`: a run's YAML file and the cache become checkpoints."""

from __future__ import annotations

import argparse
import logging
import os

from command_line.option_types import whole_number
from command_line.run_command import DONE
from model.run.devices import choose_device, join_devices
from model.run.run_options import add_run_options, chosen_run

logger = logging.getLogger(__name__)


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "train",
        help="train a run from the cache",
        description="Train STAR, or one of its ablations, on the train split of a cache. Checkpoints, logs and metrics"
        " go to artifacts/<dataset>/runs/<name>/. On several devices start it with MindSpore's msrun.",
    )
    add_run_options(parser)
    parser.add_argument("--resume", action="store_true", help="go on from the newest intact checkpoint, if any")
    parser.add_argument(
        "--on-change",
        choices=("refuse", "restart"),
        default="refuse",
        help="what --resume does with checkpoints of other settings or another cache: refuse, or put them aside",
    )
    parser.add_argument(
        "--workers",
        type=whole_number,
        default=os.environ.get("STAR_CLIP_WORKERS") or "0",
        metavar="N",
        help="processes that read clips, on every device (default: STAR_CLIP_WORKERS, or 0)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train."""

    settings = chosen_run(args)
    choose_device(args.device)
    from model.training.trainer import StartSettings, train

    group = join_devices(args.device)
    if not group.leads:
        logging.getLogger().setLevel(logging.WARNING)  # the leading device tells what all of them do
    logger.info("run %s (%s) on %s: %s", settings.name, settings.model.variant, args.device, settings)
    start = StartSettings(args.resume, args.on_change == "restart", args.workers)
    last = train(settings, start, group)
    logger.info("done: %s", last)
    return DONE
