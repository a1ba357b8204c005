"""The persons of the training split: which are held out for validation, and the label each of the others has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality
from model.clips.draws import Purpose, keyed_generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.clips.clips import ClipTracks

_NAMED = 5  # persons that an error names


@dataclass(frozen=True, eq=False)
class TrainingPersons:
    """Persons and their tracks, ready to be sampled.

    tracks: the tracks of these persons
    person: (label,) int32, the data set's person number of each label 0…P−1, rising
    label:  (row,) int32, label of each row of `tracks`
    """

    tracks: ClipTracks
    person: NDArray[np.int32]
    label: NDArray[np.int32]

    def __len__(self) -> int:
        """P, the classes of the classifiers."""
        return len(self.person)


def training_persons(tracks: ClipTracks, needed: int) -> TrainingPersons:
    """Label the persons of `tracks`; `needed`: different persons a step takes, over all devices.

    Raises ValueError with the numbers for persons with tracks of one modality only, and for fewer than `needed`.
    """
    person, label = np.unique(tracks.tracks.person, return_inverse=True)
    for modality, missing in ((Modality.INFRARED, "visible"), (Modality.VISIBLE, "infrared")):
        has = np.bincount(label[tracks.tracks.modality != int(modality)], minlength=len(person)) > 0
        if not has.all():
            lonely = person[~has]
            named = ", ".join(map(str, lonely[:_NAMED].tolist())) + (", …" if len(lonely) > _NAMED else "")
            raise ValueError(
                f"tracks: expected {missing} and {modality.name.lower()} ones of every training person,"
                f" got no {missing} track of {len(lonely)} of {len(person)} persons ({named}), with min_frames"
                f" {tracks.settings.min_frames}; lower min_frames, or leave out their other tracks too (data.exclude)"
            )
    if len(person) < needed:
        raise ValueError(
            f"persons: expected at least {needed} in the training split, as many as a step takes,"
            f" got {len(person)}; lower data.persons or the number of devices"
        )
    return TrainingPersons(tracks, person.astype(np.int32), label.astype(np.int32))


def hold_out(tracks: ClipTracks, share: float) -> tuple[ClipTracks, ClipTracks]:
    """Split by persons: the tracks to train on, and those of a `share` of the persons (rounded) to validate on.

    The same persons are held out whatever the run's seed is, so that runs can be compared.
    Raises ValueError where a share above 0 leaves no person on one side.
    """
    person = np.unique(tracks.tracks.person)
    count = round(share * len(person))
    if share and not 0 < count < len(person):
        raise ValueError(
            f"validation_persons: expected a share of {len(person)} persons that leaves some on both sides,"
            f" got {share} ({count} persons)"
        )
    chosen = keyed_generator(0, Purpose.VALIDATION).permutation(person)[:count]
    held = np.isin(tracks.tracks.person, chosen)
    return tracks.select(~held), tracks.select(held)
