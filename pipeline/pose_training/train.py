"""The training loop: MMPose's model and loss, stages of growing resolution, averaged weights, exact resume.

MMPose's own Runner imports torchvision, which the project does not install, so the loop is written out here.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpose.models.builder import build_pose_estimator
from torch import nn

from pipeline.pose_training.crops import LabelledCrops, augment_epoch
from pipeline.pose_training.recipe import Recipe, Stage, dataset_at, learning_rate_share, read_recipe

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"


@dataclass
class TrainingState:
    """What a resume needs: all random numbers are functions of (seed, epoch, crop), so nothing else is hidden.

    averaged: the moving average of the weights, the ones that are evaluated and shipped. epoch: finished epochs.
    """

    model: Any
    averaged: Any
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0


def build_model(config: Config, seed: int) -> Any:
    """MMPose estimator with freshly initialised weights; the same seed gives the same weights."""
    init_default_scope("mmpose")
    torch.manual_seed(seed)
    model = build_pose_estimator(config.model)
    MMLogger.get_current_instance().setLevel(logging.WARNING)  # one paragraph a layer otherwise
    model.init_weights()
    # channels_last was 1.4 to 2 times faster than the default layout on the CPU, in float32 and in bfloat16.
    return model.to(memory_format=torch.channels_last)


def start_training(config: Config, recipe: Recipe) -> TrainingState:
    """A state before the first step."""
    model = build_model(config, recipe.seed)
    averaged = build_model(config, recipe.seed)
    averaged.load_state_dict(model.state_dict())
    settings = dict(config.optim_wrapper.optimizer)
    optimizer_class = getattr(torch.optim, settings.pop("type"))
    return TrainingState(model, averaged, optimizer_class(model.parameters(), **settings))


def average_weights(averaged: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and batch statistics towards the model's; the first steps move faster."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    current = model.state_dict()
    with torch.no_grad():
        for name, value in averaged.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], share)
            else:
                value.copy_(current[name])


def train_step(state: TrainingState, batch: dict[str, Any], recipe: Recipe, stage: Stage) -> float:
    """One optimiser step on one collated batch; returns the loss."""
    data = state.model.data_preprocessor(batch, training=True)
    inputs = data["inputs"].contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=stage.bfloat16):
        losses = state.model.loss(inputs, data["data_samples"])
    loss = losses["loss_kpt"]
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    state.optimizer.step()
    average_weights(state.averaged, state.model, recipe.ema_decay, state.step)
    state.step += 1
    return float(loss.detach())


def train_epoch(state: TrainingState, config: Config, crops: LabelledCrops, workers: int) -> dict[str, Any]:
    """Run the next epoch in place; returns what the log says about it."""
    recipe, batch_size = read_recipe(config), config.train_dataloader.batch_size
    stage = recipe.stage_at(state.epoch)
    steps = recipe.epochs * (len(crops) // batch_size)
    peak = config.optim_wrapper.optimizer.lr
    started, total, count = time.perf_counter(), 0.0, 0
    state.model.train()
    for packed in augment_epoch(crops, batch_size, state.epoch, workers):
        rate = peak * learning_rate_share(state.step, steps, recipe)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        total, count = total + train_step(state, pickle.loads(packed), recipe, stage), count + 1
    if count == 0:
        raise ValueError(f"batch_size: expected at most the {len(crops)} crops, got {batch_size}; lower it")
    seconds = time.perf_counter() - started
    state.epoch += 1
    state.seconds += seconds
    return {"loss": total / count, "lr": rate, "seconds": round(seconds, 2), "steps": state.step}


def train(config: Config, out: Path, resume: bool, workers: int, epochs: int | None = None) -> TrainingState:
    """Train as the config says, a checkpoint and a log line after each epoch.

    out: folder for checkpoint.pt and log.jsonl; one with a checkpoint is refused unless `resume`. epochs: stop after
    this many epochs of the schedule (the schedule itself does not change), None for all.
    """
    recipe = read_recipe(config)
    state = start_training(config, recipe)
    checkpoint = out / CHECKPOINT
    if checkpoint.exists():
        if not resume:
            raise ValueError(f"{checkpoint}: expected an empty folder, got a checkpoint; add --resume or move it away")
        load_checkpoint(state, checkpoint, config)
    out.mkdir(parents=True, exist_ok=True)
    last = recipe.epochs if epochs is None else min(epochs, recipe.epochs)
    crops: dict[Stage, LabelledCrops] = {}
    while state.epoch < last:
        stage = recipe.stage_at(state.epoch)
        if stage not in crops:
            crops[stage] = LabelledCrops(dataset_at(config.train_dataloader.dataset, stage), recipe.seed)
        line: dict[str, Any] = {"epoch": state.epoch + 1, "input_size": stage.input_size}
        line |= train_epoch(state, config, crops[stage], workers)
        save_checkpoint(state, checkpoint, config)
        with (out / LOG).open("a") as file:
            file.write(json.dumps(line) + "\n")
        log.info("epoch %d of %d: %s", state.epoch, recipe.epochs, line)
    return state


def save_checkpoint(state: TrainingState, path: Path, config: Config) -> None:
    """Write the state whole or not at all: to a neighbour first, then renamed."""
    parts = {
        "model": state.model.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "progress": {"epoch": state.epoch, "step": state.step, "seconds": state.seconds},
        "config": recipe_text(config),
    }
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(parts, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(state: TrainingState, path: Path, config: Config) -> None:
    """Continue from a checkpoint in place; one made with other settings is refused."""
    try:
        parts = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader fails in many ways on a file that is not whole
        raise ValueError(f"{path}: damaged ({type(error).__name__}); train into a new folder") from error
    if parts["config"] != recipe_text(config):
        raise ValueError(f"{path}: expected a checkpoint of this config, got another's; train into a new folder")
    state.model.load_state_dict(parts["model"])
    state.averaged.load_state_dict(parts["averaged"])
    state.optimizer.load_state_dict(parts["optimizer"])
    state.epoch = parts["progress"]["epoch"]
    state.step = parts["progress"]["step"]
    state.seconds = parts["progress"]["seconds"]


def recipe_text(config: Config) -> str:
    """The settings that decide the trained weights, as canonical JSON (where the data lies does not)."""
    kept = {key: config[key] for key in ("model", "train_pipeline", "optim_wrapper", "training")}
    kept["batch_size"] = config.train_dataloader.batch_size
    return json.dumps(kept, sort_keys=True)
