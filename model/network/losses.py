"""The objectives of section 3.3 (eqs 14 and 15), every term by name.

No batch size and no T stands in a loss; only the triplet looks at a batch as a whole, the others are means over
clips or frames, so that the mean of two devices' gradients is the gradient of both batches together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mindspore as ms
from mindspore import Tensor, nn, ops

from model.network.style import distances

if TYPE_CHECKING:
    from model.run.config import LossConfig

# The order of the terms wherever they stand in an array; their names in log, metrics and `LossConfig`.
LOSS_TERMS = ("id_frame", "id_clip", "triplet", "kl", "sad")
FAR = 1e9  # a distance that no pair has


class Identity(nn.Cell):
    """L_id: cross entropy, mean over clips and, where there are any, frames.

    smoothing: share of the target that all persons have alike (Szegedy et al., Rethinking the Inception Architecture
        for Computer Vision, CVPR 2016)
    construct(logits, person): logits (B, persons) or (B, T, persons); person (B,) int32 → ().
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing

    def construct(self, logits: Tensor, person: Tensor) -> Tensor:
        if logits.ndim == 3:
            clips, frames, persons = logits.shape
            person = ops.reshape(ops.broadcast_to(ops.expand_dims(person, 1), (clips, frames)), (clips * frames,))
            logits = ops.reshape(logits, (clips * frames, persons))
        log_share = ops.log_softmax(ops.cast(logits, ms.float32), -1)
        # Not ops.cross_entropy: on the CPU its last bit changes from launch to launch.
        own = -ops.mean(ops.gather_elements(log_share, 1, ops.expand_dims(person, 1)))
        if self.smoothing == 0:
            return own
        return (1 - self.smoothing) * own - self.smoothing * ops.mean(log_share)


class BatchHardTriplet(nn.Cell):
    """L_tri: Hermans et al., In Defense of the Triplet Loss for Person Re-Identification, 2017.

    For every clip the farthest clip of its person and the nearest of another, whatever their modality; Euclidean;
    mean over clips of max(0, farthest − nearest + margin). A batch of one person has no nearest: 0.

    construct(feature, person): feature (B, C), person (B,) int32 → ().
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def construct(self, feature: Tensor, person: Tensor) -> Tensor:
        distance = distances(ops.expand_dims(feature, 1), ops.expand_dims(feature, 0))
        alike = ops.expand_dims(person, 1) == ops.expand_dims(person, 0)
        farthest = ops.amax(ops.where(alike, distance, ops.zeros_like(distance)), 1)
        nearest = ops.amin(ops.where(alike, ops.full_like(distance, FAR), distance), 1)
        return ops.mean(ops.relu(farthest - nearest + self.margin))


class SkeletonConsistency(nn.Cell):
    """L_KL (eq 14): ½ Σ_i [P log(P/Q) + Q log(Q/P)] = ½ Σ_i (P − Q)(log P − log Q), mean over frames and clips.

    construct(edge_logits, joint_logits): both (B, T, I), P and Q before their softmax → ().
    """

    def construct(self, edge_logits: Tensor, joint_logits: Tensor) -> Tensor:
        log_p = ops.log_softmax(ops.cast(edge_logits, ms.float32), -1)
        log_q = ops.log_softmax(ops.cast(joint_logits, ms.float32), -1)
        both_ways = ops.sum((ops.exp(log_p) - ops.exp(log_q)) * (log_p - log_q), -1)
        return 0.5 * ops.mean(both_ways)


class StyleDefense(nn.Cell):
    """L_SAD (reference 46): cross entropy of the disturbed frames + mean over frames of ‖X_t − x_dis‖₂.

    smoothing: see `Identity`
    construct(logits, x, disturbed, person): logits (B, T, persons) of the disturbed frames; x and disturbed (B, T, C);
    person (B,) int32 → ().
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        self.identity = Identity(smoothing)

    def construct(self, logits: Tensor, x: Tensor, disturbed: Tensor, person: Tensor) -> Tensor:
        return self.identity(logits, person) + ops.mean(distances(x, disturbed))


class TotalLoss(nn.Cell):
    """Eq 15: the weighted sum of all terms.

    construct(outputs, person): what the training pass returns, in the order of `model.network.network.Outputs`;
        person (B,) int32, 0-based class numbers
    Returns the total () and the terms (5,) float32, unweighted, in the order of `LOSS_TERMS`. Without both
    guidances there is no eq 14 and its term is 0.
    """

    def __init__(self, config: LossConfig, consistency: bool) -> None:
        super().__init__()
        self.weights = Tensor([getattr(config, name) for name in LOSS_TERMS], ms.float32)
        self.identity = Identity(config.label_smoothing)
        self.triplet = BatchHardTriplet(config.margin)
        self.sad = StyleDefense(config.label_smoothing)
        self.consistency = consistency
        self.kl = SkeletonConsistency()

    def construct(self, outputs: tuple[Tensor, ...], person: Tensor) -> tuple[Tensor, Tensor]:
        frame_logits, clip_logits, clip, x, disturbed, disturbed_logits, edge_logits, joint_logits = outputs
        id_clip = self.identity(clip_logits, person)
        terms = (
            self.identity(frame_logits, person),
            id_clip,
            self.triplet(clip, person),
            self.kl(edge_logits, joint_logits) if self.consistency else ops.zeros_like(id_clip),
            self.sad(disturbed_logits, x, disturbed, person),
        )
        stacked = ops.stack(terms, 0)
        return ops.sum(stacked * self.weights), stacked
