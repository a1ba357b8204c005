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
    """Images, edges and graphs of `split` of the run's data set, and how the run reads them."""
    kept = ARTIFACTS / run.dataset
    edges, graphs = (kept / kind / f"{split}.h5" for kind in ("edges", "graphs"))
    return ClipFiles(Path(run.root), edges, graphs, run.model.fill_gaps == "track")
