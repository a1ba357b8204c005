"""ImageNet weights of a ResNet, from a file the user names, into the backbone's stems and layers.

torchvision and timm name a ResNet's tensors alike; MindSpore's own (mindcv) differ in the names
of batch norms and of the shortcut's projection. Both
stems start from the one stem of the file. Files are read without executing anything in them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mindspore as ms
import numpy as np
from mindspore import Tensor

from model.network.torch_archive import read_torch_archive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from model.network.backbone import SadBackbone

logger = logging.getLogger(__name__)

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
SHOWN = 5
STEMS = ("infrared_stem.", "visible_stem.")
# A file's own name for the last part of a batch norm's parameters → ours (MindSpore's).
NORM_PARTS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
# What a ResNet has beyond the feature map: the classifier, and counters that only torch's training reads.
BEYOND = ("fc.", "classifier.", "head.", "end_point.")
COUNTER = ".num_batches_tracked"


def read_weights(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a `.safetensors`, `.pth`/`.pt` (torch state dict) or `.ckpt` (MindSpore) file by name.

    ``FileNotFoundError``; ``ValueError`` for another suffix and for what is not such a file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"pretrained: {path}: no such file; name a torchvision or timm ResNet's state dict")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in (".pth", ".pt"):
        return read_torch_archive(path)
    if path.suffix == ".ckpt":
        return _read_mindspore(path)
    raise ValueError(f"pretrained: {path}: expected one of {', '.join(SUFFIXES)}, got {path.suffix or 'no suffix'!r}")


def load_pretrained(backbone: SadBackbone, path: Path | None) -> None:
    """Put the weights of `path` into both stems and layer1 to layer4; without a path say so in the log.

    ``ValueError`` lists what is missing, unexpected or of another shape; then nothing has been changed.
    """
    if path is None:
        logger.warning("no pretrained weights: the backbone starts from random ones")
        return
    found = _renamed(read_weights(path))
    wanted = dict(backbone.parameters_and_names())
    differences = _differences({name: p.shape for name, p in wanted.items()}, found)
    if differences:
        raise ValueError(f"pretrained: {path}: not the weights of this backbone: {differences}")
    for name, parameter in wanted.items():
        parameter.set_data(Tensor(found[_in_file(name)].astype(np.float32)))
    logger.info("backbone starts from %s (%d tensors)", path, len(found))


def _renamed(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The file's tensors under the names of one stem and layer1 to layer4, as `_in_file` says them."""
    result: dict[str, NDArray[Any]] = {}
    for name, value in tensors.items():
        plain = name.removeprefix("module.").replace(".down_sample.", ".downsample.")
        if plain.startswith(BEYOND) or plain.endswith(COUNTER):
            continue
        *place, part = plain.split(".")
        norm = bool(place) and (place[-1].startswith("bn") or place[-2:] == ["downsample", "1"])
        result[".".join([*place, NORM_PARTS.get(part, part) if norm else part])] = value
    return result


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
    return "; ".join(
        f"{len(names)} {kind} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"
        for kind, names in kinds.items()
        if names
    )


def _read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"pretrained: {path}: not a whole safetensors file: {error}; fetch it again") from None


def _read_mindspore(path: Path) -> dict[str, NDArray[Any]]:
    try:
        parameters = ms.load_checkpoint(str(path))
    except (ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"pretrained: {path}: not a whole MindSpore checkpoint: {reason}") from None
    return {name: parameter.asnumpy() for name, parameter in parameters.items()}
