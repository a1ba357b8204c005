"""The optimizers of a step, with two learning rates that are handed in: the backbone's is a share of the others'.

SGD with Nesterov momentum as torch has it: v ← μ v + g + λ w, w ← w − η (g + λ w + μ v) (section 4.1.3). AdamW
(Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019) with torch's constants: w ← (1 − η λ) w, then
Adam's step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.experimental import optim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mindspore import Parameter

    from model.run.config import TrainConfig

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of AdamW


@dataclass(frozen=True, eq=False)
class Optimizer:
    """update: cell that takes the gradients of its `parameters`, in that order
    rates: parameters that hold a learning rate, each with its share of the one that is handed in
    state: what an update changes beside the weights
    """

    update: Any
    rates: tuple[tuple[Parameter, float], ...]
    state: tuple[Parameter, ...]

    def set_rate(self, learning_rate: float) -> None:
        """Use `learning_rate`, and the backbone's share of it, from now on."""
        for rate, share in self.rates:
            ops.assign(rate, Tensor(learning_rate * share, ms.float32))


def build_optimizer(
    backbone: Sequence[Parameter], others: Sequence[Parameter], order: Sequence[Parameter], config: TrainConfig
) -> Optimizer:
    """The optimizer that `config` names, for the weights of the backbone and all others; order: of SGD's gradients."""
    shares = (config.backbone_lr_ratio, 1.0)
    groups: list[dict[str, Any]] = [
        {"params": list(weights), "lr": config.learning_rate * share}
        for weights, share in zip((backbone, others), shares, strict=True)
    ]
    if config.optimizer == "adamw":
        return _adamw(groups, shares, config)
    return _sgd([*groups, {"order_params": list(order)}], {id(parameter) for parameter in backbone}, config)


def _sgd(groups: list[dict[str, Any]], backbone: set[int], config: TrainConfig) -> Optimizer:
    update = nn.SGD(
        groups,
        learning_rate=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
    )
    rates = {}  # a rate for every weight, which are one object a group
    for rate, parameter in zip(update.learning_rate, update.parameters, strict=True):
        rates[id(rate)] = rate, config.backbone_lr_ratio if id(parameter) in backbone else 1.0
    return Optimizer(update, tuple(rates.values()), (*update.accum, *update.stat))


def _adamw(groups: list[dict[str, Any]], shares: tuple[float, ...], config: TrainConfig) -> Optimizer:
    update = optim.AdamW(
        groups, lr=config.learning_rate, betas=BETAS, eps=EPSILON, weight_decay=config.weight_decay, amsgrad=False
    )
    rates = zip((group["lr"] for group in update.param_groups), shares, strict=True)
    return Optimizer(update, tuple(rates), (*update.exp_avg, *update.exp_avg_sq, update.state_step))
