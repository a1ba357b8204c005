"""The learning rate of every step (section 4.1.3): linear warm-up, then a tenth from every milestone on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.run.config import TrainConfig


def learning_rate(config: TrainConfig, epoch: int, step: int, steps: int) -> float:
    """The rate of everything but the backbone at `step` (from 0) of `epoch` (from 0), an epoch having `steps` steps.

    Warm-up rises with every step, and its last step has the full rate.
    """
    decayed = config.learning_rate * 0.1 ** sum(epoch >= milestone for milestone in config.milestones)
    if epoch >= config.warmup_epochs:
        return decayed
    return decayed * (epoch * steps + step + 1) / (config.warmup_epochs * steps)
