"""`python -m data_cache.files.weights FILE NAME OUT`: keep one network of a weights file that holds several."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command_line.run_command import DONE, add_debug_option, run
from data_cache.files.published_file import publish_files
from data_cache.files.weights.weights_file import named_tensors, read_weights


def build_parser() -> argparse.ArgumentParser:
    """The command and its options."""
    parser = argparse.ArgumentParser(prog="python -m data_cache.files.weights", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="weights of safetensors or torch")
    parser.add_argument("name", metavar="NAME", help="what the tensors' names begin with, such as state_dict.teacher")
    parser.add_argument("out", type=Path, metavar="OUT.safetensors", help="file to write")
    add_debug_option(parser)
    parser.set_defaults(run=keep)
    return parser


def keep(args: argparse.Namespace) -> int:
    """Write the tensors under the name, without it."""
    import numpy as np
    from safetensors.numpy import save

    prefix = f"{args.name}."
    tensors = named_tensors(read_weights(args.file))
    kept = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    if not kept:
        raise ValueError(
            f"{args.file}: expected tensors under {args.name!r}, got none; its names are such as "
            f"{next(iter(tensors), None)!r}"
        )
    content = save({name: np.ascontiguousarray(value) for name, value in sorted(kept.items())})
    with publish_files(args.out) as (file,):
        file.write(content)
    return DONE


if __name__ == "__main__":
    sys.exit(run(build_parser()))
