"""One optimization step: forward, losses, gradients, clipping, update, as one graph of static shape.

The learning rate is handed in at every step, so that the optimizer keeps no schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from model.network.losses import LOSS_TERMS
from model.network.network import parameter_groups
from model.training.optimization.averaged_weights import PREFIX, AveragedWeights
from model.training.optimization.gradient_norm import clipped, gradient_norm
from model.training.optimization.optimizers import build_optimizer
from model.training.trained_network import set_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from model.network.losses import TotalLoss
    from model.network.network import StarNetwork
    from model.run.config import TrainConfig

_FIRST_SCALE, _SCALE_FACTOR, _SCALE_STEPS = 2.0**16, 2, 1000  # of the loss, with mixed precision


class StepFigures(NamedTuple):
    """What a step tells.

    total, terms: the loss and its terms (5,) float32, unweighted, in the order of `model.network.losses.LOSS_TERMS`
    gradient_norm: of all gradients, before clipping; on several devices of their mean, with mixed precision without
        the loss scale (not finite where they overflowed); None where nothing is clipped: its sums would change how
        the graph rounds
    """

    total: float
    terms: NDArray[np.float32]
    gradient_norm: float | None = None


class TrainingStep:
    """Network, losses and optimizer; calling it makes one step.

    network, loss: what is trained; config: optimizer settings; devices: that share the step, whose gradients and
    losses are averaged, so that all take the same step and see the same figures (more than one: after
    `model.run.devices.join_devices`).
    """

    def __init__(self, network: StarNetwork, loss: TotalLoss, config: TrainConfig, devices: int = 1) -> None:
        self.network = network
        backbone, others = parameter_groups(network)
        self._optimizer = build_optimizer(backbone, others, network.trainable_params(), config)
        self.optimizer = self._optimizer.update
        # In a graph of its own: the step's stays as it is without.
        self._averaged = AveragedWeights(list(network.get_parameters())) if config.ema > 0 else None
        scaled = config.amp != "O0"
        self.scaler = ms.amp.DynamicLossScaler(_FIRST_SCALE, _SCALE_FACTOR, _SCALE_STEPS) if scaled else None
        network = mixed_precision(network, config.amp)
        network.set_train(True)
        self.gradients = _gradients(network, loss, self.optimizer.parameters, self.scaler)
        average = average_over_devices(self.optimizer.parameters, devices) if devices > 1 else None
        self._step = ms.jit(_update(self.gradients, self.optimizer, average, self.scaler, config.clip_norm))

    def __call__(
        self, inputs: Sequence[NDArray[Any]], person: NDArray[np.int32], learning_rate: float, decay: float = 0.0
    ) -> StepFigures:
        """Make one step.

        inputs: the arrays of `model.network.network.Clips` and `model.network.network.Draws`, in their order
        person: (B,) int32, 0-based classes
        decay:  what the averaged weights keep, where there are any
        """
        self._optimizer.set_rate(learning_rate)
        figures = self._step(*(Tensor(array) for array in inputs), Tensor(person)).asnumpy()
        if self._averaged is not None:
            self._averaged.update(decay)
        total, *norm = figures[:: 1 + len(LOSS_TERMS)].tolist()
        return StepFigures(total, figures[1 : 1 + len(LOSS_TERMS)], *norm)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything that a step changes, by the names that checkpoints use."""
        found = {f"network.{p.name}": p.asnumpy().copy() for p in self.network.get_parameters()}
        found |= {f"optimizer.{p.name}": p.asnumpy().copy() for p in self._optimizer.state}
        if self._averaged is not None:
            found |= {p.name: p.asnumpy().copy() for p in self._averaged.parameters}
        if self.scaler is not None:
            found |= {f"scaler.{p.name}": p.asnumpy().copy() for p in self._scaler_state()}
        return found

    def restore(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `tensors` gave. Raises ValueError where these are another network's."""
        parts = {"network": list(self.network.get_parameters()), "optimizer": list(self._optimizer.state)}
        if self.scaler is not None:
            parts["scaler"] = self._scaler_state()
        for part, parameters in parts.items():
            own = {name.partition(".")[2]: array for name, array in tensors.items() if name.startswith(f"{part}.")}
            set_parameters(parameters, own, part)
        if self._averaged is not None:
            averages = {name: array for name, array in tensors.items() if name.startswith(f"{PREFIX}.")}
            set_parameters(self._averaged.parameters, averages, PREFIX)

    def _scaler_state(self) -> list[Any]:
        assert self.scaler is not None
        return [self.scaler.scale_value, self.scaler.counter]


def mixed_precision(network: Any, level: str) -> Any:
    """Make `network` compute in float16 by MindSpore's `level`, O0…O3; it keeps its parameters and their names.

    Returns what to call instead. O1 is set here, cell by cell: MindSpore's own rewrites the source of a network, and
    its version 2.10 cannot read operators that are functions, such as `ops.cat`.
    """
    if level != "O1":
        return ms.amp.auto_mixed_precision(network, level)
    listed = tuple(kind for kind in ms.amp.get_white_list() if issubclass(kind, nn.Cell))
    network.to_float(ms.float32)
    for _, cell in network.cells_and_names():
        if isinstance(cell, listed):
            cell.to_float(ms.float16)
    return network


def _gradients(network: Any, loss: TotalLoss, weights: Any, scaler: Any) -> Callable[..., Any]:
    """The function that gives (total, terms) and the gradients of total × the loss scale."""

    def forward(*inputs: Any) -> Any:
        total, terms = loss(network(*inputs[:-1]), inputs[-1])
        if scaler is not None:
            return scaler.scale(total), total, terms
        return total, total, terms

    return ms.value_and_grad(forward, None, weights, has_aux=True)  # type: ignore[no-any-return]


def average_over_devices(weights: Any, devices: int) -> Callable[..., Any]:
    """The function that gives the means over all devices of gradients and of figures."""
    of_gradients, total = nn.DistributedGradReducer(weights), ops.AllReduce()

    def average(slopes: Any, figures: Any) -> Any:
        return of_gradients(slopes), total(figures) / devices

    return average


def _update(
    gradients: Callable[..., Any], optimizer: Any, average: Any, scaler: Any, clip_norm: float
) -> Callable[..., Any]:
    """One step as a function of its inputs that gives total, terms and, where they are clipped, the gradients' norm;
    with mixed precision a step whose gradients overflow, on any device, changes nothing."""

    def step(*inputs: Any) -> Any:
        (_, total, terms), slopes = gradients(*inputs)
        figures = ops.cat((ops.reshape(total, (1,)), terms), 0)
        if average is not None:
            slopes, figures = average(slopes, figures)
        finite = True
        if scaler is not None:
            finite = ms.amp.all_finite(slopes)
            slopes = scaler.unscale(slopes)
        if clip_norm > 0:
            norm = gradient_norm(slopes)
            slopes = clipped(slopes, norm, clip_norm)
            figures = ops.cat((figures, ops.reshape(norm, (1,))), 0)
        if finite:
            optimizer(slopes)
        if scaler is not None:
            scaler.adjust(finite)
        return figures

    return step
