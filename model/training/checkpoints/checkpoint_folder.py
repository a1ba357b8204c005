"""The checkpoints of a run: `step-<steps done>.safetensors` in one folder, the last few of them."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from model.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

_NAME = re.compile(r"step-(\d{8})\.safetensors")


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first, damaged ones too; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def newest_intact(folder: Path) -> tuple[Path, Checkpoint] | None:
    """The newest checkpoint that can be read; damaged ones are skipped with a warning. None where there is none.

    Raises ValueError where there are some and none can be read: that is no training that has not begun.
    """
    files = checkpoint_files(folder)
    refused = ""
    for path in reversed(files):
        try:
            return path, read_checkpoint(path)
        except ValueError as error:
            refused = refused or str(error)
            if path != files[0]:
                logger.warning("%s; taking the one before", error)
    if files:
        others = f" (and none of {len(files) - 1} before it can be read)" if len(files) > 1 else ""
        raise ValueError(f"{refused}{others}; to begin anew, rename {folder}")
    return None


def keep_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write `checkpoint`, then remove all but the last `keep`; the name says how many steps are done."""
    path = folder / f"step-{checkpoint.facts['position']['total_steps']:08d}.safetensors"
    write_checkpoint(path, checkpoint)
    for old in checkpoint_files(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def put_aside(folder: Path) -> Path:
    """Rename the folder of another training to `<name>.before-<n>`, so that nothing is lost; return the new name."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.before-{number}")).exists():
        number += 1
    return folder.rename(aside)
