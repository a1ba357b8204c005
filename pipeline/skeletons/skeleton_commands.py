"""`star edges` and `graphs`: a keypoints file becomes a file of what is computed from its joints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.params_file import fill_from_params
from command_line.run_command import DONE
from data_cache.contract.records import SPLITS
from pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


@dataclass(frozen=True)
class SkeletonCommand:
    """A command that reads a keypoints file and writes another kind of cache file.

    kind:        what the command is called and what it writes, `edges` or `graphs`
    description: what is computed, with the paper's equations
    write:       keypoints file, file to write, settings of stage one
    """

    kind: str
    description: str
    write: Callable[[Path, Path, Settings], int]

    def configure(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add the command and its options."""
        title = f"keypoints file to {self.kind} file"
        parser = subparsers.add_parser(self.kind, help=title, description=self.description)
        parser.add_argument("--split", choices=SPLITS, help="which split of the data set of params.yaml")
        parser.add_argument("--config", type=Path, metavar="YAML", help="settings (default: configs/<dataset>.yaml)")
        parser.add_argument("--keypoints", type=Path, metavar="FILE", help="keypoints file to read, not --split's")
        parser.add_argument("--out", type=Path, metavar="FILE", help=f"{self.kind} file to write, not --split's")
        parser.set_defaults(run=self.run, wrong_usage=parser.error)

    def run(self, args: argparse.Namespace) -> int:
        """Write the file."""
        if args.split is None and (args.keypoints is None or args.out is None):
            args.wrong_usage("expected --split, or --keypoints and --out")
        fill_from_params(
            args,
            config=lambda params: params.config,
            keypoints=lambda params: params.cache("keypoints", args.split),
            out=lambda params: params.cache(self.kind, args.split),
        )
        self.write(args.keypoints, args.out, load_settings(args.config))
        return DONE


def _write_edges(keypoints: Path, out: Path, settings: Settings) -> int:
    from pipeline.skeletons.edge_file import write_edges

    return write_edges(keypoints, out, settings.edges, settings.min_score)


def _write_graphs(keypoints: Path, out: Path, settings: Settings) -> int:
    from pipeline.skeletons.graph_file import write_graphs

    return write_graphs(keypoints, out, settings.min_score)


EDGES = SkeletonCommand(
    "edges", "Distance and angle of every pair of joints in every frame (STAR, equations 1 and 2).", _write_edges
)
GRAPHS = SkeletonCommand(
    "graphs", "Nodes, seen joints, limbs and body parts of the skeleton graph (STAR, equations 8 and 9).", _write_graphs
)
