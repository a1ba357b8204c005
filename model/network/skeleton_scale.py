"""Skeletons on a scale that a layer can learn from: standardised edges and nodes, absence never a value among them.

Raw, angles hold 99.9 % of the variance of the edges (`python -m benchmarks.skeleton_scale`), and an unseen pair's
(0, 0) is the most extreme pair there is: two coincident joints. Here an unseen value is 0 after standardising, which is
the mean of the seen ones.

Axes: B clips, T frames, J = 17 joints, E edge values a frame, the V of a pair (2, or 3 with `sincos`) side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from model.clips.skeletons.skeleton_inputs import PAIRS

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of x and y, whose deviations about the centre are 0.08 and 0.25 of the crop's height for people who stand and walk
# (the sample and the generated walkers, `python -m benchmarks.skeleton_scale`): they become 0.6 and 1.0.
NODE_SCALE = (8.0, 4.0)


class PairWeights(nn.Cell):
    """How far each pair is to be believed: the product of both joints' `seen`.

    construct(seen): (B, T, J) float32 in 0…1 → (B, T, 136), pairs i < j, rows first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (Tensor(joints.astype(np.int32)) for joints in PAIRS)

    def construct(self, seen: Tensor) -> Tensor:
        return ops.gather(seen, self.first, 2) * ops.gather(seen, self.second, 2)


class StandardizedEdges(nn.Cell):
    """(edges − mean) / deviation, times the pairs' weights: unseen pairs are 0, their mean.

    `mean` and `deviation` (E,) are parameters that are not trained, so they lie in the checkpoint and a test needs no
    training split. A deviation of 0 stands for a value that never varied in training: it is read as 0.

    construct(edges, weights): (B, T, E), raw; (B, T, 136) of `PairWeights` → (B, T, E).
    """

    def __init__(self, edge_values: int) -> None:
        super().__init__()
        self.mean = Parameter(ops.zeros((edge_values,), ms.float32), name="mean", requires_grad=False)
        self.deviation = Parameter(ops.ones((edge_values,), ms.float32), name="deviation", requires_grad=False)

    def set_statistics(self, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> None:
        """Take mean and deviation (E,) of the training split (`model.clips.skeletons.edge_statistics`)."""
        ops.assign(self.mean, Tensor(mean))
        ops.assign(self.deviation, Tensor(deviation))

    def construct(self, edges: Tensor, weights: Tensor) -> Tensor:
        varies = ops.cast(self.deviation > 0, ms.float32)
        scale = varies / ops.where(
            self.deviation > 0, self.deviation, ops.ones_like(self.deviation)
        )  # 0 where nothing varied
        clips, frames, values = edges.shape
        pairs = weights.shape[2]
        standard = ops.reshape((edges - self.mean) * scale, (clips, frames, pairs, values // pairs))
        return ops.reshape(standard * ops.expand_dims(weights, 3), edges.shape)


class StandardizedNodes(nn.Cell):
    """Nodes about the centre of the clip's seen joints, scaled by `NODE_SCALE`; the score from −1 to 1.

    One centre for all frames of a clip, so that a walk stays a walk.

    construct(nodes, seen): nodes (B, T, J, [x, y, score]), x and y over the crop's height; seen (B, T, J) in 0…1, the
    weights of the centre → (B, T, J, 3), zeros where unseen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = Tensor(np.array(NODE_SCALE, np.float32))

    def construct(self, nodes: Tensor, seen: Tensor) -> Tensor:
        weight = ops.expand_dims(seen, 3)
        total = ops.sum(weight, (1, 2, 3), True)
        centre = ops.sum(nodes[..., :2] * weight, (1, 2), True) / ops.clamp(total, 1e-6)
        place = (nodes[..., :2] - centre) * self.scale
        score = 2 * nodes[..., 2:] - 1
        return ops.cat((place, score), -1) * ops.cast(weight > 0, ms.float32)
