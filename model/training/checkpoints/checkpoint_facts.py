"""What a checkpoint says of itself, checked once, when it is read: evaluation, report and resume believe only this."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.run.origin import verify_run_origin

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUMS = "epoch_sums"
SUMS_SHAPES = ((9,), (6,))  # see `model.training.epoch_sums`; earlier ones have no norms of gradients
CLASSIFIERS = ("network.clip_neck.classifier.weight", "network.frame_neck.classifier.weight")  # (persons, C)
_DTYPES = {
    "network": ("float32",),
    "optimizer": ("float32", "int32"),
    "ema": ("float32",),
    "scaler": ("float32", "int32"),
    SUMS: ("float64",),
}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ROW = re.compile(r"[0-9]{1,18}")
_SHOWN = 60  # characters of a wrong value


@dataclass(frozen=True)
class CheckpointPosition:
    """Where a training stands: the next `step` of `epoch` (both from 0), and how many steps are done in all."""

    epoch: int
    step: int
    total_steps: int


@dataclass(frozen=True)
class CheckpointFacts:
    """The facts that a checkpoint's tensors are understood by.

    config:   settings it was trained with, as nested mappings, which `build_settings` checks
    persons:  classes; recipes: of the caches, by kind; devices: that trained
    excluded: row of /tracks → path of the first frame, of the tracks kept out of training
    origin:   what it was trained on and the code that did (`model.run.origin`); None where it does not say
    """

    config: Mapping[str, Any]
    persons: int
    recipes: Mapping[str, Mapping[str, Any]]
    steps_per_epoch: int
    devices: int
    excluded: Mapping[int, str]
    position: CheckpointPosition
    origin: Mapping[str, Any] | None


def verify_facts(facts: object) -> CheckpointFacts:
    """Check what a file says. Raises ValueError naming the key, what was expected and what was got.

    Keys that are not told above are left alone.
    """
    known = _mapping(facts, "facts", "names and values")
    config = _mapping(known.get("config"), "config", "settings")
    recipes = _mapping(known.get("recipes"), "recipes", "the caches' recipes, by kind")
    for kind, recipe in recipes.items():
        _mapping(recipe, f"recipes.{kind:.{_SHOWN}}", "a recipe's settings")
    pretrained = known.get("pretrained")
    if pretrained is not None and not (isinstance(pretrained, str) and _DIGEST.fullmatch(pretrained)):
        raise _refusal("pretrained", "64 hexadecimal digits or none", pretrained)
    steps = _whole(known, "steps_per_epoch", 1)
    return CheckpointFacts(
        config=config,
        persons=_whole(known, "persons", 1),
        recipes=recipes,
        steps_per_epoch=steps,
        devices=_whole({"devices": 1, **known}, "devices", 1),
        excluded=_excluded(known.get("excluded", {})),
        position=_position(known.get("position"), steps, config),
        origin=verify_run_origin(known["origin"]) if "origin" in known else None,
    )


def verify_tensors(tensors: Mapping[str, NDArray[Any]], facts: CheckpointFacts) -> None:
    """Check names, dtypes and values, and the shapes that `facts` tell.

    The network's own shapes are for `model.training.trained_network.set_parameters`. Raises ValueError naming the
    first tensor that is wrong.
    """
    if SUMS not in tensors:
        raise _refusal(SUMS, "the running sums of the epoch", None)
    for name, array in tensors.items():
        part = name.partition(".")[0]
        if part not in _DTYPES or (part == name) != (name == SUMS):
            raise _refusal("tensors", f"names that begin with {', '.join(_DTYPES)}", name)
        if array.dtype.name not in _DTYPES[part]:
            raise ValueError(f"{name}: expected {' or '.join(_DTYPES[part])}, got {array.dtype.name}")
        bad = int(array.size - np.isfinite(array).sum())
        if bad:
            raise ValueError(f"{name}: expected finite numbers, got NaN or infinity in {bad:,} of {array.size:,}")
    if tensors[SUMS].shape not in SUMS_SHAPES:
        known = " or ".join(map(str, SUMS_SHAPES))
        raise ValueError(f"{SUMS}: expected the shape {known}, got {tensors[SUMS].shape}")
    for name in CLASSIFIERS:
        if name in tensors and tensors[name].shape[:1] != (facts.persons,):
            raise ValueError(f"{name}: expected a row for each of {facts.persons} persons, got {tensors[name].shape}")


def _position(value: object, steps: int, config: Mapping[str, Any]) -> CheckpointPosition:
    place = _mapping(value, "position", "epoch, step and total_steps")
    found = CheckpointPosition(*(_whole(place, key, 0, "position.") for key in ("epoch", "step", "total_steps")))
    if found.step >= steps:
        raise _refusal("position.step", f"less than the {steps} steps of an epoch", found.step)
    if found.total_steps != found.epoch * steps + found.step:
        expected = (
            f"{found.epoch * steps + found.step}, those of {found.epoch} epochs of {steps} steps and {found.step}"
        )
        raise _refusal("position.total_steps", expected, found.total_steps)
    train = config.get("train")
    epochs = train.get("epochs") if isinstance(train, Mapping) else None
    if type(epochs) is int and found.total_steps > epochs * steps:
        raise _refusal("position", f"at most the {epochs} epochs of config.train.epochs", f"epoch {found.epoch}")
    return found


def _excluded(value: object) -> dict[int, str]:
    listed: Mapping[str, Any] = value if isinstance(value, Mapping) else {"": None}
    if not all(_ROW.fullmatch(row) and isinstance(first, str) for row, first in listed.items()):
        raise _refusal("excluded", "rows of tracks and their first frames", value)
    return {int(row): first for row, first in listed.items()}


def _mapping(value: object, key: str, of: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _refusal(key, f"a mapping of {of}", value)
    return value


def _whole(facts: Mapping[str, Any], key: str, least: int, prefix: str = "") -> int:
    number = facts.get(key)
    if type(number) is not int or number < least:
        raise _refusal(f"{prefix}{key}", f"a whole number of {least} or more", number)
    return number


def _refusal(key: str, expected: str, got: object) -> ValueError:
    shown = repr(got)
    return ValueError(f"{key}: expected {expected}, got {shown if len(shown) <= _SHOWN else f'{shown[:_SHOWN]}…'}")
