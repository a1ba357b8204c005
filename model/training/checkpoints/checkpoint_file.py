"""A checkpoint: everything a training needs to go on, in one safetensors file that cannot execute code.

The tensors are those of the network, the optimizer and the epoch's running sums; a JSON text in the file's metadata
says what they belong to (`facts`), and a SHA-256 over both tells a damaged file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from command_line.json_data import parse_json
from data_cache.files.published_file import publish_files
from model.training.checkpoints.checkpoint_facts import CheckpointFacts, verify_facts, verify_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

KIND = "star-checkpoint"
VERSION = 1
_ANOTHER = "not a whole training of star train: name another checkpoint, or train the run again"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A training between two steps.

    tensors: by name: `network.…`, `optimizer.…`, `ema.…` (averaged parameters of the network), `scaler.…`
             (with mixed precision), `epoch_sums`
    facts:   `config` (the RunConfig as nested mappings), `persons` (classes), `recipes` (of the caches, by kind),
             `origin` (by content: what it was trained on and the code that did, `model.run.origin`),
             `pretrained` (sha256 of the ImageNet weights' file, or none), `devices`,
             `steps_per_epoch`, `excluded` (where `data.exclude` keeps tracks out of training: row of /tracks as text →
             path of the first frame), `position` (`epoch`, `step`: the next one to do; `total_steps` done)
    """

    tensors: dict[str, NDArray[Any]]
    facts: dict[str, Any]

    @cached_property
    def record(self) -> CheckpointFacts:
        """The facts, checked. Raises ValueError as `verify_facts`, never for a checkpoint that was read."""
        return verify_facts(self.facts)

    def part(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The tensors whose names begin with `prefix` and a dot, without both."""
        return {name[len(prefix) + 1 :]: array for name, array in self.tensors.items() if name.startswith(f"{prefix}.")}


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `path` whole or not at all. Raises OSError with a remedy where that is not possible."""
    from safetensors.numpy import save

    facts = json.dumps(checkpoint.facts, sort_keys=True, allow_nan=False)
    tensors = {name: np.asarray(array, order="C") for name, array in sorted(checkpoint.tensors.items())}
    # One entry: safetensors writes several in any order, and equal checkpoints would not be equal files.
    said = {"version": VERSION, "sha256": _digest(facts, tensors), "facts": facts}
    content = save(tensors, {KIND: json.dumps(said)})
    with publish_files(path) as (file,):
        file.write(content)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read `path` and verify it to the last byte, what it says of itself, and that its numbers are finite.

    Raises FileNotFoundError; ValueError for a truncated, damaged or foreign file, naming the fact or tensor.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="numpy") as file:
            said = parse_json((file.metadata() or {}).get(KIND, "{}"))
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged, or no checkpoint: {' '.join(str(error).split())}") from None
    if not isinstance(said, dict) or said.get("version") != VERSION:
        got = f"version {said['version']!r}" if isinstance(said, dict) and "version" in said else "another kind of file"
        raise ValueError(f"{path}: expected a {KIND} of version {VERSION}, got {got}")
    facts = str(said.get("facts"))
    if said.get("sha256") != _digest(facts, tensors):
        raise ValueError(f"{path}: damaged: its content does not have the checksum written with it")
    try:
        found = Checkpoint(tensors, parse_json(facts))
        verify_tensors(tensors, found.record)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {_ANOTHER}") from None
    return found


def _digest(facts: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(facts.encode())
    for name, array in tensors.items():  # in the order of the names
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
