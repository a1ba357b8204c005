"""Occluders hide what they cover and change nothing else, so that clean and occluded tracks can be compared."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from data_cache.contract.records import Modality
from data_cache.contract.skeleton import JOINTS
from pipeline.synth import tracks
from pipeline.synth.settings import SynthSettings
from pipeline.synth.tracks import GUESSED_LEAST, SEEN, UNSEEN, RenderedTrack, build_scene, mean_box, render_track
from pipeline.synth.walkers.backgrounds import draw_background
from pipeline.synth.walkers.cameras import track_camera
from pipeline.synth.walkers.occluders import Obstacle, PasserBy, draw_occluder
from pipeline.synth.walkers.painter import new_mask, paint_silhouette, to_canvas

FRAMES = 5
KEYS = [(person, modality, track) for person in (2, 3, 5, 7, 11) for modality in (1, 2) for track in (0, 1)]


@cache
def background(seed: int, modality: int, track: int) -> NDArray[np.uint8]:
    return draw_background(seed, track_camera(Modality(modality), track))


def render(key: tuple[int, int, int], occluded: float, seed: int = 0, **settings: Any) -> RenderedTrack:
    of_track = SynthSettings(seed=seed, frames=FRAMES, **settings)
    return render_track(of_track, key, background(seed, *key[1:]), occluded)


@pytest.mark.parametrize("key", KEYS[::3])
def test_frames_are_equal_outside_the_occluder(key: tuple[int, int, int]) -> None:
    clean, hidden = render(key, 0.0), render(key, 1.0)
    np.testing.assert_array_equal(clean.keypoints, hidden.keypoints)
    assert not clean.covered.any() and hidden.covered.any(axis=(1, 2)).all()
    # The lens blurs what lies within four standard deviations, rounded up, of the occluder.
    reach = np.ones((11, 11), np.uint8)
    for frame in range(FRAMES):
        near = cv2.dilate(hidden.covered[frame].astype(np.uint8), reach).astype(bool)
        assert not near.all()
        np.testing.assert_array_equal(clean.images[frame][~near], hidden.images[frame][~near])
        inside = cv2.erode(hidden.covered[frame].astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        assert (clean.images[frame][inside] != hidden.images[frame][inside]).any(axis=-1).mean() > 0.5


def test_scores_say_what_is_hidden_or_outside() -> None:
    counts = {"hidden": 0, "outside": 0, "seen": 0}
    for key in KEYS:
        hidden = render(key, 1.0)
        height, width = hidden.images.shape[1:3]
        for frame in range(FRAMES):
            for joint in range(len(JOINTS)):
                x, y = hidden.keypoints[frame, joint]
                column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
                score = hidden.score[frame, joint]
                if not (0 <= column < width and 0 <= row < height):
                    counts["outside"] += 1
                    assert score == np.float32(UNSEEN)
                    continue
                around = hidden.covered[frame, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
                if around.all():
                    counts["hidden"] += 1
                    assert score == np.float32(UNSEEN)
                elif not around.any():
                    counts["seen"] += 1
                    assert score == np.float32(SEEN)
    assert counts["hidden"] > 300 and counts["seen"] > 300 and counts["outside"] > 0
    assert UNSEEN < 0.3 <= SEEN, "the configs' min_score parts them"


def test_the_own_body_hides_no_joint() -> None:
    for key in KEYS:
        clean = render(key, 0.0)
        size = np.array(clean.images.shape[2:0:-1])
        inside = ((clean.keypoints >= -0.49) & (clean.keypoints < size - 0.51)).all(axis=-1)
        assert (clean.score[inside] == SEEN).all()


def test_occluders_cover_a_part_of_the_walkers_box_and_move() -> None:
    shares: dict[type, list[float]] = {Obstacle: [], PasserBy: []}
    for key in [(person, modality, track) for person in range(1, 19) for modality in (1, 2) for track in (0, 1)]:
        scene = build_scene(0, key, FRAMES)
        low, high = mean_box(scene.shapes)
        occluder = draw_occluder(SynthSettings(), key, 1.0, scene.camera, scene.view, (low, high))
        assert isinstance(occluder, Obstacle | PasserBy)
        (left, top), (right, bottom) = (np.maximum(0, np.round(to_canvas(end)).astype(int)) for end in (low, high))
        covered, middles = [], []
        for frame in range(FRAMES):
            mask = new_mask(scene.view.height, scene.view.width)
            occluder.paint(np.zeros((*mask.shape, 3), np.uint8), mask, frame)
            inside = mask[top:bottom, left:right] > 127
            covered.append(inside.mean())
            middles.append(np.flatnonzero(mask.any(axis=0)).mean())
        shares[type(occluder)].append(float(np.mean(covered)))
        assert abs(middles[-1] - middles[0]) > 1.0, "canvas pixels from the first to the last frame"
    for kind, values in shares.items():
        assert len(values) > 7 and min(values) > 0.2 and max(values) < 0.6, kind
        assert 0.3 < np.mean(values) < 0.5, kind


def test_a_larger_share_only_adds_occluded_tracks() -> None:
    has = {share: [] for share in (0.0, 0.3, 0.7, 1.0)}
    for person in range(1, 72):
        key = (person, 1, 0)
        scene = build_scene(0, key, 1)
        box = mean_box(scene.shapes)
        for share, found in has.items():
            found.append(draw_occluder(SynthSettings(), key, share, scene.camera, scene.view, box) is not None)
    counts = {share: sum(found) for share, found in has.items()}
    assert counts[0.0] == 0 and counts[1.0] == 71 and 11 < counts[0.3] < 32 < counts[0.7] < 64
    assert all(not a or b for a, b in zip(has[0.3], has[0.7], strict=True))


def test_tracks_of_a_person_are_occluded_apart() -> None:
    apart = 0
    for person in range(1, 12):
        scenes = {(person, m, t): build_scene(0, (person, m, t), 1) for m in (1, 2) for t in (0, 1)}
        occluders = [
            draw_occluder(SynthSettings(), k, 0.5, s.camera, s.view, mean_box(s.shapes)) for k, s in scenes.items()
        ]
        apart += len({occluder is None for occluder in occluders}) == 2
    assert apart > 5


def test_noise_moves_the_joints_by_its_size_and_nothing_else() -> None:
    errors = []
    for key in KEYS:
        true, noisy = render(key, 1.0), render(key, 1.0, joint_noise=0.02)
        np.testing.assert_array_equal(true.images, noisy.images)
        np.testing.assert_array_equal(true.score, noisy.score)
        errors.append((noisy.keypoints - true.keypoints) / true.images.shape[1])
    assert abs(np.std(errors) - 0.02) < 0.001 and abs(np.mean(errors)) < 0.001


def test_hidden_joints_are_unseen_known_or_guessed_and_nothing_else_moves() -> None:
    errors, scores = [], []
    for key in KEYS:
        size = np.array((clean := render(key, 0.0)).images.shape[2:0:-1])
        unseen, known, noisy = (render(key, 1.0, hidden_joints=mode) for mode in ("unseen", "known", "noisy"))
        np.testing.assert_array_equal(unseen.images, known.images)
        np.testing.assert_array_equal(unseen.images, noisy.images)
        np.testing.assert_array_equal(known.keypoints, clean.keypoints)
        np.testing.assert_array_equal(known.score, clean.score)
        hidden = (clean.score == SEEN) & (unseen.score < np.float32(0.3))
        outside = ((clean.keypoints < -0.51) | (clean.keypoints > size - 0.49)).any(axis=-1)
        assert hidden.any() and (noisy.score[outside] == np.float32(UNSEEN)).all()
        np.testing.assert_array_equal(noisy.keypoints[~hidden], clean.keypoints[~hidden])
        np.testing.assert_array_equal(noisy.score[~hidden], unseen.score[~hidden])
        errors.append((noisy.keypoints - clean.keypoints)[hidden] / size[1])
        scores.append(noisy.score[hidden])
        both = render(key, 1.0, hidden_joints="noisy", joint_noise=0.02)
        moved = render(key, 1.0, joint_noise=0.02).keypoints - clean.keypoints
        np.testing.assert_allclose(both.keypoints - noisy.keypoints, moved, atol=1e-3)
    error, score = np.concatenate(errors), np.concatenate(scores)
    assert error.size > 800 and abs(error.std() - 0.04) < 0.002 and np.abs(error.mean(axis=0)).max() < 0.004
    assert abs(np.corrcoef(error.T)[0, 1]) < 0.1
    assert abs(score.mean() - 0.5) < 0.01 and abs(score.std() - 0.08) < 0.01
    assert score.min() >= np.float32(GUESSED_LEAST) > 0.3 and score.max() < 0.8, "seen by the configs' min_score"


def test_clothes_of_walker_and_passer_by_follow_the_mode_in_the_infrared_alone() -> None:
    passers_by = 0
    for key in KEYS:
        drawn, luminance = (render(key, 1.0, infrared=mode) for mode in ("drawn", "luminance"))
        np.testing.assert_array_equal(drawn.covered, luminance.covered)
        np.testing.assert_array_equal(drawn.score, luminance.score)
        differs = (drawn.images != luminance.images).any(axis=-1)
        assert differs.any() == (key[1] == Modality.INFRARED)
        scene = build_scene(0, key, FRAMES)
        occluder = draw_occluder(SynthSettings(), key, 1.0, scene.camera, scene.view, mean_box(scene.shapes))
        reach = np.ones((11, 11), np.uint8)  # beyond it the lens mixes nothing of the walker in
        inside = np.stack([cv2.erode(mask.astype(np.uint8), reach) for mask in drawn.covered]) > 0
        if key[1] == Modality.INFRARED and inside.any():
            passers_by += isinstance(occluder, PasserBy)
            assert differs[inside].any() == isinstance(occluder, PasserBy)
    assert passers_by > 0


def test_the_picture_shows_the_walker_and_else_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    key = (3, 2, 0)
    scene, images = build_scene(0, key, FRAMES), render(key, 0.0).images.astype(int)
    monkeypatch.setattr(tracks, "paint_body", lambda *_: None)
    empty = render(key, 0.0).images
    for frame in range(FRAMES):
        mask = new_mask(scene.view.height, scene.view.width)
        paint_silhouette(mask, scene.shapes, frame)
        small = cv2.resize(mask, images.shape[2:0:-1], interpolation=cv2.INTER_AREA)
        near = cv2.dilate((small > 0).astype(np.uint8), np.ones((11, 11), np.uint8)).astype(bool)
        differs = np.abs(images[frame] - empty[frame]).max(axis=-1)
        assert differs[~near].max() == 0 and (differs[small == 255] > 5).mean() > 0.8


def test_infrared_frames_are_grey_and_visible_ones_are_not() -> None:
    assert np.ptp(render((3, 1, 0), 1.0).images, axis=-1).max() == 0
    assert np.ptp(render((3, 2, 0), 0.0).images.astype(int), axis=-1).mean() > 10


@pytest.mark.parametrize("other", [{"seed": 1}, {"key": (5, 2, 1)}, {"key": (3, 2, 0)}])
def test_everything_is_drawn_from_seed_person_and_track(other: dict[str, object]) -> None:
    settings: dict[str, object] = {"key": (3, 2, 1), "seed": 0}
    first, again, changed = (render(occluded=0.0, **s) for s in (settings, settings, settings | other))  # type: ignore[arg-type]
    assert first.images.tobytes() == again.images.tobytes() and first.keypoints.tobytes() == again.keypoints.tobytes()
    assert first.keypoints.tobytes() != changed.keypoints.tobytes()
