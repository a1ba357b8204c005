"""What is drawn for a clip: by seed, epoch, step and the clip's number, on whatever device it is loaded."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_cache.contract.records import Modality, Status
from data_cache.contract.skeleton import mirror_indices
from model.clips.augment import NO_AUGMENTATION, Augmentation, ImageSettings
from model.clips.clip_reader import ClipArrays, ClipReader, ClipShape
from model.clips.clip_requests import BatchRequest, training_requests
from model.clips.clips import ClipSettings, clip_tracks
from model.clips.draws import StepPosition
from model.clips.sampler import BatchSettings
from model.clips.skeletons.skeleton_inputs import edge_values
from model.clips.training_persons import TrainingPersons, training_persons
from pipeline.skeletons.edges import pairwise_edges
from tests.model.clips.clip_trees import person_tracks, track_table, write_clip_tree

T, K, STEPS = 5, 2, 3
IMAGES = ImageSettings(height=31, width=17, pad=3, flip=0.5, random_erasing=0.5, grey=1.0)


@pytest.fixture(scope="module")
def persons() -> TrainingPersons:
    """7 persons with 2 tracks of each modality of 23 frames, one frame in ten bad."""
    tracks = [track for person in range(1, 8) for track in person_tracks(person, 2, 2, frames=23)]
    status = np.zeros(sum(track.frames for track in tracks), np.uint8)
    status[::10] = Status.UNREADABLE
    return training_persons(clip_tracks(track_table(tracks), status, ClipSettings(T, 12)), needed=6)


def first_request(persons: TrainingPersons, batches: BatchSettings, at: StepPosition) -> BatchRequest:
    return next(training_requests(persons, batches, IMAGES, at, STEPS))


def drawn_for(request: BatchRequest) -> list[tuple[list[int], Augmentation]]:
    return [(frames.tolist(), drawn) for frames, drawn in zip(request.frames, request.drawn, strict=True)]


def test_frames_and_augmentation_follow_from_seed_epoch_step_and_clip() -> None:
    """All tracks have one length, so a clip's frames within its track are what was drawn and nothing else."""
    tracks = [track for person in (1, 2) for track in person_tracks(person, 1, 1, frames=47)]
    table, status = track_table(tracks), np.zeros(4 * 47, np.uint8)
    persons = training_persons(clip_tracks(table, status, ClipSettings(T, 12)), needed=2)

    def drawn_at(*key: int) -> list[tuple[list[int], Augmentation]]:
        wide = replace(IMAGES, pad=9999)  # so that no two crops are equal by chance
        request = next(training_requests(persons, BatchSettings(2, 1), wide, StepPosition(*key), STEPS))
        return drawn_for(replace(request, frames=request.frames - table.start[request.track][:, None]))

    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    everything = [drawn for key in keys for drawn in drawn_at(*key)]
    assert len({tuple(frames) for frames, _ in everything}) == len({drawn for _, drawn in everything}) == 16
    assert drawn_at(1, 0, 0) == everything[4:8]
    drawn = [augmentation for _, augmentation in everything]
    assert [d.grey for d in drawn] == 4 * [False, False, True, True]  # infrared clips first
    assert {d.flip for d in drawn} == {d.erased is None for d in drawn} == {True, False}


def test_the_number_of_devices_does_not_change_what_a_clip_is_given(persons: TrainingPersons) -> None:
    at = StepPosition(3, 1, 2)
    alone = first_request(persons, BatchSettings(6, K), at)
    given = dict(zip(alone.clip.tolist(), drawn_for(alone), strict=True))
    shared = [first_request(persons, BatchSettings(2, K, devices=3), at._replace(device=d)) for d in range(3)]
    assert {n: d for part in shared for n, d in zip(part.clip.tolist(), drawn_for(part), strict=True)} == given
    assert [part.infrared for part in shared] == [4, 4, 4]


def test_bad_frames_are_skipped_within_their_chunk(persons: TrainingPersons) -> None:
    """A frame whose status is not ok is never asked for, and never a crash; what is skipped is counted."""
    ok, table = persons.tracks.ok, persons.tracks.tracks
    assert persons.tracks.left_out.bad_frames == (~ok).sum() == 65
    size = -(-23 // T)
    for request in itertools.islice(
        training_requests(persons, BatchSettings(6, K), IMAGES, StepPosition(0, 0, 0), STEPS), 7
    ):
        assert ok[request.frames].all()
        chunk = (request.frames - table.start[request.track][:, None]) // size
        np.testing.assert_array_equal(chunk, np.broadcast_to(np.arange(T), chunk.shape))


@pytest.mark.parametrize("angle", ["arctan", "atan2", "sincos"])
def test_a_flip_uses_the_angle_that_the_cache_was_made_with(tmp_path: Path, angle: str) -> None:
    tree = write_clip_tree(tmp_path, person_tracks(1, 1, 1), angle=angle)
    frames = np.array([1, 4, 7, 8, 12])
    reader = ClipReader(tree.files, IMAGES)
    shape = ClipShape(1, T, IMAGES.height, IMAGES.width, reader.edge_values)
    clip = ClipArrays(*(array[0] for array in shape.lay_out(np.zeros(shape.bytes, np.uint8))))
    reader.read(frames, NO_AUGMENTATION._replace(flip=True), clip)
    other, size = mirror_indices(), tree.size[frames]
    keypoints = tree.keypoints[frames][:, other].copy()
    keypoints[..., 0] = size[:, 1:] - 1 - keypoints[..., 0]
    seen = tree.seen[frames][:, other]
    expected = pairwise_edges(keypoints, seen, size[:, 0], angle)  # type: ignore[arg-type]
    np.testing.assert_allclose(clip.edges, edge_values(expected, angle, seen), rtol=0, atol=3e-7)


def test_labels_and_modalities_are_those_of_the_tracks(persons: TrainingPersons) -> None:
    request = first_request(persons, BatchSettings(6, K), StepPosition(0, 0, 0))
    table = persons.tracks.tracks
    rows = [persons.tracks.number.tolist().index(track) for track in request.track]
    np.testing.assert_array_equal(request.label, persons.label[rows])
    infrared = table.modality[rows] == int(Modality.INFRARED)
    np.testing.assert_array_equal(infrared, np.arange(24) < request.infrared)
