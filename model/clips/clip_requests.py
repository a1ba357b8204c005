"""What to load for every batch: which frames of which tracks, and how they are augmented; all that is drawn is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality
from model.clips.augment import NO_AUGMENTATION, Augmentation, ImageSettings, draw_augmentation
from model.clips.draws import Purpose, StepPosition, keyed_generator
from model.clips.sampler import BatchSettings, plan_epoch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from model.clips.clips import ClipTracks
    from model.clips.training_persons import TrainingPersons


@dataclass(frozen=True, eq=False)
class BatchRequest:
    """The B clips of one batch, infrared ones first.

    at:       which step this is; for a test the batch's number is its step
    infrared: number of infrared clips; the others are visible
    real:     number of clips that count: a test's last batch is filled up with its last clip
    clip:     (B,) int32, number of each clip within the step, over all devices (within the test: from 0)
    track:    (B,) int64, row of the cache's /tracks
    person:   (B,) int32, camera: (B,) int16, of the data set
    label:    (B,) int32, class of the person 0…P−1; −1 in a test
    frames:   (B, T) int64, rows of /frames
    drawn:    B augmentations
    """

    at: StepPosition
    infrared: int
    real: int
    clip: NDArray[np.int32]
    track: NDArray[np.int64]
    person: NDArray[np.int32]
    camera: NDArray[np.int16]
    label: NDArray[np.int32]
    frames: NDArray[np.int64]
    drawn: tuple[Augmentation, ...]

    def __len__(self) -> int:
        """B, with clips that only fill up."""
        return len(self.frames)


def training_requests(
    persons: TrainingPersons,
    batches: BatchSettings,
    images: ImageSettings,
    start: StepPosition,
    steps: int,
) -> Iterator[BatchRequest]:
    """Yield what to load from position `start` on, step after step, epoch after epoch, without end.

    start: seed, epoch, step and device to begin with; steps: in an epoch
    """
    epoch, first = start.epoch, start.step
    while True:
        plan = plan_epoch(persons, batches, start.seed, epoch, steps)
        for step in range(first, steps):
            rows, clips = plan.batch(step, start.device)
            at = start._replace(epoch=epoch, step=step)
            yield _training_request(persons, images, at, rows, clips)
        epoch, first = epoch + 1, 0


def _training_request(
    persons: TrainingPersons,
    images: ImageSettings,
    at: StepPosition,
    rows: NDArray[np.int32],
    clips: NDArray[np.int32],
) -> BatchRequest:
    tracks = persons.tracks.tracks
    visible = tracks.modality[rows] != int(Modality.INFRARED)
    frames, drawn = [], []
    for row, clip, of_visible in zip(rows.tolist(), clips.tolist(), visible.tolist(), strict=True):
        chosen = keyed_generator(at.seed, Purpose.FRAMES, at.epoch, at.step, clip)
        frames.append(persons.tracks.training_frames(row, chosen))
        augmentation = keyed_generator(at.seed, Purpose.AUGMENTATION, at.epoch, at.step, clip)
        drawn.append(draw_augmentation(augmentation, images, of_visible))
    return BatchRequest(
        at=at,
        infrared=int((~visible).sum()),
        real=len(rows),
        clip=clips,
        track=persons.tracks.number[rows],
        person=tracks.person[rows],
        camera=tracks.camera[rows],
        label=persons.label[rows],
        frames=np.stack(frames),
        drawn=tuple(drawn),
    )


def evaluation_requests(tracks: ClipTracks, clips_at_once: int, all_clips: bool = False) -> Iterator[BatchRequest]:
    """Yield what to load to describe tracks of one modality: nothing is drawn, nothing augmented.

    One clip a track, in the order of the tracks; with `all_clips` all of a track's clips, one after the other. Every
    batch has `clips_at_once` clips: the last one is filled up.
    Raises ValueError for tracks of both modalities, or none.
    """
    found = np.unique(tracks.tracks.modality)
    if len(found) != 1:
        raise ValueError(
            f"evaluation_requests: expected tracks of one modality, got {len(found)} in {len(tracks)} tracks"
        )
    infrared = found[0] == int(Modality.INFRARED)
    for step, clips in enumerate(_grouped(_evaluation_clips(tracks, all_clips), clips_at_once)):
        real = len(clips)
        filled = clips + clips[-1:] * (clips_at_once - real)
        rows = np.array([row for row, _ in filled])
        yield BatchRequest(
            at=StepPosition(0, 0, step),
            infrared=clips_at_once if infrared else 0,
            real=real,
            clip=np.arange(step * clips_at_once, (step + 1) * clips_at_once, dtype=np.int32),
            track=tracks.number[rows],
            person=tracks.tracks.person[rows],
            camera=tracks.tracks.camera[rows],
            label=np.full(clips_at_once, -1, np.int32),
            frames=np.stack([frames for _, frames in filled]),
            drawn=(NO_AUGMENTATION,) * clips_at_once,
        )


def _evaluation_clips(tracks: ClipTracks, all_clips: bool) -> Iterator[tuple[int, NDArray[np.int64]]]:
    for row in range(len(tracks)):
        if all_clips:
            yield from ((row, frames) for frames in tracks.all_frames(row))
        else:
            yield row, tracks.test_frames(row)


def _grouped(
    clips: Iterator[tuple[int, NDArray[np.int64]]], count: int
) -> Iterator[list[tuple[int, NDArray[np.int64]]]]:
    group: list[tuple[int, NDArray[np.int64]]] = []
    for clip in clips:
        group.append(clip)
        if len(group) == count:
            yield group
            group = []
    if group:
        yield group
