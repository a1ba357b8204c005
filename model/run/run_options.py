"""The options that name a run and what computes it, the same for every command about a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from model.run.devices import DEVICES

if TYPE_CHECKING:
    import argparse


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` --config, --set and --device."""
    parser.add_argument("--config", type=Path, required=True, metavar="YAML", help="configs/runs/<dataset>/<name>.yaml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="put a setting over the file's, again and again"
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=os.environ.get("STAR_MODEL_DEVICE") or "CPU",
        help="what computes (default: STAR_MODEL_DEVICE, or CPU)",
    )
