"""One track: a walk seen by a camera, drawn frame by frame, and its joints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from data_cache.contract.records import Modality
from data_cache.contract.skeleton import JOINTS
from pipeline.synth.walkers.backgrounds import cut_backgrounds
from pipeline.synth.walkers.body_shapes import Shape, body_shapes
from pipeline.synth.walkers.cameras import Camera, View, draw_view, track_camera
from pipeline.synth.walkers.clothing import draw_clothing
from pipeline.synth.walkers.draws import Purpose, keyed_generator
from pipeline.synth.walkers.occluders import draw_occluder
from pipeline.synth.walkers.painter import OVERSAMPLING, new_mask, paint_body, to_canvas
from pipeline.synth.walkers.persons import draw_body, draw_gait, vary_gait
from pipeline.synth.walkers.walk import Points, walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.synth.settings import SynthSettings

# Scores of the cache: seen, and hidden by an occluder or outside of the crop (under the settings' min_score).
SEEN, UNSEEN = 1.0, 0.1
# A joint that a pose network guesses behind an occluder: how far off it is (standard deviation, crop heights), and the
# mean and deviation of its score, which stays over the usual min_score of 0.3: networks are sure of what they guess.
GUESSED_OFF, GUESSED_SCORE, GUESSED_LEAST = 0.04, (0.5, 0.08), 0.31

Key = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Scene:
    """What a track shows, before anything is drawn: points (frame, xyz) by name, the view, the shapes of the body."""

    camera: Camera
    points: Points
    view: View
    shapes: list[Shape]

    def joints(self) -> NDArray[np.float64]:
        """(frame, joint, xy) float64, pixels of the crop, joints as `data_cache.contract.skeleton.JOINTS`."""
        return self.view.project(np.stack([self.points[name] for name in JOINTS], axis=1))[0]


@dataclass(frozen=True, eq=False)
class RenderedTrack:
    """images: (frame, row, column, [blue, green, red]) uint8; keypoints: (frame, joint, xy) float32, pixels of the
    crop; score: (frame, joint) float32, `SEEN` or `UNSEEN`; covered: (frame, row, column) bool, where the occluder is.
    """

    images: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    score: NDArray[np.float32]
    covered: NDArray[np.bool_]


def build_scene(seed: int, key: Key, frames: int) -> Scene:
    """The scene of a track; key: person, modality and the track's number (0-based) among those of the modality."""
    person, modality, track = key
    camera = track_camera(Modality(modality), track)
    body = draw_body(seed, person)
    random = keyed_generator(seed, Purpose.GAIT_OF_TRACK, *key)
    gait = vary_gait(draw_gait(seed, person), random)
    phase = random.uniform(0.0, 2.0 * np.pi) + gait.cadence * np.arange(frames)
    points = walk(body, gait, phase, look=float(random.normal(0.0, 0.25)))
    view = draw_view(seed, key, camera, points)
    shapes = body_shapes(points, body, draw_clothing(seed, person), view, camera.light)
    return Scene(camera, points, view, shapes)


def render_track(
    settings: SynthSettings, key: Key, background: NDArray[np.uint8], occluded: float = 0.0
) -> RenderedTrack:
    """Draw one track; key: person, modality and the track's number (0-based) among those of the modality.

    background: `draw_background` of the track's camera; occluded: share of tracks that have an occluder
    """
    seed, frames = settings.seed, settings.frames
    scene = build_scene(seed, key, frames)
    view = scene.view
    random = keyed_generator(seed, Purpose.SENSOR, *key)
    canvases = cut_backgrounds(background, random, view.height, view.width, frames)
    masks = [new_mask(view.height, view.width) for _ in range(frames)]
    occluder = draw_occluder(settings, key, occluded, scene.camera, view, mean_box(scene.shapes))
    colours = draw_clothing(seed, key[0], settings.infrared).colours(scene.camera.modality)
    for frame in range(frames):
        paint_body(canvases[frame], scene.shapes, frame, colours)
        if occluder is not None:
            occluder.paint(canvases[frame], masks[frame], frame)
    joints = scene.joints()
    joints, score = tell_joints(joints, score_joints(joints, masks, view), settings, key, view)
    noise = keyed_generator(seed, Purpose.JOINT_NOISE, *key).normal(0.0, 1.0, joints.shape)
    keypoints = (joints + settings.joint_noise * view.height * noise).astype(np.float32)
    covered = np.stack([_shrink(mask, view) > 0 for mask in masks])
    return RenderedTrack(_expose(canvases, scene, random), keypoints, score, covered)


