"""`star inspect`: what is in any file of this project: the cache's own command, and runs' files by their origin."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from command_line.run_command import DONE
from data_cache.inspection import inspect_command as cache_command

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    cache_command.configure(subparsers)
    parser = subparsers.choices["inspect"]
    parser.set_defaults(run=run)
    parser.epilog = (
        "A checkpoint, metrics.json, clip_lengths.json or features.h5 is shown with what it says it was made from;"
        " `star origin` verifies that."
    )


def run(args: argparse.Namespace) -> int:
    """Show a run's file, or let the cache's command do it."""
    if not _is_of_a_run(args.file):
        return cache_command.run(args)
    given = [name for name in ("track", "frame", "min_score", "plot", "root") if getattr(args, name) is not None]
    if given or args.json:
        option = given[0].replace("_", "-") if given else "json"
        args.usage_error(f"--{option} goes with a cache file only; of a run's files, `star origin` has --json")
    from command_line.text_table import printable
    from star.chain.chain import open_chain
    from star.chain.links import chain_lines, find_links

    chain = open_chain(args.file)
    links = chain_lines(find_links(chain.links, verify=False))
    lines = [f"{args.file}: {chain.words}", "", "made from", *(f"  {line}" for line in links)]
    sys.stdout.write(printable("\n".join(lines)) + "\n")
    return DONE


def _is_of_a_run(file: Path) -> bool:
    return file.is_file() and (file.suffix in (".safetensors", ".json") or file.name == "features.h5")
