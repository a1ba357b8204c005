"""Where the files of a run lie, and those it is made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from model.clips.clip_files import ClipFiles

if TYPE_CHECKING:
    from model.run.config import RunConfig

ARTIFACTS = Path("artifacts")


def run_folder(run: RunConfig) -> Path:
    """artifacts/<dataset>/runs/<name>: checkpoints, logs, metrics."""
    return ARTIFACTS / run.dataset / "runs" / run.name


def checkpoint_folder(run: RunConfig) -> Path:
    """Where training writes its checkpoints."""
    return run_folder(run) / "checkpoints"


def cache_files(run: RunConfig, split: str) -> ClipFiles:
    """Images, edges and graphs of `split` of the run's data set."""
    kept = ARTIFACTS / run.dataset
    return ClipFiles(Path(run.root), kept / "edges" / f"{split}.h5", kept / "graphs" / f"{split}.h5")
