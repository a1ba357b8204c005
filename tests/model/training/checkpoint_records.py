"""Facts of a whole checkpoint, for tests that are about something else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 60  # of an epoch


def whole_facts(steps: int, **facts: Any) -> dict[str, Any]:
    """Facts of a training after `steps` steps, with `facts` over them."""
    epoch, step = divmod(steps, STEPS)
    position = {"epoch": epoch, "step": step, "total_steps": steps}
    known = {"config": {}, "persons": 5, "recipes": {}, "devices": 1, "steps_per_epoch": STEPS, "position": position}
    return {**known, **facts}


def with_sums(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """`tensors` and the running sums of an epoch."""
    return {"epoch_sums": np.arange(6.0), **tensors}
