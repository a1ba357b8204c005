"""One training step in PyTorch, phase by phase."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.torch_network.torch_losses import loss_terms, total_loss
from benchmarks.torch_network.torch_star import TorchClips, TorchDraws, TorchStar, random_draws
from benchmarks.torch_network.torch_weights import load_weights
from benchmarks.training.step_workload import Workload
from benchmarks.training.torch_loader import as_clips, labels, torch_batches
from model.clips.draws import draw_step
from model.run.config import TrainConfig


class TorchStep:
    """The phases of `benchmarks.training.mindspore_step` in PyTorch's eager mode, with the weights that it wrote."""

    def __init__(self, workload: Workload) -> None:
        self._workload, config = workload, workload.run.model
        self._network = TorchStar(config, workload.persons).train()
        with np.load(workload.weights) as weights:
            load_weights(self._network, weights)
        self._optimizer = torch_optimizer(self._network, workload.run.train)
        self._batches = self._endless()
        self._first: tuple[TorchClips, TorchDraws, Tensor] | None = None

    def load(self) -> None:
        """The next batch from the files, in this process."""
        next(self._batches)

    def forward(self) -> list[float]:
        """Network and losses; what the gradients need is kept, as in training."""
        return self._terms().tolist()

    def backward(self) -> list[float]:
        """Network, losses and gradients."""
        self._optimizer.zero_grad()
        terms = self._terms()
        total_loss(terms, self._workload.run.loss).backward()
        return terms.tolist()

    def update(self) -> None:
        """SGD with the gradients of `backward`."""
        self._optimizer.step()

    def step(self) -> list[float]:
        """Load, draw, and train one step."""
        batch, infrared, person = next(self._batches)
        clips = as_clips(batch, infrared)
        config = self._workload.run
        draws = random_draws(clips, self._network.backbone.channels, config.model.dropout)
        self._optimizer.zero_grad()
        terms = loss_terms(self._network(clips, draws), person, config.loss.margin)
        total_loss(terms, config.loss).backward()
        self._optimizer.step()
        return terms.tolist()

    def _terms(self) -> Tensor:
        """Of the first batch, with the draws that MindSpore's network is given."""
        if self._first is None:
            request, config = self._workload.requests[0], self._workload.run.model
            batch = next(iter(torch_batches(self._workload.files, self._workload.images, [request])))
            channels, numbers = self._network.backbone.channels, request.clip.tolist()
            drawn = draw_step(request.at, numbers, request.infrared, config.frames, channels, config.dropout)
            draws = TorchDraws(*(torch.from_numpy(a.astype("i8") if a.dtype == "i4" else a) for a in drawn))
            self._first = as_clips(batch, request.infrared), draws, labels(request)
        clips, draws, person = self._first
        return loss_terms(self._network(clips, draws), person, self._workload.run.loss.margin)

    def _endless(self) -> Iterator[tuple[list[Tensor], int, Tensor]]:
        batches = torch_batches(self._workload.files, self._workload.images, self._workload.requests)
        while True:
            for request, batch in zip(self._workload.requests, batches, strict=True):
                yield batch, request.infrared, labels(request)


def torch_optimizer(network: torch.nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """SGD as section 4.1.3 says (Nesterov), or AdamW; the backbone, where there is one, at a share of the rate."""
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    backbone = [p for name, p in named if name.startswith("backbone.")]
    groups = [{"params": [p for name, p in named if not name.startswith("backbone.")], "backbone": False}]
    if backbone:
        rate = config.learning_rate * config.backbone_lr_ratio
        groups.append({"params": backbone, "lr": rate, "backbone": True})
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
    return torch.optim.SGD(
        groups,
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
    )
