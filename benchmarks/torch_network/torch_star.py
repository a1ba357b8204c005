"""STAR in PyTorch, written from the paper's equations and the decisions of docs/paper.md, not from model/.

What the training step is measured against, and a check of the whole network: with the same weights
(`benchmarks.torch_network.torch_weights`) and draws it must give the same outputs, losses and gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.torch_network.torch_backbone import TorchBackbone
from benchmarks.torch_network.torch_skeletons import EDGE_VALUES, EdgeEncoder, PartEncoder, part_masks
from model.run.config import ModelConfig


class TorchClips(NamedTuple):
    """infrared (Bi, T, 3, height, width), visible (Bv, T, 3, height, width), edges (B, T, E), nodes (B, T, J, 3),
    seen (B, T, J) in 0…1, places (B, T, J, [column, row]) in 0…1; infrared clips come first.
    """

    infrared: Tensor
    visible: Tensor
    edges: Tensor
    nodes: Tensor
    seen: Tensor
    places: Tensor


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
    """The network of the variant that `config` names; calling it is the training pass.

    Raises ValueError for options written in MindSpore only.
    """

    def __init__(self, config: ModelConfig, persons: int, edge_values: int = EDGE_VALUES) -> None:
        super().__init__()
        if config.bidirectional or config.learn_exponents or (config.pool_over, config.edge_source) != ("cells", "all"):
            raise ValueError(f"the network in torch has the paper's own options only, got {config}")
        self.config = config
        self.backbone = TorchBackbone(config.backbone)
        channels = self.backbone.channels
        if config.frame_guidance:
            self.edge_encoder = EdgeEncoder(config, channels, edge_values)
            self.correct = FrameGuidance(config, channels)
        if config.sequence_guidance:
            self.part_encoder = PartEncoder(config)
            self.part_weights = nn.Linear(config.graph_width, len(config.exponents) * channels)
        if config.variant == "full":
            self.edge_distribution = nn.Linear(config.lstm_hidden, config.kl_width)
            self.edge_distribution.requires_grad_(config.kl_trains == "both")
            self.joint_distribution = nn.Linear(config.graph_width, config.kl_width)
        self.frame_neck, self.clip_neck = Neck(channels, persons), Neck(channels, persons)

    def forward(self, clips: TorchClips, draws: TorchDraws) -> TorchOutputs:
        b, t = clips.edges.shape[:2]
        infrared = clips.infrared.flatten(0, 1) * draws.infrared_gain.reshape(-1, 1, 1, 1)
        rows = torch.arange(len(clips.visible) * t)[:, None]
        visible = clips.visible.flatten(0, 1)[rows, draws.visible_channel.flatten(0, 1)]
        visible = visible * draws.visible_gain.reshape(-1, 3, 1, 1)
        cells, disturbed = self.backbone(infrared, visible, draws.same.flatten(), draws.other.flatten())
        disturbed = disturbed.mean((2, 3)).unflatten(0, (b, t))
        x, y, clip, p, q = self.guide(cells.unflatten(0, (b, t)), clips, draws.keep)
        frame_logits, disturbed_logits = self.frame_neck(y), self.frame_neck(disturbed)
        return TorchOutputs(frame_logits, self.clip_neck(clip), clip, x, disturbed, disturbed_logits, p, q)

    def embed(self, clips: TorchClips) -> Tensor:
        """Section 7: clip features through the neck at length one, (B, C); call `eval` before."""
        b, t = clips.edges.shape[:2]
        stems = [self.backbone.infrared_stem, self.backbone.visible_stem]
        sides = zip(stems, (clips.infrared, clips.visible), strict=True)
        shallow = torch.cat([stem(images.flatten(0, 1)) for stem, images in sides if len(images)])
        cells = self.backbone.layer4(self.backbone.layer3(self.backbone.layer2(self.backbone.layer1(shallow))))
        clip = self.guide(cells.unflatten(0, (b, t)), clips, None)[2]
        return functional.normalize(self.clip_neck.norm(clip), dim=1)

    def guide(
        self, cells: Tensor, clips: TorchClips, keep: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        """From the map (B, T, C, H, W) and the skeletons: X, Y, G and the logits of P and Q."""
        x = y = cells.mean((3, 4))
        p = q = None
        if self.config.frame_guidance:
            guidance, steps = self.edge_encoder(clips.edges, clips.seen)
            y = self.correct(x, guidance, torch.ones_like(x) if keep is None else keep)
        if not self.config.sequence_guidance:
            return x, y, generalized_mean(y.transpose(1, 2), 3.0), p, q
        parts, shares = self.part_encoder(clips.nodes, clips.seen)
        clip = self.pool(cells + (y - x)[..., None, None], parts, shares, clips)
        if self.config.frame_guidance:
            p = self.edge_distribution(steps)
            p = p.detach() if self.config.kl_trains == "graph" else p
            q = self.joint_distribution((parts * shares[..., None]).sum(2))
        return x, y, clip, p, q

    def pool(self, cells: Tensor, parts: Tensor, shares: Tensor, clips: TorchClips) -> Tensor:
        """Eqs 11 to 13: guided cells (B, T, C, H, W), part vectors (B, T, P, width), shares (B, T, P) → G (B, C)."""
        exponents, config = self.config.exponents, self.config
        scores = self.part_weights(parts).unflatten(-1, (len(exponents), -1))
        if config.pool_parts:
            masks = part_masks(clips.places, clips.seen, *cells.shape[3:], config.part_width)
            scores = scores.masked_fill((shares == 0)[..., None, None], -torch.inf)
            alpha = scores.flatten(2, 3).softmax(2).unflatten(2, scores.shape[2:4])
            pooled = torch.stack([masked_mean(cells.flatten(3), masks, p) for p in exponents], 3)
            return (alpha * pooled).sum((2, 3)).mean(1)
        alpha = (scores.softmax(3) * shares[..., None, None]).sum(2)
        pooled = torch.stack([generalized_mean(cells.flatten(3), p) for p in exponents], 2)
        return (alpha * pooled).sum(2).mean(1)


def generalized_mean(f: Tensor, p: float) -> Tensor:
    """Eq 11 over the last axis."""
    return f.abs().clamp(min=1e-6).pow(p).mean(-1).pow(1 / p)


def masked_mean(f: Tensor, masks: Tensor, p: float) -> Tensor:
    """Eq 11 weighted by masks: f (B, T, C, I), masks (B, T, P, I) → (B, T, P, C)."""
    return torch.einsum("btci,btpi->btpc", f.abs().clamp(min=1e-6).pow(p), masks).pow(1 / p)
