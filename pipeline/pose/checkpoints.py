"""Weights of a pose network, from a file into the network; nothing that a file contains is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data_cache.files.weights.network_names import network_tensors, shown
from data_cache.files.weights.weights_file import named_tensors, read_weights

COUNTER = ".num_batches_tracked"  # only training reads it; checkpoints from old versions of torch lack it


def load_weights(model: nn.Module, path: Path, config: Path) -> tuple[str, ...] | None:
    """Put a checkpoint into the network of `config`; returns the names it gives to the joints, if it does.

    What stands before all names (`state_dict`, `module.`) is dropped. ``FileNotFoundError``, ``PermissionError``;
    ``ValueError`` for what is not a checkpoint, would execute code, or holds numbers that are not finite; it lists the
    tensors that differ.

    Stricter than MMEngine's loader, which leaves random what a checkpoint lacks. Names that MMPose 0.x used are
    converted by the hooks MMPose itself installs.
    """
    held = read_weights(path)
    expected = model.state_dict()
    counters = {name: value for name, value in expected.items() if name.endswith(COUNTER)}
    wanted = expected.keys() - counters.keys()
    # MMPose 0.x named the backbone's tensors as today, and the head's otherwise.
    backbone = {name for name in wanted if name.startswith("backbone.")}
    tensors = {
        name: _tensor(path, name, value)
        for name, value in network_tensors(path, named_tensors(held), backbone or wanted).items()
    }
    try:
        model.load_state_dict({**counters, **tensors})
    except RuntimeError as error:
        raise ValueError(
            f"{path}: not the weights of {config.name}: {_difference(tensors, expected)}; "
            "pass the checkpoint that was trained with this config"
        ) from error
    return _joint_names(held.get("meta")) if isinstance(held, Mapping) else None


def _difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Which tensors differ, in one line: a count and the first few of each kind."""
    shapes = [
        f"{name} expected {tuple(expected[name].shape)}, got {tuple(found[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    kinds = {
        "missing": [name for name in expected if name not in found and not name.endswith(COUNTER)],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": shapes,
    }
    return "; ".join(shown(names, kind) for kind, names in kinds.items() if names)


def _tensor(path: Path, name: str, value: NDArray[Any]) -> Tensor:
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise ValueError(f"{path}: {name}: expected finite weights, got nan or inf; the training went astray")
    return torch.tensor(value)


def _joint_names(meta: Any) -> tuple[str, ...] | None:
    """Joint names in the order of the network's output, from MMPose's `meta: dataset_meta: keypoint_id2name`."""
    described = meta.get("dataset_meta") if isinstance(meta, Mapping) else None
    names = described.get("keypoint_id2name") if isinstance(described, Mapping) else None
    if not isinstance(names, Mapping) or sorted(names) != list(range(len(names))):
        return None
    return tuple(str(names[number]) for number in range(len(names)))
