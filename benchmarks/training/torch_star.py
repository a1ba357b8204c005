"""STAR in PyTorch, written from the paper's equations and the decisions of docs/paper.md, not from model/.

What the training step is measured against, and a check of the whole network: with the same weights
(`benchmarks.training.torch_weights`) and draws it must give the same outputs, losses and gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.training.torch_backbone import TorchBackbone
from model.run.config import ModelConfig

JOINTS = 17
EDGE_VALUES = JOINTS * (JOINTS - 1)
# COCO's limbs and the body parts as eqs 8 and 12 take them, by COCO's 0-based joint numbers.
LIMBS = "15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6"
PARTS = ((0, 1, 2, 3, 4), (5, 6, 11, 12), (5, 7, 9), (6, 8, 10), (11, 13, 15), (12, 14, 16))


class TorchClips(NamedTuple):
    """infrared (Bi, T, 3, height, width), visible (Bv, T, 3, height, width), edges (B, T, 272), nodes (B, T, J, 3),
    seen (B, T, J) bool; infrared clips come first.
    """

    infrared: Tensor
    visible: Tensor
    edges: Tensor
    nodes: Tensor
    seen: Tensor


class TorchDraws(NamedTuple):
    """infrared_gain (Bi, T), visible_gain and visible_channel (Bv, T, 3), same and other (B, T), keep (B, T, C)."""

    infrared_gain: Tensor
    visible_gain: Tensor
    visible_channel: Tensor
    same: Tensor
    other: Tensor
    keep: Tensor


class TorchOutputs(NamedTuple):
    """What the losses read: logits (B, T, persons) or (B, persons), features (B, T, C) or (B, C), and P and Q of
    eq 14 before their softmax (B, T, kl_width), or None.
    """

    frame_logits: Tensor
    clip_logits: Tensor
    clip: Tensor
    x: Tensor
    disturbed: Tensor
    disturbed_logits: Tensor
    edge_logits: Tensor | None
    joint_logits: Tensor | None


def random_draws(clips: TorchClips, channels: int, dropout: float) -> TorchDraws:
    """The draws of one step from torch's generator: U[0.5, 1.5], channel orders, a random other frame, dropout."""
    (bi, frames), bv = clips.infrared.shape[:2], clips.visible.shape[0]
    ni, nv = bi * frames, bv * frames
    same_infrared = (torch.arange(ni) + torch.randint(1, ni, (ni,))) % ni
    same_visible = ni + (torch.arange(nv) + torch.randint(1, nv, (nv,))) % nv
    return TorchDraws(
        infrared_gain=0.5 + torch.rand(bi, frames),
        visible_gain=0.5 + torch.rand(bv, frames, 3),
        visible_channel=torch.rand(bv, frames, 3).argsort(-1),
        same=torch.cat([same_infrared, same_visible]).reshape(-1, frames),
        other=torch.cat([ni + torch.randint(nv, (ni,)), torch.randint(ni, (nv,))]).reshape(-1, frames),
        keep=functional.dropout(torch.ones(bi + bv, frames, channels), dropout),
    )


class EdgeEncoder(nn.Module):
    """Eq 3: (B, T, 272) → T_t (B, T, C) and the LSTM's outputs (B, T, hidden)."""

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(EDGE_VALUES, config.edge_hidden)
        self.lstm = nn.LSTM(config.edge_hidden, config.lstm_hidden, batch_first=True)
        self.to_channels = nn.Linear(config.lstm_hidden, channels)

    def forward(self, edges: Tensor) -> tuple[Tensor, Tensor]:
        steps = self.lstm(self.fc(edges).relu())[0]
        return self.to_channels(steps), steps


