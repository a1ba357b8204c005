"""The tracks of a protocol, infrared and visible, with everything that can be wrong with them said before a network is
built.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality, is_gallery, is_query
from model.clips.clip_files import check_images, open_split
from model.clips.clips import ClipSettings, clip_tracks
from model.clips.excluded_tracks import check_excluded, leave_out
from model.clips.training_persons import hold_out
from model.retrieval.ranking import DIRECTIONS
from model.run.differing_keys import differing_keys
from model.run.run_folder import cache_files

if TYPE_CHECKING:
    from data_cache.contract.records import Tracks
    from model.clips.clip_files import SplitFiles
    from model.clips.clips import ClipTracks
    from model.evaluation.chosen_checkpoint import ChosenCheckpoint
    from model.evaluation.protocol import Protocol
    from model.run.config import RunConfig

_log = logging.getLogger(__name__)

_SHOWN = 5  # differing keys of a recipe
EDGE_READING = {"angle": "arctan", "normalize": "height"}  # what an edge value means; what caches without it hold


@dataclass(frozen=True, eq=False)
class ProtocolTracks:
    """The tracks to describe; each is query once and gallery once, or what its role says."""

    split: SplitFiles
    infrared: ClipTracks
    visible: ClipTracks

    def with_frames(self, frames: int) -> ProtocolTracks:
        """The same tracks, to be cut into clips of another T: which tracks there are does not depend on it."""
        infrared, visible = (
            replace(side, settings=replace(side.settings, frames=frames)) for side in (self.infrared, self.visible)
        )
        return replace(self, infrared=infrared, visible=visible)


def open_protocol(run: RunConfig, protocol: Protocol, chosen: ChosenCheckpoint) -> ProtocolTracks:
    """Find the tracks of `protocol` in the caches of the run's data set.

    The split `train` of the data set trained on is without the tracks that the training left out, as the checkpoint
    says (`data.exclude`): the list itself is not read, it may have grown since.
    Raises FileNotFoundError for a missing cache or folder; ValueError with the numbers for caches and images that do
    not fit, for persons held out in another way than in training, for edges that mean something else than those
    trained on, and where no query would have a match.
    """
    if protocol.split != "test":
        _check_persons_settings(run, protocol, chosen)
    split = open_split(cache_files(run, protocol.cached_split), protocol.dataset, protocol.cached_split)
    tracks = clip_tracks(split.tracks, split.status, ClipSettings(protocol.frames, protocol.min_frames))
    _log.info("%s split of %s: %s", protocol.cached_split, protocol.dataset, tracks.left_out)
    if protocol.split != "test":
        trained_on, held_out = hold_out(tracks, run.data.validation_persons)
        if protocol.dataset == chosen.trained.dataset:
            check_excluded(chosen.excluded, split, chosen.path)
            trained_on = leave_out(trained_on, chosen.excluded)
        tracks = trained_on if protocol.split == "train" else held_out
        _check_persons(trained_on, protocol, chosen)
    infrared, visible = tracks.of_modality(Modality.INFRARED), tracks.of_modality(Modality.VISIBLE)
    _check_matches(infrared, visible, protocol)
    check_images(split, tracks)
    _check_edges(split, chosen)
    _compare_recipes(split, chosen)
    return ProtocolTracks(split, infrared, visible)


def _check_persons_settings(run: RunConfig, protocol: Protocol, chosen: ChosenCheckpoint) -> None:
    """Only the settings of the training tell which persons were held out."""
    if protocol.split == "validation" and run.data.validation_persons == 0.0:
        raise ValueError(
            "validation_persons: expected a share above 0 for --split validation, got 0: no person was held out;"
            " train with data.validation_persons set, or use --split test"
        )
    for name in ("validation_persons", "min_frames"):
        wanted, got = getattr(chosen.trained.data, name), getattr(run.data, name)
        if wanted != got:
            raise ValueError(
                f"data.{name}: expected {wanted}, with which {chosen.path} was trained, got {got}: --split"
                f" {protocol.split} would be other persons than the training's; set it to {wanted}"
            )


def _check_persons(trained_on: ClipTracks, protocol: Protocol, chosen: ChosenCheckpoint) -> None:
    count = len(np.unique(trained_on.tracks.person))
    if protocol.dataset == chosen.trained.dataset and count != chosen.persons:
        raise ValueError(
            f"persons: expected the {chosen.persons} that {chosen.path} was trained on, got {count} in the cache of"
            f" {protocol.dataset}: it has changed since, so who was held out is not known; train again"
        )


def _check_matches(infrared: ClipTracks, visible: ClipTracks, protocol: Protocol) -> None:
    where = f"the {protocol.split} split of {protocol.dataset}, with min_frames {protocol.min_frames}"
    counts = f"{len(infrared)} infrared and {len(visible)} visible"
    if not len(infrared) or not len(visible):
        raise ValueError(
            f"tracks: expected both modalities in {where}, got {counts}; look at it with data_cache inspect"
        )
    persons = len(np.union1d(infrared.tracks.person, visible.tracks.person))
    for query, gallery, direction in zip((infrared, visible), (visible, infrared), DIRECTIONS, strict=True):
        searched = query.select(is_query(query.tracks.role)).tracks
        among = gallery.select(is_gallery(gallery.tracks.role)).tracks
        if not _has_match(searched, among):
            first, second = direction.split("_to_")
            raise ValueError(
                f"tracks: expected {first} queries of a person with {second} gallery tracks of another camera in"
                f" {where}, got none: {counts} tracks of {persons} persons; no query would have a match"
                f" ({len(searched)} {first} queries, {len(among)} {second} tracks in the gallery)"
            )


def _has_match(query: Tracks, gallery: Tracks) -> bool:
    """Whether a query's person is in the gallery: not in the query's own camera, whose tracks do not count."""
    cameras: dict[int, set[int]] = {}
    for person, camera in zip(gallery.person.tolist(), gallery.camera.tolist(), strict=True):
        cameras.setdefault(person, set()).add(camera)
    return any(
        cameras.get(person, set()) - {camera}
        for person, camera in zip(query.person.tolist(), query.camera.tolist(), strict=True)
    )


def _check_edges(split: SplitFiles, chosen: ChosenCheckpoint) -> None:
    """A network reads edges as those that it was trained on, and standardises them by their mean and deviation."""
    if not chosen.trained.model.frame_guidance:
        return
    trained = chosen.checkpoint.record.recipes.get("edges", {})
    for key, default in EDGE_READING.items():
        expected, got = trained.get(key, default), split.recipes["edges"].get(key, default)
        if expected != got:
            raise ValueError(
                f"{split.files.edges}: recipe: {key}: expected {expected!r}, as of the edges that {chosen.path} was"
                f" trained on, got {got!r}; make them again with edges.{key}: {expected}, or train again"
            )


def _compare_recipes(split: SplitFiles, chosen: ChosenCheckpoint) -> None:
    found = differing_keys(split.recipes, chosen.checkpoint.facts["recipes"])
    listed = [f"{key} {here}, in training {there}" for key, (here, there) in found.items()]
    if listed:
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        _log.warning("caches: made by another recipe than those trained on: %s%s", "; ".join(listed[:_SHOWN]), more)
