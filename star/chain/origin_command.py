"""`star origin`: what a file was made from, back to the frames, and whether all of that is still so."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from command_line.run_command import AT_FAULT, DONE


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "origin",
        help="verify what a result was made from, back to the frames",
        description="Follow a result, a checkpoint or a cache file back to the frames and compare, by content, what"
        " each says it was made from with what is there now: the figures (ranked again), features, checkpoint, edges,"
        " graphs, keypoints, the list of the frames, and the code that decides numbers. Exit status 1 where something"
        " differs; what is not here is only said.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="metrics.json, features.h5, a checkpoint, a cache file")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="read the frames below DIR again, instead of their list"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the chain; 1 where a link differs."""
    from command_line.text_table import amount, printable
    from star.chain.chain import open_chain
    from star.chain.links import State, chain_lines, find_links

    if args.root is not None and not args.root.is_dir():
        raise FileNotFoundError(f"--root: expected the folder of the frames, got {args.root}, which is none")
    chain = open_chain(args.file, args.root)
    found = find_links(chain.links, verify=True)
    counts = {state: sum(one.state == state for one in found) for state in State}
    differing = counts[State.DIFFERS]
    if args.json:
        links = [
            {
                "depth": one.depth,
                "name": one.link.name,
                "state": one.state.value,
                "sha256": one.link.noted,
                "where": str(one.link.where),
            }
            for one in found
        ]
        sys.stdout.write(json.dumps({"file": str(args.file), "same": not differing, "links": links}, indent=1) + "\n")
        return AT_FAULT if differing else DONE
    told = [f"{amount(counts[State.SAME], 'link')} the same", f"{differing} differ" if differing != 1 else "1 differs"]
    told += [f"{counts[state]} {state.value}" for state in (State.ABSENT, State.UNKNOWN) if counts[state]]
    remedy = ["what differs is of other data or code than is here now: `dvc repro` makes it anew"] if differing else []
    lines = [f"{args.file}: {chain.words}", "", *chain_lines(found), "", ", ".join(told), *remedy]
    sys.stdout.write(printable("\n".join(lines)) + "\n")
    return AT_FAULT if differing else DONE
