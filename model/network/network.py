"""The whole network of STAR: backbone, both guidances, necks and classifiers (figure 2 of the paper).

Axes: Bi infrared and Bv visible clips, B = Bi + Bv with the infrared ones first in every array of B rows; T frames,
J = 17 joints, C channels. Two image arrays, because the modalities have their own stems; one row order for
everything else, so that a clip and its own skeleton stay together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import Normal

from model.clips.skeletons.skeleton_inputs import EDGE_VALUES
from model.network.backbone import SadBackbone
from model.network.frame_guidance import EdgeEncoder, FrameGuidance
from model.network.guided_pooling import GuidedPooling, PartMasks, PartWeights
from model.network.pooling import GeneralizedMean
from model.network.sequence_guidance import PartEncoder
from model.network.style import augment_infrared, augment_visible

if TYPE_CHECKING:
    from mindspore import Parameter

    from model.network.backbone import Modality
    from model.run.config import ModelConfig

BASELINE_EXPONENT = 3.0  # section 4.3's baseline: one GeM over time


class Clips(NamedTuple):
    """What the network reads, in the order of its inputs.

    infrared: (Bi, T, 3, height, width) float32, normalised with ImageNet's mean and deviation
    visible:  (Bv, T, 3, height, width) float32
    edges:    (B, T, E) float32, see `model.clips.skeletons.skeleton_inputs.edge_values`
    nodes:    (B, T, J, [x, y, score]) float32, x and y over the crop's height, zeros where unseen
    seen:     (B, T, J) float32, 1 seen and 0 not; between, for a joint filled in from other frames
    places:   (B, T, J, [column, row]) float32, where joints lie in the image, 0…1 of its width and height
    """

    infrared: Tensor
    visible: Tensor
    edges: Tensor
    nodes: Tensor
    seen: Tensor
    places: Tensor


class Draws(NamedTuple):
    """Every random number of a training step, drawn on the host, in the order of the network's inputs after `Clips`.

    infrared_gain:   (Bi, T) float32, U[0.5, 1.5]
    visible_gain:    (Bv, T, 3) float32, U[0.5, 1.5]
    visible_channel: (Bv, T, 3) int32, a permutation of 0, 1, 2 for every frame
    same:  (B, T) int32, the frame b · T + t whose style a frame takes after layer2: another of the same modality
    other: (B, T) int32, likewise after layer3: one of the other modality
    keep:  (B, T, C) float32, 0 for a dropped value of eq 7's FFN, 1 / (1 − dropout) for a kept one
    """

    infrared_gain: Tensor
    visible_gain: Tensor
    visible_channel: Tensor
    same: Tensor
    other: Tensor
    keep: Tensor


class Outputs(NamedTuple):
    """What the losses need: names for the tuple that the training pass returns (a graph returns plain tuples).

    frame_logits: (B, T, persons) of Y_t; clip_logits: (B, persons) of G; clip: G (B, C), before its neck
    x, disturbed: (B, T, C), X_t and x_dis; disturbed_logits: (B, T, persons)
    edge_logits, joint_logits: (B, T, kl_width), P and Q of eq 14 before their softmax; (B, T, 1) zeros where only
        one guidance, or none, is there to be consistent
    """

    frame_logits: Tensor
    clip_logits: Tensor
    clip: Tensor
    x: Tensor
    disturbed: Tensor
    disturbed_logits: Tensor
    edge_logits: Tensor
    joint_logits: Tensor


class Neck(nn.Cell):
    """Batch norm with its bias frozen at 0, then a linear classifier without bias (section 4.1.3).

    construct(x): (N, C) → the normed features (N, C) and the logits (N, persons).
    """

    def __init__(self, channels: int, persons: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.norm.beta.requires_grad = False
        self.classifier = nn.Dense(channels, persons, has_bias=False, weight_init=Normal(0.001))

    def construct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        normed = self.norm(x)
        return normed, self.classifier(normed)


class Consistency(nn.Cell):
    """The two FC layers of eq 14.

    construct(steps, parts, shares): LSTM outputs (B, T, hidden), part vectors (B, T, P, width), their shares (B, T, P)
    Returns the logits of P and Q, both (B, T, kl_width). With edge source `last` every frame's P is the last step's.
    Where eq 14 trains the graph alone, P's layer stays as it began and no gradient goes through P: moving P to a
    constant is the easiest way to make both alike, and teaches nothing.
    """

    def __init__(self, config: ModelConfig, hidden: int) -> None:
        super().__init__()
        self.last = config.edge_source == "last"
        self.of_graph = config.kl_trains == "graph"
        self.edges = nn.Dense(hidden, config.kl_width)
        self.joints = nn.Dense(config.graph_width, config.kl_width)
        if self.of_graph:
            for parameter in self.edges.get_parameters():
                parameter.requires_grad = False

    def construct(self, steps: Tensor, parts: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        p = self.edges(steps)
        if self.of_graph:
            p = ops.stop_gradient(p)
        if self.last:
            p = ops.broadcast_to(p[:, -1:], p.shape)
        return p, self.joints(ops.sum(parts * ops.expand_dims(shares, 3), 2))


class StarNetwork(nn.Cell):
    """STAR, or one of its ablations: `config`'s two booleans decide which cells there are.

    construct(*Clips, *Draws): the training pass; returns a tuple in the order of `Outputs`.
    embed(images, edges, nodes, seen, places, modality): the evaluation pass for clips of one modality; images
        (B, T, 3, height, width), modality a constant → clip features after the neck, L2-normalised, (B, C). Call
        `set_train(False)` before it.
    embed_map(cells, edges, nodes, seen, places): the same from the backbone's map (B · T, C, H, W) on.

    persons: classes of the training split; edge_values: E, which follows from the cache's `angle`. Initial weights come
    from MindSpore's generator: call `mindspore.set_seed` before building. Raises ValueError where the settings do not
    fit each other.
    """

    def __init__(self, config: ModelConfig, persons: int, edge_values: int = EDGE_VALUES) -> None:
        super().__init__()
        self.backbone = SadBackbone(config.backbone)
        self.channels = self.backbone.channels
        self.frame_guidance, self.sequence_guidance = config.frame_guidance, config.sequence_guidance
        self.consistent = config.frame_guidance and config.sequence_guidance
        if config.frame_guidance:
            self.edge_encoder = EdgeEncoder(config, self.channels, edge_values)
            self.correct = FrameGuidance(config, self.channels)
        if config.sequence_guidance:
            self.part_encoder = PartEncoder(config)
            self.part_weights = PartWeights(config, self.channels)
            self.pool = GuidedPooling(config)
            self.by_part = config.pool_parts
            self.part_masks = PartMasks(config.part_width)
        else:
            self.pool = GeneralizedMean((BASELINE_EXPONENT,))
        if self.consistent:
            self.consistency = Consistency(config, self.edge_encoder.outputs)
        self.frame_neck = Neck(self.channels, persons)
        self.clip_neck = Neck(self.channels, persons)

    def construct(
        self,
        infrared: Tensor,
        visible: Tensor,
        edges: Tensor,
        nodes: Tensor,
        seen: Tensor,
        places: Tensor,
        infrared_gain: Tensor,
        visible_gain: Tensor,
        visible_channel: Tensor,
        same: Tensor,
        other: Tensor,
        keep: Tensor,
    ) -> tuple[Tensor, ...]:
        infrared = augment_infrared(_frames(infrared), ops.reshape(infrared_gain, (-1,)))
        gain, channel = ops.reshape(visible_gain, (-1, 3)), ops.reshape(visible_channel, (-1, 3))
        visible = augment_visible(_frames(visible), gain, channel)
        cells, disturbed_cells = self.backbone(infrared, visible, ops.reshape(same, (-1,)), ops.reshape(other, (-1,)))
        clips, frames = edges.shape[:2]
        disturbed = ops.reshape(_mean(disturbed_cells, (2, 3)), (clips, frames, self.channels))
        x, y, clip, edge_logits, joint_logits = self._guide(cells, edges, nodes, seen, places, keep)
        frame_logits, disturbed_logits = self._frame_logits(y), self._frame_logits(disturbed)
        clip_logits = self.clip_neck(clip)[1]
        return frame_logits, clip_logits, clip, x, disturbed, disturbed_logits, edge_logits, joint_logits

    def embed(
        self, images: Tensor, edges: Tensor, nodes: Tensor, seen: Tensor, places: Tensor, modality: Modality
    ) -> Tensor:
        return self.embed_map(self.backbone.extract(_frames(images), modality), edges, nodes, seen, places)

    def embed_map(self, cells: Tensor, edges: Tensor, nodes: Tensor, seen: Tensor, places: Tensor) -> Tensor:
        clip = self._guide(cells, edges, nodes, seen, places, None)[2]
        normed = ops.cast(self.clip_neck.norm(clip), ms.float32)
        length = ops.sqrt(ops.sum(normed * normed, 1, True))
        return normed / ops.clamp(length, 1e-12)

    def _guide(
        self, cells: Tensor, edges: Tensor, nodes: Tensor, seen: Tensor, places: Tensor, keep: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """From the map (B · T, C, H, W) and the skeletons: X, Y, G and the logits of P and Q."""
        clips, frames = edges.shape[:2]
        height, width = cells.shape[2:]
        cells = ops.reshape(cells, (clips, frames, self.channels, height, width))
        x = _mean(cells, (3, 4))
        y = x
        p = q = ops.zeros((clips, frames, 1), ms.float32)
        if self.frame_guidance:
            guidance, steps = self.edge_encoder(edges, seen)
            y = self.correct(x, guidance, keep)
        if self.sequence_guidance:
            parts, shares = self.part_encoder(nodes, seen)
            masks = self.part_masks(places, seen, height, width) if self.by_part else None
            clip = self.pool(cells, x, y, self.part_weights(parts, shares), shares, masks)
            if self.consistent:
                p, q = self.consistency(steps, parts, shares)
        else:
            clip = ops.squeeze(self.pool(ops.transpose(y, (0, 2, 1))), 1)
        return x, y, clip, p, q

    def _frame_logits(self, features: Tensor) -> Tensor:
        clips, frames, channels = features.shape
        logits = self.frame_neck(ops.reshape(features, (clips * frames, channels)))[1]
        return ops.reshape(logits, (clips, frames, logits.shape[1]))


class ClipEmbedding(nn.Cell):
    """`StarNetwork.embed` for one modality as a cell, for evaluation and export.

    construct(images, edges, nodes, seen, places): axes as in `Clips` with all rows of `modality` → (B, C) of length 1.
    """

    def __init__(self, network: StarNetwork, modality: Modality) -> None:
        super().__init__()
        self.network = network
        self.modality = modality

    def construct(self, images: Tensor, edges: Tensor, nodes: Tensor, seen: Tensor, places: Tensor) -> Tensor:
        return self.network.embed(images, edges, nodes, seen, places, self.modality)


def parameter_groups(network: StarNetwork) -> tuple[list[Parameter], list[Parameter]]:
    """The trainable parameters of the backbone, and all others: the first learn at a tenth of the rate."""
    backbone = list(network.backbone.trainable_params())
    own = {id(p) for p in backbone}
    return backbone, [p for p in network.trainable_params() if id(p) not in own]


def _mean(cells: Tensor, axes: tuple[int, int]) -> Tensor:
    """Mean over a map's cells, in float32 whatever the precision of the map."""
    return ops.mean(ops.cast(cells, ms.float32), axes)


def _frames(images: Tensor) -> Tensor:
    """(B, T, 3, height, width) → (B · T, 3, height, width)."""
    return ops.reshape(images, (-1, *images.shape[2:]))
