"""Clips against plain loops over chunks; who takes part; what an unfit split is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data_cache.contract.records import Modality, Status
from model.clips.clips import ClipSettings, chunk_frames, clip_tracks
from model.clips.training_persons import hold_out, training_persons
from tests.model.clips.clip_trees import Track, person_tracks, track_table

VISIBLE, INFRARED = Modality.VISIBLE, Modality.INFRARED


def naive_chunks(length: int, count: int) -> list[list[int]]:
    frames = list(range(length))
    while len(frames) % count:
        frames.append(length - 1)
    size = len(frames) // count
    return [frames[number * size : (number + 1) * size] for number in range(count)]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 48), st.integers(1, 24))
def test_chunks_equal_a_plain_loop(length: int, count: int) -> None:
    assert chunk_frames(length, count).tolist() == naive_chunks(length, count)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 24), st.integers(0, 2**32 - 1), st.floats(0, 0.9))
def test_clips_have_good_frames_of_their_chunks(length: int, count: int, seed: int, bad: float) -> None:
    random = np.random.default_rng(seed)
    status = (random.random(7 + length + 3) < bad).astype(np.uint8) * np.uint8(Status.MISSING)
    status[7 + random.integers(length)] = Status.OK
    table = track_table([Track(1, VISIBLE, 1, 7), Track(2, INFRARED, 2, length), Track(3, VISIBLE, 1, 3)])
    tracks = clip_tracks(table, status, ClipSettings(count, 1))
    row = tracks.number.tolist().index(1)
    good = [frame for frame in range(7, 7 + length) if status[frame] == Status.OK]
    chosen = tracks.test_frames(row)
    drawn = tracks.training_frames(row, np.random.default_rng(seed))
    everything = tracks.all_frames(row)
    assert tracks.end_frames(row) == (good[0], good[-1])
    for number, chunk in enumerate(naive_chunks(length, count)):
        mine = [7 + frame for frame in chunk if 7 + frame in good]
        if mine:
            assert chosen[number] == mine[0]
            assert drawn[number] in mine
            assert set(everything[:, number].tolist()) == set(mine)
        else:
            gap = {frame: max(7 + chunk[0] - frame, frame - 7 - chunk[-1]) for frame in good}
            nearest = min(good, key=lambda frame: (gap[frame], frame))
            assert chosen[number] == drawn[number] == nearest
            assert (everything[:, number] == nearest).all()
    np.testing.assert_array_equal(everything[0], chosen)
    assert set(everything.ravel().tolist()) == set(good)


def test_training_clips_reach_every_frame_of_a_chunk_equally() -> None:
    tracks = clip_tracks(track_table([Track(1, VISIBLE, 1, 15)]), np.zeros(15, np.uint8), ClipSettings(5, 12))
    random = np.random.default_rng(0)
    drawn = np.stack([tracks.training_frames(0, random) for _ in range(1500)])
    counts = np.array([[(drawn[:, chunk] == 3 * chunk + place).sum() for place in range(3)] for chunk in range(5)])
    assert counts.sum() == 1500 * 5
    assert np.abs(counts - 500).max() < 110  # six standard deviations


def test_test_clips_draw_nothing() -> None:
    """A public implementation takes random frames at test: two calls must agree, whatever was drawn between."""
    tracks = clip_tracks(track_table([Track(1, VISIBLE, 1, 24)]), np.zeros(24, np.uint8), ClipSettings(6, 12))
    first = tracks.test_frames(0)
    np.random.random(5)
    assert first.tolist() == tracks.test_frames(0).tolist() == [0, 4, 8, 12, 16, 20]


def test_what_is_left_out_is_counted() -> None:
    table = track_table([Track(1, VISIBLE, 1, 11), Track(1, INFRARED, 2, 12), Track(2, VISIBLE, 3, 13)])
    status = np.zeros(36, np.uint8)
    status[11:23] = Status.UNREADABLE
    status[[24, 35]] = Status.MISSING
    tracks = clip_tracks(table, status, ClipSettings(6, 12))
    assert tracks.number.tolist() == [2]
    assert (tracks.left_out.short_tracks, tracks.left_out.bad_tracks, tracks.left_out.bad_frames) == (1, 1, 2)
    assert "1 tracks that are too short, 1 without a readable frame; 2 unreadable frames" in str(tracks.left_out)


def test_no_track_long_enough_is_a_sentence_with_numbers() -> None:
    with pytest.raises(ValueError, match="of 2 tracks the longest has 11 frames, and 0 long enough"):
        clip_tracks(
            track_table([Track(1, VISIBLE, 1, 11), Track(1, INFRARED, 2, 7)]),
            np.zeros(18, np.uint8),
            ClipSettings(6, 12),
        )
    with pytest.raises(ValueError, match="frames: expected 1 or more, got 0"):
        ClipSettings(0, 12)


def make(tracks: list[Track], bad: NDArray[np.int64] | None = None):  # type: ignore[no-untyped-def]
    status = np.zeros(sum(track.frames for track in tracks), np.uint8)
    return clip_tracks(track_table(tracks), status, ClipSettings(6, 12))


def test_labels_count_persons_from_zero() -> None:
    persons = training_persons(
        make(person_tracks(31, 1, 2) + person_tracks(2, 3, 1) + person_tracks(17, 1, 1)), needed=3
    )
    assert persons.person.tolist() == [2, 17, 31]
    assert persons.label.tolist() == [2, 2, 2, 0, 0, 0, 0, 1, 1]
    assert len(persons) == 3


def test_a_person_of_one_modality_is_a_sentence_with_numbers() -> None:
    tracks = person_tracks(1, 1, 1) + person_tracks(2, 0, 2) + person_tracks(3, 0, 1)
    with pytest.raises(ValueError, match=r"got no infrared track of 2 of 3 persons \(2, 3\), with min_frames 12"):
        training_persons(make(tracks), needed=1)
    tracks = [*person_tracks(1, 1, 1), *person_tracks(2, 2, 0), Track(2, VISIBLE, 1, 11)]
    with pytest.raises(ValueError, match=r"got no visible track of 1 of 2 persons \(2\)"):
        training_persons(make(tracks), needed=1)


def test_fewer_persons_than_a_step_takes_is_a_sentence_with_numbers() -> None:
    with pytest.raises(ValueError, match="expected at least 8 in the training split, as many as a step takes, got 2"):
        training_persons(make(person_tracks(1, 1, 1) + person_tracks(2, 1, 1)), needed=8)


def test_held_out_persons_are_nobody_elses() -> None:
    tracks = make([track for person in range(1, 12) for track in person_tracks(person, 1, 2)])
    train, held = hold_out(tracks, 0.3)
    train_persons, held_persons = set(train.tracks.person.tolist()), set(held.tracks.person.tolist())
    assert len(held_persons) == 3
    assert train_persons | held_persons == set(range(1, 12))
    assert not train_persons & held_persons
    assert sorted([*train.number.tolist(), *held.number.tolist()]) == list(range(33))
    again = hold_out(tracks, 0.3)[1]
    np.testing.assert_array_equal(held.number, again.number)
    everything, nothing = hold_out(tracks, 0.0)
    assert (len(everything), len(nothing)) == (33, 0)
    for share in (0.01, 0.99):
        with pytest.raises(ValueError, match="a share of 11 persons that leaves some on both sides"):
            hold_out(tracks, share)
