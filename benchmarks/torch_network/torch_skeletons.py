"""What the network in PyTorch makes of skeletons: eqs 3, 8 to 10 and 12, and the cells that body parts pool.

Written from docs/paper.md, not from model/. B clips, T frames, J = 17 joints, P = 6 parts, E edge values a frame.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.run.config import ModelConfig

JOINTS = 17
EDGE_VALUES = JOINTS * (JOINTS - 1)
PAIRS = tuple(combinations(range(JOINTS), 2))
# COCO's limbs and the body parts as eqs 8 and 12 take them, by COCO's 0-based joint numbers.
LIMBS = "15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6"
PARTS = ((0, 1, 2, 3, 4), (5, 6, 11, 12), (5, 7, 9), (6, 8, 10), (11, 13, 15), (12, 14, 16))


class EdgeEncoder(nn.Module):
    """Eq 3: edges (B, T, E) raw, seen (B, T, J) in 0…1 → T_t (B, T, C) and the LSTM's outputs (B, T, hidden)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: ModelConfig, channels: int, edge_values: int = EDGE_VALUES) -> None:
        super().__init__()
        self.config = config
        if config.standardize_edges:
            self.register_buffer("mean", torch.zeros(edge_values))
            self.register_buffer("deviation", torch.ones(edge_values))
        self.fc = nn.Linear(edge_values + len(PAIRS) * config.seen_flags, config.edge_hidden)
        self.lstm = nn.LSTM(config.edge_hidden, config.lstm_hidden, batch_first=True)
        self.to_channels = nn.Linear(config.lstm_hidden, channels)

    def inputs(self, edges: Tensor, seen: Tensor) -> Tensor:
        """What eq 3 reads: standardised, an unseen pair 0, and the pairs' weights behind where they are asked for."""
        first, second = zip(*PAIRS, strict=True)
        weight = seen[..., first] * seen[..., second]
        if self.config.standardize_edges:
            of_value = weight.repeat_interleave(edges.shape[-1] // len(PAIRS), -1)
            inverse = torch.where(self.deviation > 0, 1 / self.deviation, torch.zeros_like(self.deviation))
            edges = (edges - self.mean) * inverse * of_value
        return torch.cat([edges, weight], -1) if self.config.seen_flags else edges

    def forward(self, edges: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        steps = self.lstm(self.fc(self.inputs(edges, seen)).relu())[0]
        return self.to_channels(steps), steps


class GraphAttention(nn.Module):
    """A GAT layer (reference 37) over masked pairs: h (B, N, in), neighbours (B, N, N) → (B, N, heads · width)."""

    def __init__(self, inputs: int, width: int, heads: int) -> None:
        super().__init__()
        self.shape = heads, width
        self.project = nn.Linear(inputs, heads * width, bias=False)
        self.target = nn.Parameter(torch.randn(heads, width) * width**-0.5)
        self.source = nn.Parameter(torch.randn(heads, width) * width**-0.5)

    def forward(self, h: Tensor, neighbours: Tensor) -> Tensor:
        wh = self.project(h).unflatten(-1, self.shape)
        target, source = (torch.einsum("bnhd,hd->bhn", wh, a) for a in (self.target, self.source))
        score = functional.leaky_relu(target[..., None] + source[..., None, :], 0.2)
        alpha = score.masked_fill(~neighbours[:, None], -torch.inf).softmax(-1)
        return torch.einsum("bhij,bjhd->bihd", alpha, wh).flatten(2)


class PartEncoder(nn.Module):
    """Eqs 8 to 10 and 12's numerator: nodes (B, T, J, 3), seen (B, T, J) → part vectors (B, T, P, width), and each
    part's share in means over parts (B, T, P).
    """

    limbs: Tensor
    members: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.standardized = config.standardize_nodes
        self.first = GraphAttention(3, config.graph_hidden, config.graph_heads)
        self.second = GraphAttention(config.graph_hidden * config.graph_heads, config.graph_width, 1)
        self.norm = nn.BatchNorm1d(config.graph_width)
        limbs = torch.eye(JOINTS)
        for limb in LIMBS.split():
            i, j = map(int, limb.split("-"))
            limbs[i, j] = limbs[j, i] = 1
        self.register_buffer("limbs", limbs, persistent=False)
        self.register_buffer("members", part_members(), persistent=False)

    def forward(self, nodes: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        frames = nodes.shape[1]
        next_frame = torch.ones(frames - 1).diag(1)
        eye = torch.eye(JOINTS)
        edges = torch.kron(torch.eye(frames), self.limbs) + torch.kron(next_frame + next_frame.T, eye) > 0
        flat = seen.flatten(1) > 0
        neighbours = edges & flat[:, :, None] & flat[:, None] | torch.eye(frames * JOINTS, dtype=torch.bool)
        if self.standardized:
            nodes = standardized_nodes(nodes, seen)
        h = functional.elu(self.first(nodes.flatten(1, 2), neighbours))
        h = functional.elu(self.second(h, neighbours))
        h = self.norm(h.transpose(1, 2)).transpose(1, 2)
        counted = seen if self.standardized else torch.ones_like(seen)
        weight = counted[:, :, None] * self.members
        total = weight.sum(-1)
        vectors = torch.where(total > 0, 1 / total, torch.zeros_like(total))[..., None] * weight
        present = total > 0
        present = (present | ~present.any(-1, keepdim=True)).to(seen.dtype)
        return vectors @ h.unflatten(1, (frames, JOINTS)), present / present.sum(-1, keepdim=True)


def part_members() -> Tensor:
    """(P, J) float32, 1 where the joint belongs to the part."""
    members = torch.zeros(len(PARTS), JOINTS)
    for part, joints in enumerate(PARTS):
        members[part, list(joints)] = 1
    return members


def standardized_nodes(nodes: Tensor, seen: Tensor) -> Tensor:
    """About the clip's seen joints (weighted), 8 x, 4 y, 2 score − 1, zeros where unseen; shapes as `PartEncoder`."""
    total = seen.sum((1, 2)).clamp(min=1e-6)
    centre = torch.einsum("btjv,btj->bv", nodes[..., :2], seen) / total[:, None]
    places = (nodes[..., :2] - centre[:, None, None]) * nodes.new_tensor([8.0, 4.0])
    return torch.cat([places, 2 * nodes[..., 2:] - 1], -1) * (seen > 0)[..., None]


def part_masks(places: Tensor, seen: Tensor, height: int, width: int, deviation: float) -> Tensor:
    """Which cells each part pools, Gaussians about its seen joints: places (B, T, J, [column, row]) in 0…1,
    seen (B, T, J) → (B, T, P, H · W), sums to one, a hundredth of it spread over all cells; deviation: in cells.
    """
    row, column = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    cells = torch.stack([column, row], -1).reshape(-1, 2).to(places.dtype)
    joints = places * places.new_tensor([width, height])
    near = torch.exp(-((joints[..., None, :] - cells) ** 2).sum(-1) / (2 * deviation**2)) * seen[..., None]
    mask = part_members().to(places.dtype) @ near
    total = mask.sum(-1, keepdim=True)
    even = torch.full_like(mask, 1 / (height * width))
    return 0.99 * torch.where(total > 1e-6, mask / total.clamp(min=1e-6), even) + 0.01 * even
