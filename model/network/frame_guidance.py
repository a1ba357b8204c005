"""Frame-level guidance: the skeleton's edges correct every frame's feature (section 3.1, eqs 3 to 7).

Axes: B clips, T frames, C channels, J = 17 joints; E edge values a frame: eqs 1 and 2 over the upper triangle, 136
pairs × distance and angle, 272 (408 with `sincos`). Nothing depends on T but the shapes of the inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import XavierUniform

from model.clips.skeletons.skeleton_inputs import EDGE_VALUES, PAIRS
from model.network.skeleton_scale import PairWeights, StandardizedEdges

if TYPE_CHECKING:
    from model.run.config import ModelConfig

EPSILON = 1e-3  # eq 7


class EdgeEncoder(nn.Cell):
    """Eq 3: T_t = linear(LSTM(ReLU(FC(edges)))), of standardised edges and, as an option, which pairs are seen.

    construct(edges, seen): (B, T, E) raw, (B, T, J) in 0…1 → the guidance T_t (B, T, C), and the LSTM's outputs
    (B, T, hidden · directions).
    """

    def __init__(self, config: ModelConfig, channels: int, edge_values: int = EDGE_VALUES) -> None:
        super().__init__()
        self.outputs = config.lstm_hidden * (2 if config.bidirectional else 1)
        self.standardized, self.flagged = config.standardize_edges, config.seen_flags
        self.pair_weights = PairWeights()
        if config.standardize_edges:
            self.standardize = StandardizedEdges(edge_values)
        self.fc = nn.Dense(edge_values + (len(PAIRS[0]) if config.seen_flags else 0), config.edge_hidden)
        self.lstm = nn.LSTM(
            config.edge_hidden, config.lstm_hidden, batch_first=True, bidirectional=config.bidirectional
        )
        self.to_channels = nn.Dense(self.outputs, channels)

    def construct(self, edges: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        if self.standardized or self.flagged:
            weights = self.pair_weights(seen)
            if self.standardized:
                edges = self.standardize(edges, weights)
            if self.flagged:
                edges = ops.cat((edges, weights), -1)
        steps, _ = self.lstm(ops.relu(self.fc(edges)))
        return self.to_channels(steps), steps


class CrossAttention(nn.Cell):
    """CrossAttn(query, key, value) of eqs 4 and 6, over the T frames of a clip; here key = value.

    Multi-head scaled dot products (Vaswani et al., Attention Is All You Need, 2017), C wide, every projection with
    a bias, no dropout: equal to torch.nn.MultiheadAttention.

    construct(query, key): both (B, T, C) → (B, T, C). ValueError where heads do not divide C.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"heads: expected a divisor of the backbone's {channels} channels, got {heads}")
        self.heads = heads
        self.query, self.key, self.value = (_projection(channels) for _ in range(3))
        self.out = _projection(channels)
        self.scale = (channels // heads) ** -0.5

    def construct(self, query: Tensor, key: Tensor) -> Tensor:
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(key))
        scores = ops.matmul(q * self.scale, ops.transpose(k, (0, 1, 3, 2)))
        attention = ops.cast(ops.softmax(ops.cast(scores, ms.float32), -1), v.dtype)
        mixed = ops.transpose(ops.matmul(attention, v), (0, 2, 1, 3))
        return self.out(ops.reshape(mixed, query.shape))

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, head, T, C / heads)."""
        clips, frames, channels = x.shape
        return ops.transpose(ops.reshape(x, (clips, frames, self.heads, channels // self.heads)), (0, 2, 1, 3))


class SqueezeExcite(nn.Cell):
    """Eq 5: W = sigmoid(Dense(ReLU(Dense(x)))), C → C / ratio → C, per frame; (..., C) → (..., C) in 0…1.

    Hu et al., Squeeze-and-Excitation Networks, CVPR 2018; a frame's feature has no cells left to squeeze.
    """

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        squeezed = max(channels // ratio, 1)
        self.squeeze = nn.Dense(channels, squeezed)
        self.excite = nn.Dense(squeezed, channels)

    def construct(self, x: Tensor) -> Tensor:
        return ops.sigmoid(self.excite(ops.relu(self.squeeze(x))))


class FeedForward(nn.Cell):
    """The FFN of eq 7: Linear(2C → C), GELU, dropout, Linear(C → C); the last one starts at zero.

    construct(x, keep): x (B, T, 2C); keep (B, T, C) is 0 for a dropped value and 1 / (1 − dropout) for a kept one,
    or None outside training. Returns (B, T, C).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widen = nn.Dense(2 * channels, channels)
        self.narrow = nn.Dense(channels, channels, weight_init="zeros", bias_init="zeros")

    def construct(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        hidden = ops.gelu(self.widen(x))
        if keep is not None:
            hidden = hidden * keep
        return self.narrow(hidden)


class FrameGuidance(nn.Cell):
    """Eqs 4 to 7: Y = FFN([H_o; H_t]) ⊗ SE(H_t) + X + 1e-3; before any training Y is X + 1e-3.

    construct(x, guidance, keep):
        x:        (B, T, C), the frames' features X_t
        guidance: (B, T, C), T_t of `EdgeEncoder`
        keep:     (B, T, C) or None, see `FeedForward`
    Returns Y_t (B, T, C).
    """

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        self.time_attention = CrossAttention(channels, config.heads)
        self.visual_attention = CrossAttention(channels, config.heads)
        self.weights = SqueezeExcite(channels, config.se_ratio)
        self.ffn = FeedForward(channels)

    def construct(self, x: Tensor, guidance: Tensor, keep: Tensor | None = None) -> Tensor:
        over_time = self.time_attention(x, guidance)
        over_sight = self.visual_attention(guidance, x)
        corrected = self.ffn(ops.cat((over_sight, over_time), -1), keep)
        return corrected * self.weights(over_time) + x + EPSILON


def _projection(channels: int) -> nn.Dense:
    return nn.Dense(channels, channels, weight_init=XavierUniform(), bias_init="zeros")
