"""A run of the experiment: the network in PyTorch, trained with the project's own clips, draws, schedule and losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from benchmarks.guidance.stored_clips import StoredClips
from benchmarks.torch_network.torch_losses import batch_hard_triplet, loss_terms, total_loss
from benchmarks.torch_network.torch_skeletons import EdgeEncoder
from benchmarks.torch_network.torch_star import Neck, TorchClips, TorchDraws, TorchStar
from benchmarks.training.torch_step import torch_optimizer
from model.clips.augment import ImageSettings
from model.clips.batches import ClipBatch
from model.clips.clip_reader import ClipArrays
from model.clips.clip_requests import training_requests
from model.clips.draws import StepPosition, draw_step
from model.clips.sampler import BatchSettings, steps_per_epoch
from model.clips.skeletons.edge_statistics import EdgeStatistics, edge_statistics
from model.clips.training_persons import TrainingPersons, training_persons
from model.run.config import RunConfig
from model.training.schedule import ema_decay, learning_rate

Embed = Callable[[ClipArrays, int], NDArray[np.float32]]


class EdgeBranch(nn.Module):
    """Eqs 1 to 3 alone: the mean over a clip's frames of what the edges say, through a neck; no image is looked at."""

    def __init__(self, run: RunConfig, persons: int, edge_values: int) -> None:
        super().__init__()
        self.edge_encoder = EdgeEncoder(run.model, CHANNELS, edge_values)
        self.neck = Neck(CHANNELS, persons)
        self.config = run.loss

    def loss(self, clips: TorchClips, person: Tensor) -> Tensor:
        """Cross entropy and batch-hard triplet of the clips, ()."""
        clip = self.edge_encoder(clips.edges, clips.seen)[0].mean(1)
        smoothing = self.config.label_smoothing
        identity = nn.functional.cross_entropy(self.neck(clip), person, label_smoothing=smoothing)
        return identity + batch_hard_triplet(clip, person, self.config.margin)

    def embed(self, clips: TorchClips) -> Tensor:
        """(B, C) of length one."""
        clip = self.edge_encoder(clips.edges, clips.seen)[0].mean(1)
        return nn.functional.normalize(self.neck.norm(clip), dim=1)


CHANNELS = 128  # of the edge branch alone, as of the narrow backbone


def as_clips(arrays: ClipArrays, infrared: int) -> TorchClips:
    """The arrays of B clips as the network reads them, the first `infrared` of them infrared."""
    images, *skeletons = (torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)
    return TorchClips(images[:infrared], images[infrared:], *skeletons)


def train(run: RunConfig, clips: StoredClips, alone: bool, report: Callable[[list[float]], None]) -> Embed:
    """Train `run` on `clips` (with `alone`: the edge branch only); what describes clips of one modality afterwards.

    report: called after every step with total and terms. Raises FloatingPointError for a loss that is not finite.
    """
    torch.manual_seed(run.train.seed)
    persons = training_persons(clips.tracks, run.data.persons)
    statistics = edge_statistics(clips.reader.files, clips.tracks)
    values = len(statistics.mean)
    network: EdgeBranch | TorchStar
    network = EdgeBranch(run, len(persons), values) if alone else TorchStar(run.model, len(persons), values)
    _standardize(network, statistics)
    network.train()
    optimizer = torch_optimizer(network, run.train)
    averaged = _average(network, run) if run.train.ema else None
    for batch, rate in _batches(run, clips, persons):
        for group in optimizer.param_groups:
            group["lr"] = rate * (run.train.backbone_lr_ratio if group.get("backbone") else 1.0)
        optimizer.zero_grad()
        total, terms = _loss(network, run, batch)
        if not torch.isfinite(total):
            raise FloatingPointError(f"loss is {total.item()} at {batch.request.at}: {terms}")
        total.backward()
        if run.train.clip_norm:
            torch.nn.utils.clip_grad_norm_(network.parameters(), run.train.clip_norm)
        optimizer.step()
        if averaged is not None:
            averaged.update_parameters(network)
        report([total.item(), *terms])
    network.eval()
    return _embedder(network if averaged is None else averaged.module.eval())


def _average(network: nn.Module, run: RunConfig) -> AveragedModel:
    """The moving average of all weights and running statistics, as `model.training.schedule.ema_decay` has it."""

    def average(kept: Tensor, new: Tensor, done: Tensor) -> Tensor:
        if not kept.is_floating_point():
            return new
        decay = ema_decay(run.train, int(done) - 1)
        return kept * decay + new * (1 - decay)

    averaged = AveragedModel(network, avg_fn=average, use_buffers=True)
    averaged.n_averaged += 1  # it is the network as it begins: torch would copy the first step whole
    return averaged


def _standardize(network: EdgeBranch | TorchStar, statistics: EdgeStatistics) -> None:
    encoder = getattr(network, "edge_encoder", None)
    if encoder is not None and encoder.config.standardize_edges:
        encoder.mean.copy_(torch.from_numpy(statistics.mean))
        encoder.deviation.copy_(torch.from_numpy(statistics.deviation))


def _batches(run: RunConfig, clips: StoredClips, persons: TrainingPersons) -> Iterator[tuple[ClipBatch, float]]:
    """Every batch of the training, with its learning rate."""
    data, model = run.data, run.model
    batches = BatchSettings(data.persons, data.tracks_per_modality)
    steps = run.train.steps_per_epoch or steps_per_epoch(persons, batches)
    images = ImageSettings(model.image_height, model.image_width, data.pad, data.flip, data.random_erasing, data.grey)
    requests = training_requests(persons, batches, images, StepPosition(run.train.seed, 0, 0), steps)
    for batch in clips.load(requests):
        at = batch.request.at
        if at.epoch == run.train.epochs:
            return
        yield batch, learning_rate(run.train, at.epoch, at.step, steps)


def _loss(network: EdgeBranch | TorchStar, run: RunConfig, batch: ClipBatch) -> tuple[Tensor, list[float]]:
    request = batch.request
    clips, person = as_clips(batch.arrays, request.infrared), torch.from_numpy(request.label.astype(np.int64))
    if isinstance(network, EdgeBranch):
        return network.loss(clips, person), []
    channels, model = network.backbone.channels, run.model
    drawn = draw_step(request.at, request.clip.tolist(), request.infrared, model.frames, channels, model.dropout)
    draws = TorchDraws(*(torch.from_numpy(a.astype("i8") if a.dtype == "i4" else a) for a in drawn))
    terms = loss_terms(network(clips, draws), person, run.loss.margin, run.loss.label_smoothing)
    return total_loss(terms, run.loss), terms.tolist()


def _embedder(network: EdgeBranch | TorchStar) -> Embed:
    def embed(arrays: ClipArrays, infrared: int) -> NDArray[np.float32]:
        with torch.no_grad():
            found: NDArray[np.float32] = network.embed(as_clips(arrays, infrared)).numpy()
        return found

    return embed
