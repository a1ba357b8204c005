"""A moving average of the network's parameters, which is evaluated in place of the last step's.

Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992; a ← a + (1 − d) (w − a), as
torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(d). Running statistics of batch norms are averaged like
weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mindspore as ms
from mindspore import Parameter, Tensor, ops

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "ema"  # of the tensors' names in a checkpoint


class AveragedWeights:
    """Begins as `parameters` are now; `parameters` keeps the averages, named `ema.<name>`."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = [Parameter(p.value().copy(), name=f"{PREFIX}.{p.name}") for p in parameters]
        pairs = tuple(zip(self.parameters, parameters, strict=True))

        def update(left: Tensor) -> Any:
            for average, weight in pairs:
                ops.assign(average, average + left * (weight - average))
            return left

        self._update = ms.jit(update)

    def update(self, decay: float) -> None:
        """Average the parameters of now in, of which `1 − decay` counts."""
        self._update(Tensor(1 - decay, ms.float32))
