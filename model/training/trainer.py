"""The training of a run: from the cache to its last checkpoint, and on from any checkpoint to the bit."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import mindspore as ms
import numpy as np

from data_cache.files.output_lock import lock_output
from model.clips.batches import BatchLoader
from model.clips.draws import StepPosition, draw_step
from model.clips.skeletons.edge_statistics import edge_statistics
from model.clips.skeletons.skeleton_inputs import edge_value_count
from model.network.losses import LOSS_TERMS, TotalLoss
from model.network.network import StarNetwork
from model.network.pretrained import load_pretrained, require_pretrained
from model.run.run_folder import checkpoint_folder, run_folder
from model.training.checkpoints.checkpoint_file import Checkpoint
from model.training.checkpoints.checkpoint_folder import checkpoint_files, keep_checkpoint, newest_intact, put_aside
from model.training.checkpoints.continuation import check_continuation, training_facts
from model.training.epoch_sums import EpochSums
from model.training.run_log import EpochFigures, RunLog, step_progress
from model.training.schedule import ema_decay, learning_rate
from model.training.stop_request import StopRequest, watch_for_stop
from model.training.training_data import TrainingData, prepare_training
from model.training.training_step import StepFigures, TrainingStep

if TYPE_CHECKING:
    from model.clips.batches import ClipBatch
    from model.run.config import RunConfig
    from model.run.devices import DeviceGroup

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartSettings:
    """How a training begins.

    resume: go on from the newest checkpoint, if there is one; restart_changed: where that is another training's, put
    it aside and begin anew, instead of refusing; workers: processes that read clips, on every device
    """

    resume: bool = False
    restart_changed: bool = False
    workers: int = 0


def train(run: RunConfig, start: StartSettings, group: DeviceGroup) -> Path:
    """Train `run`, and return its last checkpoint (their folder, on a device that does not lead).

    Everything that can be wrong with settings and data is found before the first step (ValueError,
    FileNotFoundError); so is a checkpoint that does not fit. A loss or gradients that are not finite raise ValueError
    with step and term. Ctrl-C and SIGTERM raise KeyboardInterrupt after a checkpoint.
    """
    pretrained = None if run.model.pretrained is None else Path(run.model.pretrained)
    if pretrained is not None:
        require_pretrained(pretrained)
    data = prepare_training(run, group.size)
    facts = training_facts(run, data, pretrained)
    with ExitStack() as stack:
        stack.enter_context(lock_output(run_folder(run) / "training") if group.leads else nullcontext())
        found = find_start(run, start, facts, group)
        if found is not None and found.checkpoint.facts["position"]["epoch"] >= run.train.epochs:
            logger.info("%s: all %d epochs are done, and nothing has changed since", found.path, run.train.epochs)
            return found.path
        ms.set_seed(run.train.seed)
        network = StarNetwork(run.model, len(data.persons), edge_value_count(data.recipes["edges"].get("angle")))
        if found is None:
            load_pretrained(network.backbone, pretrained)
            _standardize(network, data)
        step = TrainingStep(network, TotalLoss(run.loss, network.consistent), run.train, group.size)
        training = _Training(run, data, facts, step, group)
        if found is not None:
            training.restore(found.checkpoint)
        stop = stack.enter_context(watch_for_stop())
        loader = stack.enter_context(
            BatchLoader(data.split.files, data.images, data.clips, run.model.frames, start.workers)
        )
        return training.go_on(loader, stop)


def _standardize(network: StarNetwork, data: TrainingData) -> None:
    """Give the network the statistics of the edges that it is trained on; a checkpoint has them from then on."""
    if network.frame_guidance and network.edge_encoder.standardized:
        network.edge_encoder.standardize.set_statistics(*edge_statistics(data.split.files, data.persons.tracks))


class Found(NamedTuple):
    """A checkpoint to go on from, and its file."""

    path: Path
    checkpoint: Checkpoint


def find_start(run: RunConfig, start: StartSettings, facts: dict[str, Any], group: DeviceGroup) -> Found | None:
    """The checkpoint to go on from; none to begin anew. ValueError where there is one and it may not be used."""
    folder = checkpoint_folder(run)
    if not start.resume:
        if checkpoint_files(folder):
            raise ValueError(
                f"{folder}: expected no checkpoints, got {len(checkpoint_files(folder))};"
                " go on with --resume, or give the run another name with --set name=…"
            )
        return None
    found = newest_intact(folder)
    if found is None:
        return None
    path, checkpoint = found
    try:
        check_continuation(path, checkpoint.facts, facts)
    except ValueError as error:
        if not start.restart_changed:
            raise
        if group.leads:
            logger.warning("%s. Beginning anew; the old checkpoints are now in %s", error, put_aside(folder))
        return None
    logger.info("going on from %s", path)
    return Found(path, checkpoint)


class _Training:
    """A run between two steps: its step, where it stands, and the sums of the epoch so far."""

    def __init__(
        self, run: RunConfig, data: TrainingData, facts: dict[str, Any], step: TrainingStep, group: DeviceGroup
    ) -> None:
        self.run, self.data, self.facts, self.step, self.group = run, data, facts, step, group
        self.at = StepPosition(run.train.seed, 0, 0, group.rank)
        self.sums = EpochSums()
        self.saved: Path | None = None

    @property
    def steps_done(self) -> int:
        """Over all epochs."""
        return self.at.epoch * self.data.steps + self.at.step

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where `checkpoint` was written."""
        self.step.restore(checkpoint.tensors)
        self.sums = EpochSums(checkpoint.tensors["epoch_sums"])
        position = checkpoint.facts["position"]
        self.at = self.at._replace(epoch=position["epoch"], step=position["step"])

    def save(self) -> None:
        """Write a checkpoint, on the leading device."""
        if not self.group.leads:
            return
        position = {"epoch": self.at.epoch, "step": self.at.step, "total_steps": self.steps_done}
        tensors = self.step.tensors() | {"epoch_sums": self.sums.values}
        checkpoint = Checkpoint(tensors, {**self.facts, "position": position})
        self.saved = keep_checkpoint(checkpoint_folder(self.run), checkpoint, self.run.train.keep_checkpoints)

    def go_on(self, loader: BatchLoader, stop: StopRequest) -> Path:
        """Make all steps that are left."""
        config, steps = self.run.train, self.data.steps
        log = RunLog(run_folder(self.run) / "live" if self.group.leads else None, self.at.epoch, config.epochs)
        batches = loader.load(self.data.requests(self.at))
        try:
            with step_progress(config.epochs * steps, self.steps_done) as advance:
                while self.at.epoch < config.epochs:
                    self._run_epoch(loader, batches, log, advance, stop)
        finally:
            log.close()
        return self.saved or checkpoint_folder(self.run)

    def _run_epoch(self, loader: BatchLoader, batches: Any, log: RunLog, advance: Any, stop: StopRequest) -> None:
        config, steps = self.run.train, self.data.steps
        began, waited, first = time.perf_counter(), loader.waited_seconds, self.at.step
        rate = 0.0
        for step in range(first, steps):
            rate = learning_rate(config, self.at.epoch, step, steps)
            total = self._run_step(next(batches), rate)
            advance(total)
            self.at = self.at._replace(step=step + 1)
            if stop.wanted:
                self.save()
                raise KeyboardInterrupt(f"{self.saved or 'the checkpoint'} is written; go on with --resume")
            if (step + 1) % config.checkpoint_steps == 0 and step + 1 < steps:
                self.save()
        seconds = max(time.perf_counter() - began, 1e-9)
        frames = (steps - first) * self.data.clips * self.run.model.frames * self.group.size
        waiting = (loader.waited_seconds - waited) / seconds
        log.epoch_done(self.at.epoch, EpochFigures(self.sums.means(steps), rate, frames / seconds, waiting))
        self.at = self.at._replace(epoch=self.at.epoch + 1, step=0)
        self.sums = EpochSums()
        self.save()

    def _run_step(self, batch: ClipBatch, rate: float) -> float:
        request, model = batch.request, self.run.model
        channels = self.step.network.channels
        drawn = draw_step(request.at, request.clip.tolist(), request.infrared, model.frames, channels, model.dropout)
        arrays = batch.arrays
        inputs = (batch.infrared, batch.visible, arrays.edges, arrays.nodes, arrays.seen, arrays.places, *drawn)
        figures = self.step(inputs, request.label, rate, ema_decay(self.run.train, self.steps_done))
        self._check_finite(figures)
        self.sums.add(figures, self.run.train.clip_norm)
        return figures.total

    def _check_finite(self, figures: StepFigures) -> None:
        """Raise ValueError for a loss or, but for the overflows that a loss scale is for, gradients of no number."""
        named = {"total": figures.total, **dict(zip(LOSS_TERMS, figures.terms.tolist(), strict=True))}
        if figures.gradient_norm is not None and self.step.scaler is None:
            named["gradient norm"] = figures.gradient_norm
        bad = ", ".join(f"{name} is {value}" for name, value in named.items() if not np.isfinite(value))
        if not bad:
            return
        files = checkpoint_files(checkpoint_folder(self.run))
        kept = f"the last good checkpoint is {files[-1]}" if files else "there is no checkpoint before it"
        raise ValueError(
            f"loss: expected finite terms and gradients, got otherwise at step {self.at.step} of epoch {self.at.epoch}:"
            f" {bad};"
            f" {kept}; lower train.learning_rate, raise train.warmup_epochs, or set train.clip_norm"
        )
