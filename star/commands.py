"""Every command, in the order of the flow: a data set, its skeletons, looking at them, a run, all of it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_cache.exchange.exports import export_command
from data_cache.exchange.imports import import_command
from data_cache.verification import check_command as verify_command
from data_cache.viewer import view_command
from model.evaluation import evaluate_command, results_command
from model.report import report_command
from model.training import train_command
from pipeline.checks import check_command
from pipeline.datasets import index_command
from pipeline.keypoints import keypoints_command
from pipeline.listing import frames_command
from pipeline.skeletons.skeleton_commands import EDGES, GRAPHS
from pipeline.synth import synth_command
from star import completion_command, demo_command, inspect_command
from star.chain import origin_command

if TYPE_CHECKING:
    import argparse

    from command_line.run_command import Subcommand


@dataclass(frozen=True)
class Verify:
    """The cache's `check`, under a name that is not the data set's `check`."""

    name: str = "verify"

    def configure(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add the command and its options."""
        verify_command.configure(subparsers, self.name)


DATA_SET: tuple[Subcommand, ...] = (check_command, index_command, frames_command, synth_command)
SKELETONS: tuple[Subcommand, ...] = (keypoints_command, EDGES, GRAPHS)
CACHE: tuple[Subcommand, ...] = (inspect_command, view_command, Verify(), export_command, import_command)
RUNS: tuple[Subcommand, ...] = (train_command, evaluate_command, results_command, report_command, origin_command)
PROGRAM: tuple[Subcommand, ...] = (demo_command, completion_command)
COMMANDS = (*DATA_SET, *SKELETONS, *CACHE, *RUNS, *PROGRAM)
