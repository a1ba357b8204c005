"""`python -m pipeline edges`: a keypoints file becomes an edges file."""

from __future__ import annotations

import argparse
from pathlib import Path

from data_cache.command_line import DONE
from pipeline.settings import load_settings


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "edges",
        help="keypoints file to edges file",
        description="Distance and angle of every pair of joints in every frame (STAR, equations 1 and 2).",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="YAML", help="settings, configs/<dataset>.yaml")
    parser.add_argument("--keypoints", type=Path, required=True, metavar="FILE", help="keypoints file to read")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="edges file to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the edges file."""
    from pipeline.edge_file import write_edges

    settings = load_settings(args.config)
    write_edges(args.keypoints, args.out, settings.edges, settings.min_score)
    return DONE
