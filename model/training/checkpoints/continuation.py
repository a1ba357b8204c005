"""Whether a training may go on from a checkpoint: everything that decides its numbers must be the same."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from command_line.digests import file_sha256
from model.run.differing_keys import differing_keys
from model.run.origin import TRAINING_ROOMS, code_origin, compared_origin, data_origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from model.run.config import RunConfig
    from model.training.training_data import TrainingData

logger = logging.getLogger(__name__)

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
_COSINE_EPOCHS = "train.epochs (its cosine falls to 0 over all of them: others are another rate at every step)"
_SHOWN = 8


def training_facts(run: RunConfig, data: TrainingData, pretrained: Path | None) -> dict[str, Any]:
    """What a checkpoint says of its training, without the position."""
    listed = {str(row): first for row, first in data.excluded.items()}
    return {
        "config": _plain(asdict(run)),
        "persons": len(data.persons),
        "recipes": data.recipes,
        "origin": {**data_origin(data.split), "code": code_origin(TRAINING_ROOMS)},
        "pretrained": None if pretrained is None else file_sha256(pretrained),
        "devices": data.batches.devices,
        "steps_per_epoch": data.steps,
        **({"excluded": listed} if listed else {}),
    }


def check_continuation(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ValueError with the differing keys unless the training of `before` may go on as `now`.

    It may where all that decides its numbers is the same, and it has not gone beyond the epochs of now.
    """
    unknown = _unknown_origin(before, now)
    differing = {
        key: pair
        for key, pair in differing_keys(_compared(before), _compared(now)).items()
        if key not in FREE and not any(key == lost or key.startswith(f"{lost}.") for lost in unknown)
    }
    train = now["config"]["train"]
    if beyond := _beyond_the_epochs(before["position"], train["epochs"]):
        differing["train.epochs"] = beyond
    elif (then := before["config"]["train"]["epochs"]) != train["epochs"] and train["schedule"] == "cosine":
        differing[_COSINE_EPOCHS] = f"{then}", f"{train['epochs']}"
    if differing:
        named = "; ".join(f"{key}: {old} then, {new} now" for key, (old, new) in list(differing.items())[:_SHOWN])
        more = f"; and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        raise ValueError(
            f"{path}: cannot go on, this training differs from the one that wrote it: {named}{more};"
            " set these back, give the run another name, or use --on-change restart"
        )


def _compared(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without the position, which may differ, and of the origin what must not."""
    kept = {key: value for key, value in facts.items() if key != "position"}
    return {**kept, "origin": compared_origin(kept["origin"])} if "origin" in kept else kept


def _unknown_origin(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The parts of the origin that only one of both knows, which cannot be compared; said in a warning."""
    if "origin" not in before:
        logger.warning("this checkpoint does not note its origin: whether data and code are the same was not compared")
        return ["origin"]
    if ("frames" in before["origin"]) == ("frames" in now["origin"]):
        return []
    side = "now" if "frames" in now["origin"] else "in the checkpoint (`star frames` writes the list)"
    logger.warning("the frames are listed only %s: whether they are the same was not compared", side)
    return ["origin.frames"]


def _beyond_the_epochs(position: Mapping[str, int], epochs: int) -> tuple[str, str] | None:
    """Where a checkpoint stands and where the training should end, as text, if that is before."""
    epoch, step = position["epoch"], position["step"]
    if (epoch, step) <= (epochs, 0):
        return None
    return f"{epoch} epochs and {step} steps done", f"{epochs} epochs"


def _plain(value: Any) -> Any:
    """Lists for tuples, as JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
