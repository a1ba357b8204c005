"""Whether a training may go on from a checkpoint: everything that decides its numbers must be the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from model.run.differing_keys import differing_keys
from model.training.checkpoint_file import file_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from model.run.config import RunConfig
    from model.training.training_data import TrainingData

# What may change between a stop and a resume: names and places, how long to go on, and what is kept.
FREE = (
    "config.name",
    "config.root",
    "config.model.pretrained",
    "config.data.exclude",
    "config.train.epochs",
    "config.train.keep_checkpoints",
    "config.train.checkpoint_steps",
)
_SHOWN = 8


def training_facts(run: RunConfig, data: TrainingData, pretrained: Path | None) -> dict[str, Any]:
    """What a checkpoint says of its training, without the position."""
    listed = {str(row): first for row, first in data.excluded.items()}
    return {
        "config": _plain(asdict(run)),
        "persons": len(data.persons),
        "recipes": data.recipes,
        "pretrained": None if pretrained is None else file_sha256(pretrained),
        "devices": data.batches.devices,
        "steps_per_epoch": data.steps,
        **({"excluded": listed} if listed else {}),
    }


def check_continuation(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ValueError with the differing keys unless the training of `before` may go on as `now`."""
    compared = {key: value for key, value in before.items() if key != "position"}
    differing = {key: pair for key, pair in differing_keys(compared, now).items() if key not in FREE}
    if differing:
        named = "; ".join(f"{key}: {old} then, {new} now" for key, (old, new) in list(differing.items())[:_SHOWN])
        more = f"; and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        raise ValueError(
            f"{path}: cannot go on, this training differs from the one that wrote it: {named}{more};"
            " set these back, give the run another name, or use --on-change restart"
        )


def _plain(value: Any) -> Any:
    """Lists for tuples, as JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
