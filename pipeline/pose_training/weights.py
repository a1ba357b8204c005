"""Weights as safetensors: a plain float32 state dict that no loader can be tricked into executing."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from command_line.json_data import parse_json

HEADER = "training"


def save_weights(model: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Write a model's state dict (float32, batch counters int64) whole or not at all; same weights, same bytes.

    metadata: facts about the training, kept in the header as one JSON text (safetensors does not order its entries).
    """
    tensors = {name: value.detach().contiguous() for name, value in sorted(model.state_dict().items())}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(save(tensors, {HEADER: json.dumps(metadata, sort_keys=True)}))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_weights(model: nn.Module, path: Path) -> dict[str, str]:
    """Load every tensor of a safetensors file into a model of exactly these keys and shapes; returns the metadata."""
    try:
        with safe_open(path, "pt") as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file: {error}; export it again") from None
    expected = model.state_dict()
    differing = sorted(set(tensors) ^ set(expected))
    differing += sorted(n for n in set(tensors) & set(expected) if tensors[n].shape != expected[n].shape)
    if differing:
        raise ValueError(
            f"{path}: expected the {len(expected)} tensors of the config's model, got others: "
            f"{', '.join(differing[:5])}{' ...' if len(differing) > 5 else ''}; pass the weights of this config"
        )
    model.load_state_dict(tensors)
    metadata: dict[str, str] = parse_json(header.get(HEADER, "{}"))
    return metadata
