"""Which tracks make the batches of an epoch: P persons × K tracks × two modalities on every device.

A batch has different persons, and K tracks of each in each modality. Over an epoch, persons and the tracks of each
person are dealt like cards, so that all come about equally often: a shuffled deck is dealt until less than a hand is
left. A hand holds nothing twice, unless a person has fewer than K tracks. The whole epoch follows from (seed, epoch),
so any step can be looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality
from model.clips.draws import Purpose, keyed_generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from model.clips.training_persons import TrainingPersons

MODALITIES = (Modality.INFRARED, Modality.VISIBLE)  # the order of the rows of a batch


@dataclass(frozen=True)
class BatchSettings:
    """persons, tracks_per_modality: of a batch on one device; devices: that share every step, with other persons each.

    Raises ValueError for less than 1.
    """

    persons: int
    tracks_per_modality: int
    devices: int = 1

    def __post_init__(self) -> None:
        for name in ("persons", "tracks_per_modality", "devices"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")

    @property
    def step_persons(self) -> int:
        """Different persons of one step, over all devices."""
        return self.persons * self.devices


def steps_per_epoch(persons: TrainingPersons, settings: BatchSettings) -> int:
    """As many steps as the modality with fewer tracks fills with full batches; at least 1.

    HITSZ-VCM: 4,291 infrared and 5,460 visible training tracks of 12 frames or more, 8 persons × 2 tracks of each
    modality a batch: 4,291 // 16 = 268 iterations. A step takes as many tracks of either modality, so an epoch that
    goes on until the smaller one has been seen once is 268 long, and the larger one is seen to four fifths.
    """
    modality = persons.tracks.tracks.modality
    fewest = min(int((modality == int(kind)).sum()) for kind in MODALITIES)
    return max(fewest // (settings.step_persons * settings.tracks_per_modality), 1)


@dataclass(frozen=True, eq=False)
class EpochPlan:
    """The tracks of every batch of one epoch.

    settings: persons, tracks and devices
    rows:     (step, person, modality, track) int32, rows of `TrainingPersons.tracks`; persons of all devices,
              modality 0 is infrared
    """

    settings: BatchSettings
    rows: NDArray[np.int32]

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.rows)

    def batch(self, step: int, device: int = 0) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """One device's clips of one step: rows of the tracks, and the clips' numbers within the step, both (B,).

        Infrared clips come first, persons in the same order in both halves, a person's tracks beside each other.
        A clip's number counts over all devices, so it says what is drawn for it wherever it is computed.
        """
        number = np.arange(self.rows[step].size, dtype=np.int32).reshape(self.rows.shape[1:])
        mine = slice(device * self.settings.persons, (device + 1) * self.settings.persons)
        return tuple(np.ascontiguousarray(part[mine].swapaxes(0, 1)).ravel() for part in (self.rows[step], number))  # type: ignore[return-value]


def plan_epoch(persons: TrainingPersons, settings: BatchSettings, seed: int, epoch: int, steps: int) -> EpochPlan:
    """Deal the batches of `epoch`: the same for the same arguments, and for any split of a step over devices.

    `persons` must have at least `settings.step_persons` (see `training_persons`).
    """
    random = keyed_generator(seed, Purpose.BATCHES, epoch)
    decks = _track_decks(persons, settings.tracks_per_modality, random)
    dealt = _deal(np.arange(len(persons)), settings.step_persons, random)
    rows = np.empty((steps, settings.step_persons, len(MODALITIES), settings.tracks_per_modality), np.int32)
    for step in range(steps):
        for place, label in enumerate(next(dealt)):
            for side in range(len(MODALITIES)):
                rows[step, place, side] = next(decks[int(label)][side])
    return EpochPlan(settings, rows)


def _track_decks(
    persons: TrainingPersons, hand: int, random: np.random.Generator
) -> list[list[Iterator[NDArray[np.int64]]]]:
    """For every label and modality, the endless deal of its tracks."""
    modality = persons.tracks.tracks.modality
    order = np.lexsort((modality, persons.label))
    edges = np.searchsorted(
        persons.label[order] * len(MODALITIES) + (modality[order] == int(MODALITIES[1])),
        np.arange(len(persons) * len(MODALITIES) + 1),
    )
    hands = [_deal(order[a:b], hand, random) for a, b in pairwise(edges)]
    return [hands[first : first + len(MODALITIES)] for first in range(0, len(hands), len(MODALITIES))]


def _deal(cards: NDArray[np.int64], hand: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Deal `hand` cards at a time for ever, shuffling when fewer are left; too few cards are dealt with repeats."""
    while True:
        deck = random.permutation(cards)
        if len(deck) < hand:
            deck = np.concatenate([deck, random.choice(cards, hand - len(deck))])
        for start in range(0, len(deck) - hand + 1, hand):
            yield deck[start : start + hand]