def mean_box(shapes: list[Shape]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The body's box, mean over the frames: (xy) of its upper left and lower right corner, pixels of the crop."""
    low = np.min([shape.outline.min(axis=1) for shape in shapes], axis=0).mean(axis=0)
    high = np.max([shape.outline.max(axis=1) for shape in shapes], axis=0).mean(axis=0)
    return low, high


def score_joints(joints: NDArray[np.float64], masks: list[NDArray[np.uint8]], view: View) -> NDArray[np.float32]:
    """`SEEN` for joints in the crop that no occluder covers, else `UNSEEN`: (frame, joint) float32."""
    size = np.array([view.width, view.height])
    x, y = np.moveaxis(np.clip(np.round(to_canvas(joints)), 0, size * OVERSAMPLING - 1).astype(np.intp), -1, 0)
    hidden = np.stack([mask[y[frame], x[frame]] > 127 for frame, mask in enumerate(masks)])
    return np.where(_inside(joints, view) & ~hidden, SEEN, UNSEEN).astype(np.float32)


def tell_joints(
    joints: NDArray[np.float64], score: NDArray[np.float32], settings: SynthSettings, key: Key, view: View
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """What is told of the joints behind the occluder, as `hidden_joints` says: all joints' places and scores.

    joints: (frame, joint, xy), where they are; score: of `score_joints`
    """
    if settings.hidden_joints == "unseen":
        return joints, score
    behind = (score < SEEN) & _inside(joints, view)
    if settings.hidden_joints == "known":
        return joints, np.where(behind, SEEN, score).astype(np.float32)
    random = keyed_generator(settings.seed, Purpose.HIDDEN_JOINTS, *key)
    off = GUESSED_OFF * view.height * random.normal(0.0, 1.0, joints.shape)
    guessed = np.clip(random.normal(*GUESSED_SCORE, score.shape), GUESSED_LEAST, 1.0)
    return joints + np.where(behind[..., None], off, 0.0), np.where(behind, guessed, score).astype(np.float32)


def _inside(joints: NDArray[np.float64], view: View) -> NDArray[np.bool_]:
    """Which joints lie in the crop: (frame, joint)."""
    size = np.array([view.width, view.height])
    inside: NDArray[np.bool_] = ((joints >= -0.5) & (joints < size - 0.5)).all(axis=-1)
    return inside


def _shrink(canvas: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    small: NDArray[np.uint8] = cv2.resize(canvas, (view.width, view.height), interpolation=cv2.INTER_AREA).astype(
        np.uint8
    )
    return small


def _expose(canvases: list[NDArray[np.uint8]], scene: Scene, random: np.random.Generator) -> NDArray[np.uint8]:
    """From canvases to what the sensor gives: blur, exposure, uneven light, noise."""
    camera, view = scene.camera, scene.view
    blur, gain = random.uniform(*camera.blur), random.uniform(*camera.gain)
    slope = random.normal(0.0, 0.12, 2)
    y, x = np.mgrid[-1.0 : 1.0 : view.height * 1j, -1.0 : 1.0 : view.width * 1j]
    light = gain * (1.0 + slope[0] * x + slope[1] * y)
    if camera.modality == Modality.INFRARED:  # the lamp beside the lens: brightest in the middle
        light = light * (1.08 - 0.28 * (0.6 * x**2 + 0.4 * y**2))
    light3 = (light[..., None] * np.array(camera.tint)).astype(np.float32)
    channels = 1 if camera.modality == Modality.INFRARED else 3
    shape = (len(canvases), view.height, view.width, channels)
    noise = camera.noise * random.standard_normal(shape, np.float32)
    images = np.empty((*shape[:3], 3), np.uint8)
    for frame, canvas in enumerate(canvases):
        small = cv2.GaussianBlur(_shrink(canvas, view).astype(np.float32), (0, 0), blur)
        images[frame] = np.clip(np.rint(small * light3 + noise[frame]), 0, 255)
    return images
