"""Which weight of the network in PyTorch is which of the one in MindSpore, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
_RENAMED = {
    "correct.weights.": "correct.",
    "correct.ffn.": "correct.",
    "part_weights.maps.": "part_weights.",
    "consistency.edges.": "edge_distribution.",
    "consistency.joints.": "joint_distribution.",
    "attention.out.": "attention.out_proj.",
    "edge_encoder.standardize.": "edge_encoder.",
}
_PROJECTIONS = ("query", "key", "value")  # the order of the rows of MultiheadAttention's in_proj
_CONSTANTS = ("log_exponents",)

Arrays = dict[str, NDArray[np.float32]]


def torch_name(name: str) -> tuple[str, int]:
    """The name in PyTorch of MindSpore's parameter `name`, and which third of it that is (0 where it is whole)."""
    for old, new in _RENAMED.items():
        name = name.replace(old, new)
    *cells, last = name.split(".")
    if last in _NORM:
        return ".".join([*cells, _NORM[last]]), 0
    if cells and cells[-1] in _PROJECTIONS:
        return ".".join([*cells[:-1], f"in_proj_{last}"]), _PROJECTIONS.index(cells[-1])
    return name, 0


def load_weights(network: torch.nn.Module, weights: Mapping[str, NDArray[Any]]) -> None:
    """Put MindSpore's parameters, by their names, into `network`.

    Raises ValueError with the names of weights that one of the two networks does not have.
    """
    parts: dict[str, list[tuple[int, NDArray[Any]]]] = {}
    for name, value in weights.items():
        if name.rpartition(".")[2] not in _CONSTANTS:
            theirs, third = torch_name(name)
            parts.setdefault(theirs, []).append((third, value))
    expected = {n: v for n, v in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    if parts.keys() != expected.keys():
        raise ValueError(f"weights of one network only: {sorted(parts.keys() ^ expected.keys())}")
    with torch.no_grad():
        for name, target in expected.items():
            value = np.concatenate([part for _, part in sorted(parts[name], key=lambda part: part[0])])
            if value.size != target.numel():
                raise ValueError(f"{name}: expected {tuple(target.shape)}, got {value.shape}")
            target.copy_(torch.from_numpy(value.reshape(target.shape)))


def as_mindspore(names: Mapping[str, tuple[int, ...]], values: Mapping[str, torch.Tensor]) -> Arrays:
    """PyTorch's weights or gradients `values` under MindSpore's names, whose shapes `names` gives."""
    found: Arrays = {}
    for name, shape in names.items():
        theirs, third = torch_name(name)
        value = values[theirs].detach().numpy()
        if "in_proj_" in theirs:
            value = np.split(value, len(_PROJECTIONS))[third]
        found[name] = value.reshape(shape)
    return found
