"""ImageNet weights of a ResNet, from a file the user names, into the backbone's stems and layers.

torchvision and timm name a ResNet's tensors alike; MindSpore's own (mindcv) differ in the names
of batch norms and of the shortcut's projection. Both
stems start from the one stem of the file. Files are read without executing anything in them.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mindspore as ms
import numpy as np
from mindspore import Tensor

from data_cache.files.weights.network_names import network_tensors, shown
from data_cache.files.weights.weights_file import FETCH, named_tensors, open_weights, read_weights

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from model.network.backbone import SadBackbone

logger = logging.getLogger(__name__)

STEMS = ("infrared_stem.", "visible_stem.")
# A file's own name for the last part of a batch norm's parameters → ours (MindSpore's).
NORM_PARTS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
# What a ResNet has beyond the feature map: the classifier, and counters that only torch's training reads.
BEYOND = ("fc.", "classifier.", "head.", "end_point.")
COUNTER = ".num_batches_tracked"


def read_resnet(path: Path, wanted: Collection[str]) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors, torch or MindSpore (`.ckpt`) file under the names of one stem; no classifier.

    wanted: names as `_in_file` says them, by which the network in the file is found
    ``FileNotFoundError``, ``PermissionError``; ``ValueError`` for what is not such a file. Each says what to do.
    """
    require_pretrained(path)
    with _setting_named():
        tensors = named_tensors(read_weights(path, _read_mindspore if path.suffix == ".ckpt" else None))
        found = network_tensors(path, {_renamed(name): value for name, value in tensors.items()}, wanted)
    return {name: value for name, value in found.items() if not name.startswith(BEYOND) and not name.endswith(COUNTER)}


def require_pretrained(path: Path) -> None:
    """``FileNotFoundError``, ``PermissionError`` or ``ValueError`` unless `path` is a file that one may read."""
    if not path.exists():
        raise FileNotFoundError(f"pretrained: {path}: no such file; name a torchvision or timm ResNet's state dict")
    with _setting_named():
        open_weights(path).close()


@contextmanager
def _setting_named() -> Iterator[None]:
    try:
        yield
    except (ValueError, PermissionError) as error:
        raise type(error)(f"pretrained: {error}") from None


def load_pretrained(backbone: SadBackbone, path: Path | None) -> None:
    """Put the weights of `path` into both stems and layer1 to layer4; without a path say so in the log.

    ``ValueError`` lists what is missing, unexpected or of another shape; then nothing has been changed.
    """
    if path is None:
        logger.warning("no pretrained weights: the backbone starts from random ones")
        return
    wanted = dict(backbone.parameters_and_names())
    found = read_resnet(path, {_in_file(name) for name in wanted})
    differences = _differences({name: p.shape for name, p in wanted.items()}, found)
    if differences:
        raise ValueError(
            f"pretrained: {path}: not the weights of this backbone: {differences};"
            " name a file of the ResNet that model.backbone says"
        )
    for name, parameter in wanted.items():
        parameter.set_data(Tensor(found[_in_file(name)].astype(np.float32)))
    logger.info("backbone starts from %s (%d tensors)", path, len(found))


def _renamed(name: str) -> str:
    """A file's name with the last part of a batch norm's as ours: `bn1.weight` → `bn1.gamma`."""
    *place, part = name.replace(".down_sample.", ".downsample.").split(".")
    norm = bool(place) and (place[-1].startswith("bn") or place[-2:] == ["downsample", "1"])
    return ".".join([*place, NORM_PARTS.get(part, part) if norm else part])


def _in_file(name: str) -> str:
    """A backbone parameter's name in a file of one stem: `visible_stem.conv1.weight` → `conv1.weight`."""
    for stem in STEMS:
        name = name.removeprefix(stem)
    return name


def _differences(wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, NDArray[Any]]) -> str:
    """What keeps the file from being loaded, in one line: a count and the first few of each kind; or nothing."""
    shapes = {_in_file(name): shape for name, shape in wanted.items()}
    kinds = {
        "missing": [name for name in shapes if name not in found],
        "unexpected": [name for name in found if name not in shapes],
        "of another shape": [
            f"{name} expected {shape}, got {found[name].shape}"
            for name, shape in shapes.items()
            if name in found and found[name].shape != shape
        ],
        "not finite": [name for name in shapes if name in found and not np.isfinite(found[name]).all()],
    }
    return "; ".join(shown(names, kind) for kind, names in kinds.items() if names)


def _read_mindspore(path: Path) -> dict[str, NDArray[Any]]:
    try:
        parameters = ms.load_checkpoint(str(path))
    except (ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path}: not a whole MindSpore checkpoint: {reason}; {FETCH}") from None
    return {name: _array(parameter) for name, parameter in parameters.items()}


def _array(parameter: ms.Parameter) -> NDArray[Any]:
    """A parameter of a file as NumPy has it, which lacks bfloat16."""
    plain: Tensor = parameter.astype(ms.float32) if parameter.dtype == ms.bfloat16 else parameter
    array: NDArray[Any] = plain.asnumpy()
    return array
