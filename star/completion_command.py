"""`star completion`: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import argparse
import sys

from command_line.run_command import DONE

SHELLS = ("bash", "zsh", "tcsh")


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "completion",
        help="print a shell's completion script",
        description="Print the script that lets a shell complete commands and options; for bash: star completion bash >"
        " ~/.local/share/bash-completion/completions/star",
    )
    parser.add_argument("shell", choices=SHELLS, help="which shell")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    sys.stdout.write(shtab.complete(args.program, shell=args.shell) + "\n")
    return DONE
