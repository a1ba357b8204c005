"""Sequence-level guidance: a graph of joints says what each body part is like (section 3.2, eqs 8 to 10 and 12).

Axes: B clips, T frames, J = 17 joints, N = T · J nodes numbered t · J + joint, P = 6 parts. Nothing is built for one T:
every shape follows from the inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import XavierUniform, initializer

from data_cache.contract.skeleton import JOINTS, limb_indices, part_mask
from model.network.skeleton_scale import StandardizedNodes

if TYPE_CHECKING:
    from model.run.config import ModelConfig

NODE_VALUES = 3  # x, y, score
FORBIDDEN = -1e9  # score of a pair that is no edge; its weight underflows to exactly 0
SLOPE = 0.2  # of the LeakyReLU, as in reference 37
SMALLEST_WEIGHT = 1e-6  # of the joints of a part together; below that nothing of it is seen


class ClipGraph(nn.Cell):
    """Who is whose neighbour in a clip (eqs 8, 9).

    Spatial: the 19 limbs in every frame, both directions. Temporal: the same joint in consecutive sampled frames, both
    directions. Every node is its own neighbour; a joint that is not seen is nobody else's.

    construct(seen): (B, T, J) float32 in 0…1, 0 for unseen → (B, N, N) bool, [b, i, j] where j is a neighbour of i.
    """

    def __init__(self) -> None:
        super().__init__()
        joints = len(JOINTS)
        limbs = np.zeros((joints, joints), np.float32)
        a, b = limb_indices().T
        limbs[a, b] = limbs[b, a] = 1.0
        self.within_frame = Tensor((limbs + np.eye(joints, dtype=np.float32)).reshape(1, joints, 1, joints))
        self.same_joint = Tensor(np.eye(joints, dtype=np.float32).reshape(1, joints, 1, joints))

    def construct(self, seen: Tensor) -> Tensor:
        clips, frames, joints = seen.shape
        step = ops.arange(frames)
        gap = ops.reshape(ops.abs(ops.expand_dims(step, 0) - ops.expand_dims(step, 1)), (frames, 1, frames, 1))
        same_frame, next_frame = ops.cast(gap == 0, ms.float32), ops.cast(gap == 1, ms.float32)
        nodes = frames * joints
        edges = ops.reshape(same_frame * self.within_frame + next_frame * self.same_joint, (1, nodes, nodes))
        myself = ops.reshape(same_frame * self.same_joint, (1, nodes, nodes))
        visible = ops.cast(ops.reshape(seen, (clips, nodes)) > 0, ms.float32)
        both = ops.expand_dims(visible, 2) * ops.expand_dims(visible, 1)
        return (edges * both + myself) > 0


class GraphAttention(nn.Cell):
    """One layer of a graph attention network (reference 37: Veličković et al.), dense, masked; eq 10 before its ELU.

    e_ij = LeakyReLU(a_target · W h_i + a_source · W h_j), α_i = softmax of e_i over the neighbours of i,
    result_i = Σ_j α_ij W h_j; heads are concatenated. No bias, no dropout.

    construct(h, neighbours): h (B, N, inputs), neighbours (B, N, N) bool
    Returns the nodes (B, N, heads · outputs) and α (B, head, N, N), whose rows sum to one.
    """

    def __init__(self, inputs: int, outputs: int, heads: int) -> None:
        super().__init__()
        self.heads, self.outputs = heads, outputs
        self.project = nn.Dense(inputs, heads * outputs, has_bias=False, weight_init=XavierUniform())
        self.target = Parameter(initializer(XavierUniform(), (1, heads, outputs, 1), ms.float32), name="target")
        self.source = Parameter(initializer(XavierUniform(), (1, heads, outputs, 1), ms.float32), name="source")

    def construct(self, h: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        clips, nodes, _ = h.shape
        split = ops.reshape(self.project(h), (clips, nodes, self.heads, self.outputs))
        projected = ops.cast(ops.transpose(split, (0, 2, 1, 3)), ms.float32)
        # With mixed precision a cell's tensors may come as float16, its parameters not.
        target, source = ops.cast(self.target, ms.float32), ops.cast(self.source, ms.float32)
        score = ops.matmul(projected, target) + ops.transpose(ops.matmul(projected, source), (0, 1, 3, 2))
        score = ops.leaky_relu(score, SLOPE)
        masked = ops.where(ops.expand_dims(neighbours, 1), score, ops.full_like(score, FORBIDDEN))
        attention = ops.softmax(masked, -1)
        mixed = ops.transpose(ops.matmul(attention, projected), (0, 2, 1, 3))
        return ops.reshape(mixed, (clips, nodes, self.heads * self.outputs)), attention


class PartEncoder(nn.Cell):
    """Eqs 8 to 10 and the numerator of eq 12: what the graph says of each body part in each frame.

    Two layers, ELU after each, batch norm after the second; a part's vector is the mean over its joints, weighted by
    `seen`: what is not seen says nothing. With raw nodes (`standardize_nodes` off) it is the mean over all joints.

    construct(nodes, seen): nodes (B, T, J, [x, y, score]) float32, zeros where unseen; seen (B, T, J) in 0…1
    Returns the vectors (B, T, P, graph_width), 0 for a part without a seen joint, and each part's share (B, T, P) in
    means over parts: those with a seen joint share evenly; all do, where no part of a frame has one.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.width = config.graph_width
        self.standardized = config.standardize_nodes
        self.standardize = StandardizedNodes()
        self.graph = ClipGraph()
        self.first = GraphAttention(NODE_VALUES, config.graph_hidden, config.graph_heads)
        self.second = GraphAttention(config.graph_hidden * config.graph_heads, config.graph_width, 1)
        self.norm = nn.BatchNorm1d(config.graph_width)
        self.members = Tensor(part_mask().astype(np.float32))

    def construct(self, nodes: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        clips, frames, joints, values = nodes.shape
        neighbours = self.graph(seen)
        if self.standardized:
            nodes = self.standardize(nodes, seen)
        hidden, _ = self.first(ops.reshape(nodes, (clips, frames * joints, values)), neighbours)
        hidden, _ = self.second(elu(hidden), neighbours)
        normed = self.norm(ops.reshape(elu(hidden), (clips * frames * joints, self.width)))
        by_joint = ops.reshape(ops.cast(normed, ms.float32), (clips, frames, joints, self.width))
        weights = ops.expand_dims(ops.cast(seen, ms.float32) if self.standardized else ops.ones_like(seen), 2)
        weights = weights * ops.cast(self.members, ms.float32)
        total = ops.sum(weights, 3, True)
        parts = ops.matmul(weights / ops.clamp(total, SMALLEST_WEIGHT), by_joint)
        return parts, part_shares(ops.squeeze(total, 3))


def part_shares(seen: Tensor) -> Tensor:
    """Each part's share in a mean over parts: (B, T, P), how much of it is seen → (B, T, P), sums to one over P."""
    present = ops.cast(seen > 0, ms.float32)
    count = ops.sum(present, -1, True)
    present = ops.where(count > 0, present, ops.ones_like(present))
    return present / ops.sum(present, -1, True)


def elu(x: Tensor) -> Tensor:
    """x where above 0, exp(x) − 1 elsewhere; any shape. MindSpore's own is not the same bits at every launch."""
    return ops.where(x > 0, x, ops.exp(ops.minimum(x, ops.zeros_like(x))) - 1)
