"""The options that name a run and what computes it, the same for every command about a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.params_file import read_params
from model.run.devices import DEVICES

if TYPE_CHECKING:
    import argparse

    from model.run.config import RunConfig


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` --run or --config, --set and --device."""
    named = parser.add_mutually_exclusive_group(required=True)
    named.add_argument(
        "--run",
        dest="run_name",
        metavar="NAME",
        help="configs/runs/<dataset>/NAME.yaml, on the data set and root of params.yaml",
    )
    named.add_argument("--config", type=Path, metavar="YAML", help="a run's settings, wherever they lie")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="put a setting over the file's, again and again"
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=os.environ.get("STAR_MODEL_DEVICE") or "CPU",
        help="what computes (default: STAR_MODEL_DEVICE, or CPU)",
    )


def chosen_run(args: argparse.Namespace) -> RunConfig:
    """The run that --run or --config names, with what --set puts over it.

    Raises FileNotFoundError for a missing file and ValueError for wrong settings or a params.yaml that is not there.
    """
    from model.run.config import load_run

    if args.config is not None:
        return load_run(args.config, args.set)
    params = read_params("--config YAML")
    of_params = {"name": args.run_name, "dataset": params.dataset, "root": params.root}
    over = [f"{key}={json.dumps(value)}" for key, value in of_params.items()]  # JSON is YAML, whatever is in it
    return load_run(params.run_config(args.run_name), [*over, *args.set])
