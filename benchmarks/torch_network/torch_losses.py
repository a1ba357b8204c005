"""The objectives of section 3.3 in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.torch_network.torch_star import TorchOutputs
from model.run.config import LossConfig

TERMS = ("id_frame", "id_clip", "triplet", "kl", "sad")


def loss_terms(outputs: TorchOutputs, person: Tensor, margin: float, smoothing: float = 0.0) -> Tensor:
    """The unweighted terms in the order of `TERMS`, (5,); person (B,) int64; smoothing: of the labels."""
    frames = outputs.x.shape[1]
    of_frame = person.repeat_interleave(frames)
    id_frame = functional.cross_entropy(outputs.frame_logits.flatten(0, 1), of_frame, label_smoothing=smoothing)
    id_clip = functional.cross_entropy(outputs.clip_logits, person, label_smoothing=smoothing)
    kl = outputs.x.new_zeros(())
    if outputs.edge_logits is not None and outputs.joint_logits is not None:
        log_p, log_q = outputs.edge_logits.log_softmax(-1), outputs.joint_logits.log_softmax(-1)
        both = functional.kl_div(log_q, log_p, reduction="sum", log_target=True) + functional.kl_div(
            log_p, log_q, reduction="sum", log_target=True
        )
        kl = 0.5 * both / of_frame.numel()
    sad = functional.cross_entropy(outputs.disturbed_logits.flatten(0, 1), of_frame, label_smoothing=smoothing)
    sad = sad + torch.linalg.vector_norm(outputs.x - outputs.disturbed, dim=-1).mean()
    return torch.stack([id_frame, id_clip, batch_hard_triplet(outputs.clip, person, margin), kl, sad])


def batch_hard_triplet(feature: Tensor, person: Tensor, margin: float) -> Tensor:
    """Mean over clips of max(0, farthest of its person − nearest of another + margin); feature (B, C)."""
    distance = torch.cdist(feature, feature, compute_mode="donot_use_mm_for_euclid_dist")
    alike = person[:, None] == person
    farthest = distance.masked_fill(~alike, 0).amax(1)
    nearest = distance.masked_fill(alike, torch.inf).amin(1)
    return (farthest - nearest + margin).relu().mean()


def total_loss(terms: Tensor, config: LossConfig) -> Tensor:
    """Eq 15 of the terms (5,)."""
    return (terms * torch.tensor([getattr(config, name) for name in TERMS])).sum()
