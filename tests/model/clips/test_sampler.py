"""Batches: who is in them, how they are spread, that any step can be looked up, and on how many devices."""

from __future__ import annotations

import numpy as np
import pytest

from data_cache.contract.records import Modality
from model.clips.clips import ClipSettings, clip_tracks
from model.clips.sampler import BatchSettings, plan_epoch, steps_per_epoch
from model.clips.training_persons import TrainingPersons, training_persons
from tests.model.clips.clip_trees import Track, person_tracks, track_table

# 11 persons with 1 to 7 infrared and 1 to 5 visible tracks.
COUNTS = [(1 + person % 7, 1 + 3 * person % 5) for person in range(11)]


def persons_of(tracks: list[Track], needed: int = 1) -> TrainingPersons:
    status = np.zeros(sum(track.frames for track in tracks), np.uint8)
    return training_persons(clip_tracks(track_table(tracks), status, ClipSettings(6, 12)), needed)


@pytest.fixture(scope="module")
def persons() -> TrainingPersons:
    return persons_of([track for number, (i, v) in enumerate(COUNTS, 3) for track in person_tracks(number, i, v)])


def test_a_batch_has_p_persons_and_k_tracks_of_each_modality(persons: TrainingPersons) -> None:
    settings = BatchSettings(persons=5, tracks_per_modality=2)
    plan = plan_epoch(persons, settings, seed=7, epoch=3, steps=13)
    table = persons.tracks.tracks
    for step in range(13):
        rows, clips = plan.batch(step)
        assert rows.shape == clips.shape == (5 * 2 * 2,)
        assert (table.modality[rows[:10]] == int(Modality.INFRARED)).all()
        assert (table.modality[rows[10:]] == int(Modality.VISIBLE)).all()
        people = persons.label[rows].reshape(2, 5, 2)
        np.testing.assert_array_equal(people[0], people[1])
        np.testing.assert_array_equal(people[..., 0], people[..., 1])
        assert len(np.unique(people)) == 5
        for half, counts in ((rows[:10], 0), (rows[10:], 1)):
            for first, second in half.reshape(5, 2):
                has = COUNTS[persons.label[first]][counts]
                assert (first == second) == (has == 1)
        assert sorted(clips.tolist()) == list(range(20))


def test_all_persons_and_tracks_come_about_equally_often(persons: TrainingPersons) -> None:
    plan = plan_epoch(persons, BatchSettings(3, 2), seed=0, epoch=0, steps=110)
    people = persons.label[plan.rows[:, :, 0, 0]]
    # A deck of 11 gives three hands of 3: everybody comes in 9 of 11 cases, 30 times in 110 steps.
    counts = np.bincount(people.ravel(), minlength=11)
    assert counts.sum() == 330
    assert counts.min() >= 20
    for deck in people[:108].reshape(36, 9):
        assert len(set(deck.tolist())) == 9
    tracks = np.bincount(plan.rows.ravel(), minlength=len(persons.tracks))
    assert (tracks > 0).all()


def test_an_epoch_follows_from_seed_and_epoch_alone(persons: TrainingPersons) -> None:
    settings = BatchSettings(3, 2)
    plan = plan_epoch(persons, settings, seed=5, epoch=2, steps=17)
    np.random.seed(1)
    np.testing.assert_array_equal(plan.rows, plan_epoch(persons, settings, seed=5, epoch=2, steps=17).rows)
    # A shorter plan is the beginning of a longer one.
    np.testing.assert_array_equal(plan.rows[:7], plan_epoch(persons, settings, seed=5, epoch=2, steps=7).rows)
    for seed, epoch in ((5, 3), (6, 2)):
        assert (plan_epoch(persons, settings, seed, epoch, 17).rows != plan.rows).any()


def test_devices_share_a_step_without_sharing_persons(persons: TrainingPersons) -> None:
    alone = plan_epoch(persons, BatchSettings(6, 2), seed=1, epoch=1, steps=5)
    shared = plan_epoch(persons, BatchSettings(2, 2, devices=3), seed=1, epoch=1, steps=5)
    for step in range(5):
        rows, clips = alone.batch(step)
        number_of = dict(zip(clips.tolist(), rows.tolist(), strict=True))
        parts = [shared.batch(step, device) for device in range(3)]
        people = [set(persons.label[part].tolist()) for part, _ in parts]
        assert [len(part) for part in people] == [2, 2, 2]
        assert len(set.union(*people)) == 6
        # The same clips under the same numbers as on one device.
        assert {n: r for part, ns in parts for n, r in zip(ns.tolist(), part.tolist(), strict=True)} == number_of
        for part, _ in parts:
            infrared = persons.tracks.tracks.modality[part] == int(Modality.INFRARED)
            assert infrared.tolist() == [True] * 4 + [False] * 4


def test_an_epoch_of_hitsz_vcm_has_268_iterations() -> None:
    """500 persons with 4,291 infrared and 5,460 visible tracks of 12 frames or more."""
    infrared, visible = np.full(500, 8), np.full(500, 10)
    infrared[: 4291 - infrared.sum()] += 1
    visible[: 5460 - visible.sum()] += 1
    persons = persons_of(
        [track for n, (i, v) in enumerate(zip(infrared, visible, strict=True)) for track in person_tracks(n, i, v, 12)]
    )
    assert steps_per_epoch(persons, BatchSettings(8, 2)) == 268
    assert steps_per_epoch(persons, BatchSettings(8, 2, devices=8)) == 33
    plan = plan_epoch(persons, BatchSettings(8, 2), seed=0, epoch=0, steps=268)
    taken = np.unique(plan.rows[:, :, 0])
    assert len(taken) > 0.85 * 4291  # an epoch goes about once through the infrared tracks


def test_an_epoch_has_a_step(persons: TrainingPersons) -> None:
    assert steps_per_epoch(persons, BatchSettings(11, 7)) == 1
    with pytest.raises(ValueError, match="devices: expected 1 or more, got 0"):
        BatchSettings(8, 2, devices=0)


def test_more_tracks_than_a_person_has_are_repeated_evenly() -> None:
    persons = persons_of(person_tracks(1, 1, 3) + person_tracks(2, 5, 2))
    plan = plan_epoch(persons, BatchSettings(2, 5), seed=0, epoch=0, steps=3)
    for step in range(3):
        for place in range(2):
            label = persons.label[plan.rows[step, place, 0, 0]]
            infrared, visible = ([1, 3], [5, 2])[label]
            assert len(set(plan.rows[step, place, 0].tolist())) == infrared
            assert len(set(plan.rows[step, place, 1].tolist())) == visible
