"""One training step of the project's own network, phase by phase."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.training.step_workload import Workload
from model.clips.batches import BatchLoader, ClipBatch
from model.clips.draws import draw_step
from model.run.devices import choose_device


class MindSporeStep:
    """Phases as graphs of their own, on one batch; `step` is what training does, from the files on."""

    def __init__(self, workload: Workload) -> None:
        choose_device("CPU")
        import mindspore as ms

        from model.network.losses import TotalLoss
        from model.network.network import StarNetwork
        from model.training.training_step import TrainingStep

        self._workload, self._tensor, config = workload, ms.Tensor, workload.run.model
        ms.set_seed(0)
        network = StarNetwork(config, workload.persons)
        self._network = network
        loss = TotalLoss(workload.run.loss, network.consistent)
        self._training = TrainingStep(network, loss, workload.run.train)
        clips = len(workload.requests[0])
        loader = BatchLoader(workload.files, workload.images, clips, config.frames)
        self._batches = loader.load(cycle(workload.requests))
        np.savez(workload.weights, **{p.name: p.asnumpy() for p in network.get_parameters()})
        optimizer = self._training.optimizer

        def forward(*inputs: Any) -> Any:
            return loss(network(*inputs[:-1]), inputs[-1])[1]

        def update(*slopes: Any) -> Any:
            return optimizer(slopes)

        self._forward, self._gradients, self._update = (ms.jit(f) for f in (forward, self._training.gradients, update))
        self._inputs: list[Any] = []
        self._slopes: Any = ()

    def load(self) -> None:
        """The next batch from the files, in this process."""
        next(self._batches)

    def forward(self) -> list[float]:
        """Network and losses."""
        terms: list[float] = self._forward(*self._first()).asnumpy().tolist()
        return terms

    def backward(self) -> list[float]:
        """Network, losses and gradients."""
        (_, _, terms), self._slopes = self._gradients(*self._first())
        self._slopes[0].asnumpy()
        found: list[float] = terms.asnumpy().tolist()
        return found

    def update(self) -> None:
        """SGD with the gradients of `backward`."""
        self._update(*self._slopes)
        self._training.optimizer.parameters[-1].asnumpy()

    def step(self) -> list[float]:
        """Load, draw, and train one step."""
        *arrays, person = self._arrays(next(self._batches))
        terms = self._training(arrays, person, self._workload.run.train.learning_rate)[1]
        return [float(term) for term in terms]

    def _first(self) -> list[Any]:
        """The inputs of the first batch, as tensors that are made once."""
        if not self._inputs:
            work = self._workload
            with BatchLoader(work.files, work.images, len(work.requests[0]), work.run.model.frames) as loader:
                arrays = self._arrays(next(loader.load(work.requests[:1])))
                self._inputs = [self._tensor(array.copy()) for array in arrays]
        return self._inputs

    def _arrays(self, batch: ClipBatch) -> list[NDArray[Any]]:
        config, request = self._workload.run.model, batch.request
        draws = draw_step(
            request.at, request.clip.tolist(), request.infrared, config.frames, self._network.channels, config.dropout
        )
        arrays = batch.arrays
        skeletons = (arrays.edges, arrays.nodes, arrays.seen, arrays.places)
        return [batch.infrared, batch.visible, *skeletons, *draws, request.label]
