"""The tracks behind the features, with the files of their frames: what pictures and heat maps are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality
from model.clips.clip_files import check_images, open_split
from model.clips.clips import ClipSettings, clip_tracks
from model.evaluation.protocol_tracks import ProtocolTracks
from model.run.differing_keys import differing_keys
from model.run.run_folder import cache_files

if TYPE_CHECKING:
    from model.report.reported_run import ReportedRun
    from model.run.config import RunConfig


def open_shown_tracks(run: RunConfig, reported: ReportedRun) -> ProtocolTracks:
    """Find the tracks that `reported` was tested on in the caches, their frames below the root of `run`.

    Raises FileNotFoundError for a missing cache or folder, ValueError for frames that are not there, and for caches
    that hold other tracks than the features are of.
    """
    protocol = reported.protocol
    split = open_split(cache_files(run, "test"), run.dataset, "test")
    tracks = clip_tracks(split.tracks, split.status, ClipSettings(int(protocol["frames"]), int(protocol["min_frames"])))
    check_images(split, tracks)
    found = ProtocolTracks(split, tracks.of_modality(Modality.INFRARED), tracks.of_modality(Modality.VISIBLE))
    for name in ("infrared", "visible"):
        features, side = getattr(reported, name), getattr(found, name)
        pairs = [(features.track, side.number), *((getattr(features, k), getattr(side.tracks, k)) for k in _WHO)]
        if not all(np.array_equal(one, other) for one, other in pairs):
            raise ValueError(
                f"{split.files.edges}: expected the {len(features)} {name} tracks that the features of"
                f" {reported.folder} are of, got {len(side)}, not the same persons and cameras: the caches were made"
                " anew since; evaluate the run again with star evaluate"
            )
    return found


_WHO = ("person", "camera")


def recipe_remarks(reported: ReportedRun, tracks: ProtocolTracks) -> list[str]:
    """A sentence where the caches were made by another recipe than those evaluated."""
    found = differing_keys(reported.results.provenance["recipes"], tracks.split.recipes)
    if not found:
        return []
    listed = "; ".join(f"{key} {a}, now {b}" for key, (a, b) in list(found.items())[:3])
    return [f"The caches were made by another recipe since the run was evaluated: {listed}. Evaluate it again."]