class FrameGuidance(nn.Module):
    """Eqs 4 to 7: X, T (B, T, C) and the dropout's mask → Y (B, T, C)."""

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        squeezed = max(channels // config.se_ratio, 1)
        self.time_attention = nn.MultiheadAttention(channels, config.heads, batch_first=True)
        self.visual_attention = nn.MultiheadAttention(channels, config.heads, batch_first=True)
        self.squeeze, self.excite = nn.Linear(channels, squeezed), nn.Linear(squeezed, channels)
        self.widen, self.narrow = nn.Linear(2 * channels, channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor, guidance: Tensor, keep: Tensor) -> Tensor:
        h_t = self.time_attention(x, guidance, guidance, need_weights=False)[0]
        h_o = self.visual_attention(guidance, x, x, need_weights=False)[0]
        weight = self.excite(self.squeeze(h_t).relu()).sigmoid()
        hidden = functional.gelu(self.widen(torch.cat([h_o, h_t], -1)))
        return self.narrow(hidden * keep) * weight + x + 1e-3


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
    """Eqs 8 to 10 and 12's numerator: nodes (B, T, J, 3), seen (B, T, J) → part vectors (B, T, P, width)."""

    limbs: Tensor
    members: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.first = GraphAttention(3, config.graph_hidden, config.graph_heads)
        self.second = GraphAttention(config.graph_hidden * config.graph_heads, config.graph_width, 1)
        self.norm = nn.BatchNorm1d(config.graph_width)
        limbs, members = torch.eye(JOINTS), torch.zeros(len(PARTS), JOINTS)
        for limb in LIMBS.split():
            i, j = map(int, limb.split("-"))
            limbs[i, j] = limbs[j, i] = 1
        for part, joints in enumerate(PARTS):
            members[part, list(joints)] = 1 / len(joints)
        self.register_buffer("limbs", limbs, persistent=False)
        self.register_buffer("members", members, persistent=False)

    def forward(self, nodes: Tensor, seen: Tensor) -> Tensor:
        frames = nodes.shape[1]
        next_frame = torch.ones(frames - 1).diag(1)
        eye = torch.eye(JOINTS)
        edges = torch.kron(torch.eye(frames), self.limbs) + torch.kron(next_frame + next_frame.T, eye) > 0
        flat = seen.flatten(1)
        neighbours = edges & flat[:, :, None] & flat[:, None] | torch.eye(frames * JOINTS, dtype=torch.bool)
        h = functional.elu(self.first(nodes.flatten(1, 2), neighbours))
        h = functional.elu(self.second(h, neighbours))
        h = self.norm(h.transpose(1, 2)).transpose(1, 2)
        return self.members @ h.unflatten(1, (frames, JOINTS))


class Neck(nn.Module):
    """Batch norm with a frozen bias, linear classifier without: (..., C) → (..., persons)."""

    def __init__(self, channels: int, persons: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.norm.bias.requires_grad_(False)
        self.classifier = nn.Linear(channels, persons, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.norm(x.flatten(0, -2))).unflatten(0, x.shape[:-1])


class TorchStar(nn.Module):
    """The training pass of the variant that `config` names. Raises ValueError for options written in MindSpore only."""

    def __init__(self, config: ModelConfig, persons: int) -> None:
        super().__init__()
        if config.bidirectional or config.learn_exponents or (config.pool_over, config.edge_source) != ("cells", "all"):
            raise ValueError(f"the network in torch has the paper's own options only, got {config}")
        self.config = config
        self.backbone = TorchBackbone(config.backbone)
        channels = self.backbone.channels
        if config.frame_guidance:
            self.edge_encoder = EdgeEncoder(config, channels)
            self.correct = FrameGuidance(config, channels)
        if config.sequence_guidance:
            self.part_encoder = PartEncoder(config)
            self.part_weights = nn.Linear(config.graph_width, len(config.exponents) * channels)
        if config.variant == "full":
            self.edge_distribution = nn.Linear(config.lstm_hidden, config.kl_width)
            self.joint_distribution = nn.Linear(config.graph_width, config.kl_width)
        self.frame_neck, self.clip_neck = Neck(channels, persons), Neck(channels, persons)

    def forward(self, clips: TorchClips, draws: TorchDraws) -> TorchOutputs:
        b, t = clips.edges.shape[:2]
        infrared = clips.infrared.flatten(0, 1) * draws.infrared_gain.reshape(-1, 1, 1, 1)
        rows = torch.arange(len(clips.visible) * t)[:, None]
        visible = clips.visible.flatten(0, 1)[rows, draws.visible_channel.flatten(0, 1)]
        visible = visible * draws.visible_gain.reshape(-1, 3, 1, 1)
        cells, disturbed = self.backbone(infrared, visible, draws.same.flatten(), draws.other.flatten())
        cells, disturbed = cells.unflatten(0, (b, t)), disturbed.mean((2, 3)).unflatten(0, (b, t))
        x = y = cells.mean((3, 4))
        p = q = None
        if self.config.frame_guidance:
            guidance, steps = self.edge_encoder(clips.edges)
            y = self.correct(x, guidance, draws.keep)
        if self.config.sequence_guidance:
            parts = self.part_encoder(clips.nodes, clips.seen)
            clip = self.pool(cells + (y - x)[..., None, None], parts)
            if self.config.frame_guidance:
                p, q = self.edge_distribution(steps), self.joint_distribution(parts.mean(2))
        else:
            clip = generalized_mean(y.transpose(1, 2), 3.0)
        frame_logits, disturbed_logits = self.frame_neck(y), self.frame_neck(disturbed)
        return TorchOutputs(frame_logits, self.clip_neck(clip), clip, x, disturbed, disturbed_logits, p, q)

    def pool(self, cells: Tensor, parts: Tensor) -> Tensor:
        """Eqs 11 to 13: guided cells (B, T, C, H, W) and part vectors (B, T, P, width) → G (B, C)."""
        exponents = self.config.exponents
        alpha = self.part_weights(parts).unflatten(-1, (len(exponents), -1)).softmax(3)
        pooled = torch.stack([generalized_mean(cells.flatten(3), p) for p in exponents], 2)
        return (alpha.mean(2) * pooled).sum(2).mean(1)


def generalized_mean(f: Tensor, p: float) -> Tensor:
    """Eq 11 over the last axis."""
    return f.abs().clamp(min=1e-6).pow(p).mean(-1).pow(1 / p)
