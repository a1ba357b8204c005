"""The folder of a generated data set: appears whole or not at all, and replaces nothing but its own kind."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from command_line.json_data import read_json
from data_cache.files.output_lock import lock_output
from pipeline.datasets.hitsz_vcm.layout import SPLIT_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "synth.json"
FORMAT = "star-reid.synth"
_MOST_BYTES = 1 << 20  # of the mark
_OWN = {MARK, "info", *SPLIT_FOLDERS.values()}


def check_folder(out: Path, *, force: bool) -> None:
    """Raise ``ValueError`` where `out` holds anything but nothing, or (with `force`) an earlier generated data set."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ValueError(f"{out}: expected a folder of its own or none, got another kind of file; name another --out")
    held = sorted(entry.name for entry in out.iterdir()) if out.is_dir() else []
    if not held:
        return
    foreign = [name for name in held if name not in _OWN]
    if foreign or not _is_marked(out / MARK):
        shown = ", ".join(held[:3]) + (", …" if len(held) > 3 else "")
        raise ValueError(f"{out}: expected no folder or a generated data set, got {shown}; name another --out")
    if not force:
        raise ValueError(f"{out}: a generated data set is there already; name another --out, or replace it by --force")


def _is_marked(mark: Path) -> bool:
    try:
        content = read_json(mark, _MOST_BYTES)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


@contextmanager
def own_folder(out: Path, *, force: bool) -> Iterator[Path]:
    """Give an empty folder beside `out` that takes its name when the block ends well, and is removed otherwise.

    Raises as `check_folder`, and `OutputBusyError` while another run writes `out`.
    """
    with lock_output(out):
        # Names that are nobody else's: what a killed run left under them is removed, and what it put aside put back.
        partial, aside = (out.with_name(f"{out.name}.synth-{state}") for state in ("partial", "replaced"))
        _put_back(aside, out)
        check_folder(out, force=force)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            check_folder(out, force=force)
            if out.exists():
                out.rename(aside)
            partial.rename(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            _put_back(aside, out)


def _put_back(aside: Path, out: Path) -> None:
    """Undo half a replacement: `aside` becomes `out` again, or is removed where `out` is whole."""
    if aside.is_dir() and not out.exists():
        aside.rename(out)
    shutil.rmtree(aside, ignore_errors=True)
