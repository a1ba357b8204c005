"""A network with the weights of a checkpoint."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from mindspore import Tensor, dtype_to_nptype, ops

from model.clips.skeletons.skeleton_inputs import edge_value_count
from model.network.network import StarNetwork
from model.run.earlier_settings import trained_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mindspore import Parameter
    from numpy.typing import NDArray

    from model.training.checkpoints.checkpoint_file import Checkpoint

logger = logging.getLogger(__name__)

_SHOWN = 5


def load_network(checkpoint: Checkpoint) -> StarNetwork:
    """The network that `checkpoint` holds, ready to evaluate (`set_train(False)`), with its averaged weights if any.

    Raises ValueError where the tensors are not those of its own settings and of its caches' angle.
    """
    settings = trained_settings(checkpoint.facts["config"], "checkpoint: config")
    edges = checkpoint.record.recipes.get("edges", {})
    network = StarNetwork(settings.model, checkpoint.record.persons, edge_value_count(edges.get("angle", "arctan")))
    part = "ema" if settings.train.ema > 0 else "network"
    if part == "ema":
        logger.info("of this checkpoint the averaged weights are taken (train.ema: %s)", settings.train.ema)
    set_parameters(network.get_parameters(), checkpoint.part(part), part)
    network.set_train(False)
    return network


def set_parameters(parameters: Iterable[Parameter], arrays: Mapping[str, NDArray[Any]], what: str) -> None:
    """Give every parameter the array of its name.

    Raises ValueError that lists what is missing, too much, or of another shape or dtype.
    """
    named = {parameter.name: parameter for parameter in parameters}
    wrong = [f"no {name}" for name in named if name not in arrays]
    wrong += [f"an unknown {name}" for name in arrays if name not in named]
    for name in named.keys() & arrays.keys():
        if tuple(named[name].shape) != arrays[name].shape:
            wrong.append(f"{name} of shape {arrays[name].shape} where {tuple(named[name].shape)} is expected")
        elif dtype_to_nptype(named[name].dtype) != arrays[name].dtype:
            wrong.append(f"{name} of {arrays[name].dtype} where {named[name].dtype} is expected")
    if wrong:
        listed = ", ".join(sorted(wrong)[:_SHOWN]) + (f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else "")
        raise ValueError(f"checkpoint: expected the {what}'s own tensors, got {listed}; it was written by another one")
    for name, parameter in named.items():
        # Not set_data: a graph that is compiled already would go on with the old values.
        ops.assign(parameter, Tensor(np.asarray(arrays[name], order="C")))
