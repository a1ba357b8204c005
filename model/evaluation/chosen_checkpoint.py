"""The checkpoint that is evaluated, and whether it is one of the network that the config describes."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from command_line.digests import file_sha256
from model.run.config import RunConfig
from model.run.differing_keys import differing_keys
from model.run.earlier_settings import trained_settings
from model.run.run_folder import checkpoint_folder, run_folder
from model.training.checkpoints.checkpoint_file import read_checkpoint
from model.training.checkpoints.checkpoint_folder import newest_intact

if TYPE_CHECKING:
    from pathlib import Path

    from model.training.checkpoints.checkpoint_file import Checkpoint

_log = logging.getLogger(__name__)

FREE = ("frames", "pretrained")  # T fits any weights; where training started from is in the weights by now


@dataclass(frozen=True, eq=False)
class ChosenCheckpoint:
    """A checkpoint and where it comes from.

    trained: the settings it was trained with; sha256: of the file
    home:    the folder of its run, where results are written
    """

    path: Path
    checkpoint: Checkpoint
    trained: RunConfig
    sha256: str
    home: Path

    @property
    def persons(self) -> int:
        """Number of persons trained on."""
        return self.checkpoint.record.persons

    @property
    def excluded(self) -> dict[int, str]:
        """Tracks of the training split that a list kept out of training: row of /tracks → path of the first frame."""
        return dict(self.checkpoint.record.excluded)


def choose_checkpoint(run: RunConfig, file: Path | None) -> ChosenCheckpoint:
    """The checkpoint `file`, else the newest intact one of the run's folder; held against the config's network.

    A named file, or the newest intact one of a named folder, belongs to the run that its own settings name: its
    results go there, not into another run's folder.
    Raises FileNotFoundError where there is none; ValueError for a damaged or foreign file, and for one of another
    network, with the differing keys.
    """
    folder = checkpoint_folder(run) if file is None else file
    if file is None or folder.is_dir():
        found = newest_intact(folder)
        if found is None:
            raise FileNotFoundError(
                f"{folder}: no intact checkpoint of this run; train it first with star train,"
                " or name a checkpoint with --checkpoint"
            )
        path, checkpoint = found
    else:
        path, checkpoint = file, read_checkpoint(file)
    trained = trained_settings(checkpoint.facts["config"], f"{path}: config")
    _check_network(path, run, trained)
    for key, (wanted, got) in differing_keys(asdict(run), asdict(trained)).items():
        if key.startswith(("loss.", "train.", "data.")):
            _log.warning("%s: trained with %s %s, where the config says %s", path, key, got, wanted)
    home = run_folder(run if file is None else trained)
    return ChosenCheckpoint(path, checkpoint, trained, file_sha256(path), home)


def _check_network(path: Path, run: RunConfig, trained: RunConfig) -> None:
    found = differing_keys(asdict(run.model), asdict(trained.model))
    listed = [f"{key}: config {a}, checkpoint {b}" for key, (a, b) in found.items() if key not in FREE]
    if listed:
        raise ValueError(
            f"{path}: model: expected a checkpoint of the network in the config, got one of another: "
            f"{'; '.join(listed)}; set these as the checkpoint has them (--set model.…=…), name the config that it was"
            " trained with, or another checkpoint"
        )
