"""What a step is handed in: the learning rate, and how much the averaged weights keep.

The rate rises linearly at first; then it is a tenth from every milestone on (section 4.1.3), or half a cosine long
(Loshchilov and Hutter, SGDR, ICLR 2017, without restarts).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.run.config import TrainConfig


def learning_rate(config: TrainConfig, epoch: int, step: int, steps: int) -> float:
    """The rate of everything but the backbone at `step` (from 0) of `epoch` (from 0), an epoch having `steps` steps.

    Warm-up rises with every step, and its last step has the full rate. The cosine begins with the full rate after it
    and is 0 where the last epoch ends.
    """
    done, warm_up = epoch * steps + step, config.warmup_epochs * steps
    rate = config.learning_rate
    if config.schedule == "steps":
        rate = config.learning_rate * 0.1 ** sum(epoch >= milestone for milestone in config.milestones)
    if done < warm_up:
        return rate * (done + 1) / warm_up
    if config.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (config.epochs * steps - warm_up)))
    return rate


def ema_decay(config: TrainConfig, steps_done: int) -> float:
    """What the averaged weights keep at the step after `steps_done`: less at first, when they are far behind."""
    return min(config.ema, (1 + steps_done) / (10 + steps_done))
