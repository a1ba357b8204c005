"""`python -m pipeline graphs`: a keypoints file becomes a graphs file."""

from __future__ import annotations

import argparse
from pathlib import Path

from data_cache.command_line import DONE
from pipeline.settings import load_settings


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "graphs",
        help="keypoints file to graphs file",
        description="Nodes, seen joints, limbs and body parts of the skeleton graph (STAR, equations 8 and 9).",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="YAML", help="settings, configs/<dataset>.yaml")
    parser.add_argument("--keypoints", type=Path, required=True, metavar="FILE", help="keypoints file to read")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="graphs file to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the graphs file."""
    from pipeline.graph_file import write_graphs

    settings = load_settings(args.config)
    write_graphs(args.keypoints, args.out, settings.min_score)
    return DONE
