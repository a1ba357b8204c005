"""The training recipe: the `training` part of the MMPose config, checked, and the learning rate it means."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any

from mmengine.config import Config

HEATMAP_STRIDE = 4
"""Input pixels per heatmap pixel of an HRNet."""


@dataclass(frozen=True)
class Stage:
    """One part of the training.

    input_size: (width, height) pixels; sigma: of the target, heatmap pixels; epochs: passes over the crops;
    bfloat16: run the convolutions under CPU autocast (the weights stay float32).
    """

    input_size: tuple[int, int]
    sigma: float
    epochs: int
    bfloat16: bool

    def __post_init__(self) -> None:
        # The lowest branch of an HRNet is 1/32 of the input, so sides that 32 does not divide would not fuse.
        if len(self.input_size) != 2 or any(s <= 0 or s % 32 for s in self.input_size):
            raise ValueError(f"stages: expected input_size of multiples of 32, got {self.input_size}")
        if self.sigma <= 0 or self.epochs < 1:
            raise ValueError(f"stages: expected sigma > 0 and epochs >= 1, got {self.sigma}, {self.epochs}")


@dataclass(frozen=True)
class Recipe:
    """Everything about the training that is not model, data or optimiser.

    final_lr_share: last learning rate as a share of the peak; ema_decay: of the averaged weights, per step.
    """

    seed: int
    warmup_steps: int
    final_lr_share: float
    ema_decay: float
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if self.seed < 0 or self.warmup_steps < 0:
            raise ValueError(f"seed, warmup_steps: expected >= 0, got {self.seed}, {self.warmup_steps}")
        if not 0 <= self.final_lr_share <= 1 or not 0 <= self.ema_decay < 1:
            raise ValueError(f"final_lr_share, ema_decay: expected 0 to 1, got {self.final_lr_share}, {self.ema_decay}")
        if not self.stages:
            raise ValueError("stages: expected at least one, got none")

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    def stage_at(self, epoch: int) -> Stage:
        """The stage a 0-based epoch belongs to."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        raise ValueError(f"epoch: expected below {self.epochs}, got {epoch + self.epochs}")


def read_recipe(config: Config) -> Recipe:
    """Read and check the `training` part; an unknown or missing key is an error."""
    settings = dict(config.get("training", {}))
    known = {field.name for field in fields(Recipe)}
    if set(settings) != known:
        raise ValueError(f"training: expected the keys {sorted(known)}, got {sorted(settings)}; see configs/pose")
    stages = settings.pop("stages")
    stage_keys = {field.name for field in fields(Stage)}
    for stage in stages:
        if set(stage) != stage_keys:
            raise ValueError(f"training.stages: expected the keys {sorted(stage_keys)}, got {sorted(stage)}")
    return Recipe(stages=tuple(Stage(**dict(s, input_size=tuple(s["input_size"]))) for s in stages), **settings)


def learning_rate_share(step: int, steps: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at a 0-based step: linear warm-up, then one cosine to final_lr_share."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
    return recipe.final_lr_share + (1 - recipe.final_lr_share) * 0.5 * (1 + math.cos(math.pi * progress))


def dataset_at(dataset: Config, stage: Stage) -> Config:
    """The data set config with its pipeline's input and target resolution set to those of a stage."""
    resized: Any = deepcopy(dataset)
    width, height = stage.input_size
    for step in resized["pipeline"]:
        if step["type"] == "TopdownAffine":
            step["input_size"] = stage.input_size
        elif step["type"] == "GenerateTarget":
            heatmap = (width // HEATMAP_STRIDE, height // HEATMAP_STRIDE)
            step["encoder"] = dict(
                step["encoder"], input_size=stage.input_size, heatmap_size=heatmap, sigma=stage.sigma
            )
    return resized
