"""Clips with what the network saw in them: heat over the frames (figure 4) and the parts' contributions (figure 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality
from data_cache.contract.skeleton import part_mask
from model.clips.augment import DEVIATION, MEAN, ImageSettings
from model.clips.batches import BatchLoader
from model.clips.clip_requests import evaluation_requests
from model.report.heat.heat_maps import heat_maps
from model.run.devices import choose_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.clips.batches import ClipBatch
    from model.clips.clips import ClipTracks
    from model.evaluation.chosen_checkpoint import ChosenCheckpoint
    from model.evaluation.protocol_tracks import ProtocolTracks
    from model.report.heat.clip_gradients import ClipGradients
    from model.retrieval.ranking import TrackFeatures


@dataclass(frozen=True, eq=False)
class ClipExplanation:
    """One test clip and what its score hangs on.

    number:        row of /tracks; modality, person, camera: of that track
    rows:          (T,) int64, rows of /frames
    images:        (T, height, width, rgb) uint8, as the network sees them, before they are normalised
    joints:        (T, joint, xy) float32, pixels of those images (0, 0 is the centre of the first), NaN where unseen
    heat:          (T, height, width) float32, 0…1, Grad-CAM with one scale a clip
    contributions: (T, part, exponent) float32, α of eq 12 averaged over channels, so that the exponents of a part
                   sum to 1, or with `model.pool_parts` parts and exponents together; none without sequence guidance
    masks:         (T, part, H, W) float32, the cells that each part pools; none without `model.pool_parts`
    exponents:     p of eq 11, in the order of the last axis
    similarity:    the score that is explained: cosine similarity of the clip's feature with the mean feature of the
                   same person's tracks of the other modality
    """

    number: int
    modality: Modality
    person: int
    camera: int
    rows: NDArray[np.int64]
    images: NDArray[np.uint8]
    joints: NDArray[np.float32]
    heat: NDArray[np.float32]
    contributions: NDArray[np.float32] | None
    masks: NDArray[np.float32] | None
    exponents: tuple[float, ...]
    similarity: float

    @property
    def seen_parts(self) -> NDArray[np.bool_]:
        """Whether any joint of a part is seen: (T, part)."""
        there: NDArray[np.bool_] = (part_mask() & ~np.isnan(self.joints[:, None, :, 0])).any(axis=2)
        return there


def explain_clips(
    chosen: ChosenCheckpoint,
    tracks: ProtocolTracks,
    numbers: Sequence[int],
    features: tuple[TrackFeatures, TrackFeatures],
    device: str,
) -> list[ClipExplanation]:
    """Explain the test clip of each of the tracks `numbers` (rows of /tracks), in the order asked for.

    chosen:   the network; tracks: of the protocol, whose T the clips have
    features: of the infrared and of the visible tracks, as this network described them (`read_features`)
    device:   one of `model.run.devices.DEVICES`
    Raises ValueError for a track that is not of the protocol, a person without a track of the other modality, features
    of another network's width, and images that are missing or broken.
    """
    asked = {number: _find(number, tracks) for number in numbers}
    wanted = {number: _wanted_feature(number, *found, features) for number, found in asked.items()}
    choose_device(device)
    from model.report.heat.clip_gradients import clip_gradients  # these load MindSpore
    from model.training.trained_network import load_network

    network = load_network(chosen.checkpoint)
    _check_width(wanted, network.channels, chosen)
    gradients, model = clip_gradients(network), chosen.trained.model
    images = ImageSettings(model.image_height, model.image_width, pad=0, flip=0.0, random_erasing=0.0)
    exponents = model.exponents if model.sequence_guidance else ()
    explained = {}
    with BatchLoader(tracks.split.files, images, 1, tracks.infrared.settings.frames) as loader:
        for number, (side, row) in asked.items():
            (batch,) = loader.load(evaluation_requests(side.select(np.array([row])), 1))
            modality = Modality(int(side.tracks.modality[row]))
            found = gradients(modality, batch.arrays, wanted[number])
            explained[number] = _explanation(batch, modality, found, exponents)
    return [explained[number] for number in numbers]


def _find(number: int, tracks: ProtocolTracks) -> tuple[ClipTracks, int]:
    """The side on which the track is, and its row there."""
    for side in (tracks.infrared, tracks.visible):
        rows = np.flatnonzero(side.number == number)
        if len(rows):
            return side, int(rows[0])
    count = len(tracks.infrared) + len(tracks.visible)
    raise ValueError(
        f"track {number}: expected one of the {count} tracks that are evaluated, got another row of"
        f" {tracks.split.files.edges}; name tracks that features.h5 lists"
    )


def _wanted_feature(
    number: int, side: ClipTracks, row: int, features: tuple[TrackFeatures, TrackFeatures]
) -> NDArray[np.float32]:
    """The mean feature, of length 1, of the person's tracks of the other modality."""
    person, modality = int(side.tracks.person[row]), Modality(int(side.tracks.modality[row]))
    other = features[1] if modality == Modality.INFRARED else features[0]
    same = other.features[other.person == person]
    if not len(same):
        raise ValueError(
            f"track {number}: expected tracks of person {person} in the other modality than"
            f" {modality.name.lower()}, got none among the features; explain tracks of persons seen in both"
        )
    mean = same.mean(axis=0, dtype=np.float64)
    unit: NDArray[np.float32] = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
    return unit


def _check_width(wanted: dict[int, NDArray[np.float32]], channels: int, chosen: ChosenCheckpoint) -> None:
    for feature in wanted.values():
        if len(feature) != channels:
            raise ValueError(
                f"features: expected {channels} channels, as the network of {chosen.path} has, got {len(feature)};"
                " evaluate this run again"
            )


def _explanation(
    batch: ClipBatch,
    modality: Modality,
    found: ClipGradients,
    exponents: tuple[float, ...],
) -> ClipExplanation:
    arrays, rows = batch.arrays, batch.request.frames[0]
    height, width = arrays.images.shape[3:]
    return ClipExplanation(
        number=int(batch.request.track[0]),
        modality=modality,
        person=int(batch.request.person[0]),
        camera=int(batch.request.camera[0]),
        rows=rows,
        images=_pixels(arrays.images[0]),
        joints=joint_pixels(arrays.places[0], arrays.seen[0], height, width),
        heat=heat_maps(found.cells, found.slopes, height, width),
        contributions=found.contributions,
        masks=found.masks,
        exponents=exponents,
        similarity=found.similarity,
    )


def _pixels(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Undo the normalising: (T, rgb, height, width) → (T, height, width, rgb), the very bytes that were resized."""
    shares = images.transpose(0, 2, 3, 1) * np.array(DEVIATION) + np.array(MEAN)
    pixels: NDArray[np.uint8] = np.rint(255 * shares).astype(np.uint8)
    return pixels


def joint_pixels(
    places: NDArray[np.float32], seen: NDArray[np.float32], height: int, width: int
) -> NDArray[np.float32]:
    """The joints in pixels of resized frames: (T, joint, xy) float32, NaN where unseen.

    places: (T, joint, [column, row]), 0…1 of width and height; seen: (T, joint), 0 for unseen
    height, width: of the resized frames
    Pixels are counted by their centres, as cv2 resizes: the centre of pixel 0 lies half a pixel inside the border.
    """
    joints = places * np.array([width, height]) - 0.5
    joints[seen == 0] = np.nan
    placed: NDArray[np.float32] = joints.astype(np.float32)
    return placed
