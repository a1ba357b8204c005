"""What a training reads, looked through before the first step: files that fit, persons enough, images in place."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.clips.augment import ImageSettings
from model.clips.clip_files import SplitFiles, check_images, open_split
from model.clips.clip_requests import training_requests
from model.clips.clips import ClipSettings, clip_tracks
from model.clips.excluded_tracks import leave_out, listed_tracks
from model.clips.sampler import BatchSettings, steps_per_epoch
from model.clips.training_persons import TrainingPersons, hold_out, training_persons
from model.run.run_folder import cache_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.clips.clip_requests import BatchRequest
    from model.clips.clips import ClipTracks
    from model.clips.draws import StepPosition
    from model.run.config import RunConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The training split of a run.

    split: files that fit each other; persons: who is trained on, with labels; batches: of a step; images: size and
    augmentation; steps: of an epoch; excluded: tracks that only the list of `data.exclude` keeps out, row of /tracks →
    path of the first frame
    """

    split: SplitFiles
    persons: TrainingPersons
    batches: BatchSettings
    images: ImageSettings
    steps: int
    excluded: dict[int, str]

    @property
    def clips(self) -> int:
        """B of a batch on one device."""
        return self.batches.persons * self.batches.tracks_per_modality * 2

    @property
    def recipes(self) -> dict[str, dict[str, Any]]:
        """What made the caches, by kind."""
        return self.split.recipes

    def requests(self, start: StepPosition) -> Iterator[BatchRequest]:
        """What to load from `start` on, without end."""
        return training_requests(self.persons, self.batches, self.images, start, self.steps)


def prepare_training(run: RunConfig, devices: int) -> TrainingData:
    """Open the training split of `run` and look through it.

    Raises FileNotFoundError and ValueError, with the numbers, for caches or images that are missing or do not fit,
    a list of tracks to leave out that does not fit, fewer persons than a step of `devices` takes, persons of one
    modality, and no track that is long enough.
    """
    split = open_split(cache_files(run, "train"), run.dataset, "train")
    tracks = clip_tracks(split.tracks, split.status, ClipSettings(run.model.frames, run.data.min_frames))
    logger.info("train split: %d tracks; %s", len(tracks), tracks.left_out)
    kept, held = hold_out(tracks, run.data.validation_persons)
    if len(held):
        logger.info("validation: %d tracks of held-out persons are not trained on", len(held))
    excluded = _excluded(run, split, kept)
    kept = leave_out(kept, excluded)
    batches = BatchSettings(run.data.persons, run.data.tracks_per_modality, devices)
    persons = training_persons(kept, needed=batches.step_persons)
    check_images(split, persons.tracks)
    steps = run.train.steps_per_epoch or steps_per_epoch(persons, batches)
    size = run.model.image_height, run.model.image_width
    images = ImageSettings(*size, run.data.pad, run.data.flip, run.data.random_erasing, run.data.grey)
    return TrainingData(split, persons, batches, images, steps, excluded)


def _excluded(run: RunConfig, split: SplitFiles, tracks: ClipTracks) -> dict[int, str]:
    """What the run's list names of `tracks`, those that would be trained on."""
    if run.data.exclude is None:
        return {}
    listed = listed_tracks(Path(run.data.exclude), split, run.dataset)
    trained_on = set(tracks.number.tolist())
    excluded = {row: first for row, first in listed.items() if row in trained_on}
    logger.info(
        "%s: %d tracks are left out of training; %d more on the list would not be trained on anyway (too short, without"
        " a readable frame, or of persons held out)",
        run.data.exclude,
        len(excluded),
        len(listed) - len(excluded),
    )
    return excluded
