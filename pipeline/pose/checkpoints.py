"""Network weights read from files without executing anything that a file contains.

safetensors files hold tensors only. A `.pth` file is a pickle: it goes through torch's weights-only unpickler,
which builds tensors and plain containers and refuses every other name. Checkpoints written by MMEngine carry
more (log histories, NumPy scalars, bound methods); those few names are let in, but each stands for the same empty
object, so that their pickles are read over and nothing of them runs.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

PICKLED = (".pth", ".pt", ".ckpt", ".bin")
SHOWN = 5

# What MMEngine's CheckpointHook saves beside tensors: MessageHub's HistoryBuffers (NumPy arrays, and their
# statistics as getattr(HistoryBuffer, name)), NumPy scalars and arrays in the runtime information and the
# data set's description. NumPy 2 writes the same under numpy._core.
READ_OVER = (
    "builtins.getattr",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.ndarray",
    "numpy.dtype",
)


class ReadOver:
    """Stands for everything in a checkpoint that is not needed: takes any arguments and any state, keeps none."""

    def __new__(cls, *_arguments: object) -> ReadOver:
        return super().__new__(cls)

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """tensors: name → tensor on the CPU; joints: the names its data set gave to the joints, if it says."""

    tensors: dict[str, Tensor]
    joints: tuple[str, ...] | None


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU; see `read_checkpoint`."""
    return read_checkpoint(path).tensors


def read_checkpoint(path: Path) -> Checkpoint:
    """Read `.safetensors`, or a torch checkpoint: a state dict, or a mapping that holds one as `state_dict`.

    The prefix `module.` of data-parallel training is dropped. ``FileNotFoundError``; ``ValueError`` for what is
    not a checkpoint, would execute code, or holds numbers that are not finite.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    if path.suffix == ".safetensors":
        payload: object = _read_safetensors(path)
    elif path.suffix in PICKLED:
        payload = _read_pickle(path)
    else:
        raise ValueError(f"{path}: expected .safetensors or {', '.join(PICKLED)}, got {path.suffix or 'no suffix'!r}")
    if not isinstance(payload, Mapping):
        raise ValueError(f"{path}: expected a mapping of names to tensors, got {type(payload).__name__}")
    state = payload.get("state_dict", payload)
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"{path}: expected tensors by name under 'state_dict', got {type(state).__name__}")
    tensors = {_name(path, name): _tensor(path, name, value) for name, value in state.items()}
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return Checkpoint(tensors, _joint_names(payload.get("meta")))


def load_weights(model: nn.Module, path: Path, config: Path) -> tuple[str, ...] | None:
    """Put a checkpoint into the network of `config`; returns the names it gives to the joints, if it does.

    ``ValueError`` lists the tensors that differ.

    Stricter than MMEngine's loader, which leaves random what a checkpoint lacks. Names that MMPose 0.x used are
    converted by the hooks MMPose itself installs.
    """
    checkpoint = read_checkpoint(path)
    tensors = checkpoint.tensors
    expected = model.state_dict()
    # Counters that only training reads; checkpoints from old versions of torch lack them.
    counters = {name: value for name, value in expected.items() if name.endswith(".num_batches_tracked")}
    try:
        model.load_state_dict({**counters, **tensors})
    except RuntimeError as error:
        raise ValueError(
            f"{path}: not the weights of {config.name}: {_difference(tensors, expected)}; "
            "pass the checkpoint that was trained with this config"
        ) from error
    return checkpoint.joints


def _difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Which tensors differ, in one line: a count and the first few of each kind."""
    shapes = [
        f"{name} expected {tuple(expected[name].shape)}, got {tuple(found[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    kinds = {
        "missing": [name for name in expected if name not in found and not name.endswith(".num_batches_tracked")],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": shapes,
    }
    return "; ".join(
        f"{len(names)} {kind} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"
        for kind, names in kinds.items()
        if names
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file: {error}; fetch it again") from error


def _read_pickle(path: Path) -> object:
    try:
        with path.open("rb") as file, _only_read_over():
            return torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it asks for {named[1]}, which is code" if named else "its pickle is broken or holds more than tensors"
        raise ValueError(
            f"{path}: refused: {what}; pass a checkpoint of tensors, for instance as .safetensors"
        ) from error
    except Exception as error:  # bytes from outside: torch's reader fails in many ways on a file that is not its own
        raise ValueError(f"{path}: not a whole torch checkpoint ({type(error).__name__}); fetch it again") from error


@contextmanager
def _only_read_over() -> Iterator[None]:
    """Let torch's weights-only unpickler know the names in `READ_OVER` and no others, whoever added some before."""
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals([(ReadOver, name) for name in READ_OVER])
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def _name(path: Path, name: object) -> str:
    if not isinstance(name, str):
        raise ValueError(f"{path}: expected tensors by name, got the key {name!r}")
    return name


def _tensor(path: Path, name: object, value: object) -> Tensor:
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_meta:
        raise ValueError(f"{path}: {name}: expected a dense tensor, got {type(value).__name__}")
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise ValueError(f"{path}: {name}: expected finite weights, got nan or inf; the training went astray")
    return value.detach()


def _joint_names(meta: Any) -> tuple[str, ...] | None:
    """Joint names in the order of the network's output, from MMPose's `meta: dataset_meta: keypoint_id2name`."""
    described = meta.get("dataset_meta") if isinstance(meta, Mapping) else None
    names = described.get("keypoint_id2name") if isinstance(described, Mapping) else None
    if not isinstance(names, Mapping) or sorted(names) != list(range(len(names))):
        return None
    return tuple(str(names[number]) for number in range(len(names)))
