"""Every random number of training, drawn on the host by generators keyed by (seed, purpose, epoch, step, clip).

Nothing carries over from one draw to the next: a run that is resumed at any step draws what it would have drawn, and
so does any number of worker processes. The generators are Philox (Salmon et al., SC 2011) behind numpy's
SeedSequence, which spreads keys that differ in one number.

A clip's number within a step counts over all devices (`model.clips.sampler`), so what a clip is given does not depend
on how many devices share the step.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GAIN_RANGE = (0.5, 1.5)  # style augmentation, section 4.1.3 (reference 46)


class Purpose(IntEnum):
    """What a generator is for; the numbers are part of every key and must not change."""

    BATCHES = 1
    FRAMES = 2
    AUGMENTATION = 3
    STYLE = 4
    PARTNERS = 5
    DROPOUT = 6
    VALIDATION = 7


def keyed_generator(seed: int, purpose: Purpose, *position: int) -> np.random.Generator:
    """The generator for `purpose` at `position`: the same numbers for the same key, on every machine.

    position: (epoch,), (epoch, step) or (epoch, step, clip), always as many for one purpose; all numbers 0 or more.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(int(purpose), *position))))


class StepDraws(NamedTuple):
    """Random inputs of one training step, in the order of `model.network.network.Draws`; B = Bi + Bv, infrared first.

    infrared_gain:   (Bi, T) float32, U[0.5, 1.5], one for all channels of a frame
    visible_gain:    (Bv, T, 3) float32, U[0.5, 1.5]
    visible_channel: (Bv, T, 3) int32, a permutation of 0, 1, 2 for every frame
    same:  (B, T) int32, the frame (b · T + t) whose style a frame takes after layer2: another of the same modality
    other: (B, T) int32, likewise after layer3: one of the other modality
    keep:  (B, T, C) float32, 0 for a dropped value of eq 7's FFN, 1 / (1 − dropout) for a kept one
    """

    infrared_gain: NDArray[np.float32]
    visible_gain: NDArray[np.float32]
    visible_channel: NDArray[np.int32]
    same: NDArray[np.int32]
    other: NDArray[np.int32]
    keep: NDArray[np.float32]


class StepPosition(NamedTuple):
    """Which step of which run, on which device: together with the seed this keys everything that is drawn."""

    seed: int
    epoch: int
    step: int
    device: int = 0


def draw_step(
    at: StepPosition, clips: Sequence[int], infrared: int, frames: int, channels: int, dropout: float
) -> StepDraws:
    """Draw what the network needs for one step.

    clips:    the clips' numbers within the step (`ClipBatch.clip`), infrared ones first; `infrared`: how many those are
    frames:   T; channels: C of `keep`; dropout: the share of values to drop, 0 ≤ dropout < 1
    """
    gains, orders, keeps = [], [], []
    for clip in clips:
        style = keyed_generator(at.seed, Purpose.STYLE, at.epoch, at.step, clip)
        gains.append(style.uniform(*GAIN_RANGE, (frames, 3)).astype(np.float32))
        orders.append(np.argsort(style.random((frames, 3)), axis=1).astype(np.int32))
        dropped = keyed_generator(at.seed, Purpose.DROPOUT, at.epoch, at.step, clip)
        keeps.append(dropped.random((frames, channels), np.float32) >= np.float32(dropout))
    gain, order = np.stack(gains), np.stack(orders)
    partners = keyed_generator(at.seed, Purpose.PARTNERS, at.epoch, at.step, at.device)
    same, other = draw_partners(partners, infrared * frames, (len(clips) - infrared) * frames)
    return StepDraws(
        infrared_gain=np.ascontiguousarray(gain[:infrared, :, 0]),
        visible_gain=gain[infrared:],
        visible_channel=order[infrared:],
        same=same.reshape(len(clips), frames),
        other=other.reshape(len(clips), frames),
        keep=np.stack(keeps) * np.float32(1 / (1 - dropout)),
    )


def draw_partners(
    random: np.random.Generator, infrared: int, visible: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Whose style every frame takes: of the same modality, and of the other one; two of (frame,) int32.

    infrared, visible: numbers of frames, infrared ones first. Every style is taken once where the numbers allow, and
    no frame takes its own (unless it is the only one of its modality). Raises ValueError where a modality has no frame.
    """
    if min(infrared, visible) < 1:
        raise ValueError(f"draw_partners: expected frames of both modalities, got {infrared} and {visible}")
    same = np.concatenate([_other_of_same(random, infrared), infrared + _other_of_same(random, visible)])
    to_visible = infrared + _spread(random, infrared, visible)
    other = np.concatenate([to_visible, _spread(random, visible, infrared)])
    return same.astype(np.int32), other.astype(np.int32)


def _other_of_same(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """A random permutation in one cycle, so that for count > 1 nothing stays in its place."""
    cycle = random.permutation(count)
    partner = np.empty(count, np.int64)
    partner[cycle] = np.roll(cycle, 1)
    return partner


def _spread(random: np.random.Generator, takers: int, givers: int) -> NDArray[np.int64]:
    """For every taker a giver, each as often as any other, in random order."""
    rounds = -(-takers // givers)
    dealt: NDArray[np.int64] = np.concatenate([random.permutation(givers) for _ in range(rounds)])
    return dealt[:takers]
