"""`star train …` in a process that a signal stops for real after so many of its steps.

Usage: killed_training.py SIGNAL STEPS ARGUMENTS…; the signal (a number) arrives inside the call that makes step STEPS.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from model.__main__ import main
from model.training.training_step import TrainingStep


def stop_after(number: int, steps: int) -> None:
    """Send this process the signal when the step is computed, and before anything is done with it."""
    make_step = TrainingStep.__call__
    made = 0

    def counted(self: TrainingStep, *inputs: Any) -> Any:
        nonlocal made
        result = make_step(self, *inputs)
        made += 1
        if made == steps:
            os.kill(os.getpid(), number)
        return result

    TrainingStep.__call__ = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    stop_after(int(sys.argv[1]), int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
