"""From a run and its checkpoint to metrics.json and features.h5, or to clip_lengths.json for clips of several lengths:
everything is checked, then the network is built.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from data_cache.contract.records import Modality
from data_cache.files.published_file import publish_files
from model.clips.augment import ImageSettings
from model.clips.batches import BatchLoader
from model.clips.clip_requests import evaluation_requests
from model.evaluation.chosen_checkpoint import choose_checkpoint
from model.evaluation.clip_features import clip_count, track_features
from model.evaluation.clip_lengths import ClipLengths, LengthMetrics
from model.evaluation.feature_file import write_features
from model.evaluation.protocol import DEFAULT, Protocol
from model.evaluation.protocol_tracks import open_protocol
from model.evaluation.results import rank_features
from model.run.devices import choose_device

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from model.clips.clip_reader import ClipArrays
    from model.evaluation.chosen_checkpoint import ChosenCheckpoint
    from model.evaluation.protocol import Split
    from model.evaluation.protocol_tracks import ProtocolTracks
    from model.evaluation.results import Results
    from model.retrieval.ranking import TrackFeatures
    from model.run.config import RunConfig

    Advance = Callable[[int], object]

_log = logging.getLogger(__name__)

METRICS, FEATURES, CLIP_LENGTHS = "metrics.json", "features.h5", "clip_lengths.json"


@dataclass(frozen=True)
class EvaluationOptions:
    """What may differ from the run's own protocol, and what does not change the results.

    checkpoint: none takes the newest intact one of the run
    frames:     T; none takes the config's
    out:        folder of the results; none takes the run's, or its `protocols/<label>`
    workers:    processes that read clips; batch: clips at once, in every batch
    """

    checkpoint: Path | None = None
    frames: int | None = None
    all_clips: bool = False
    split: Split = "test"
    out: Path | None = None
    device: str = "CPU"
    workers: int = 0
    batch: int = 8

    def __post_init__(self) -> None:
        if self.workers < 0 or self.batch < 1:
            raise ValueError(
                f"--workers, --batch: expected 0 or more and 1 or more, got {self.workers} and {self.batch}"
            )


def evaluate(
    run: RunConfig, options: EvaluationOptions, progress: Callable[[int], AbstractContextManager[Advance]]
) -> tuple[Results, Path]:
    """Evaluate in both directions; returns the results and the folder where `metrics.json` and `features.h5` lie.

    progress: given the number of clips, a context whose value is called with the number of clips done
    Whatever ends it before, older results stay as they are. Raises FileNotFoundError, ValueError and OSError, each
    with a remedy, for what is missing, does not fit or cannot be written.
    """
    protocol = plan_protocol(run, options)
    chosen = choose_checkpoint(run, options.checkpoint)
    tracks = open_protocol(run, protocol, chosen)
    folder = options.out or results_folder(chosen, protocol)
    # Opened now: a folder that cannot be written, or another evaluation at work, is known before the long part.
    with publish_files(folder / METRICS, folder / FEATURES) as (metrics_file, features_file):
        _log.info("%s: %d clips of %d frames", chosen.path, _clips(tracks, protocol), protocol.frames)
        embed = _load_embedder(chosen, options.device)
        with progress(_clips(tracks, protocol)) as advance:
            infrared, visible = _describe(tracks, chosen, options, embed, advance)
        results = rank_features(infrared, visible, tracks, protocol, chosen)
        write_features(features_file, infrared, visible, results.provenance)
        metrics_file.write(results.to_json())
    return results, folder


def evaluate_lengths(
    run: RunConfig,
    options: EvaluationOptions,
    lengths: Sequence[int],
    progress: Callable[[int], AbstractContextManager[Advance]],
) -> tuple[ClipLengths, Path]:
    """Evaluate with clips of each of `lengths` frames; returns the figures and the file they lie in.

    lengths: rising; the T of `options` and of the run do not count. Everything else, and what is raised, as
    `evaluate`. The file `clip_lengths.json` is in the folder that the protocol has with the run's own T; it is written
    when all lengths are done.
    """
    protocols = [plan_protocol(run, replace(options, frames=frames)) for frames in lengths]
    chosen = choose_checkpoint(run, options.checkpoint)
    tracks = open_protocol(run, protocols[0], chosen)
    of_any_length = replace(protocols[0], frames=chosen.trained.model.frames)
    path = (options.out or results_folder(chosen, of_any_length)) / CLIP_LENGTHS
    found = []
    with publish_files(path) as (file,):
        embed = _load_embedder(chosen, options.device)
        with progress(sum(_clips(tracks.with_frames(p.frames), p) for p in protocols)) as advance:
            for protocol in protocols:
                cut = tracks.with_frames(protocol.frames)
                _log.info("%s: %d clips of %d frames", chosen.path, _clips(cut, protocol), protocol.frames)
                infrared, visible = _describe(cut, chosen, options, embed, advance)
                found.append(rank_features(infrared, visible, cut, protocol, chosen))
        described = {**found[0].provenance["protocol"], "label": of_any_length.label(chosen.trained)}
        del described["frames"]
        measured = tuple(LengthMetrics(p.frames, r.metrics) for p, r in zip(protocols, found, strict=True))
        shared = {key: value for key, value in found[0].provenance.items() if key != "features"}
        together = ClipLengths(measured, {**shared, "protocol": described})
        file.write(together.to_json())
    return together, path


def plan_protocol(run: RunConfig, options: EvaluationOptions) -> Protocol:
    """The protocol that run and options ask for. Raises ValueError for a T out of range."""
    try:
        model = run.model if options.frames is None else replace(run.model, frames=options.frames)
    except ValueError as error:
        raise ValueError(f"--frames: {error}") from None
    return Protocol(run.dataset, run.root, options.split, model.frames, options.all_clips, run.data.min_frames)


def results_folder(chosen: ChosenCheckpoint, protocol: Protocol) -> Path:
    """The run's folder for its own protocol, a folder of their own for others: none overwrites another's results."""
    label = protocol.label(chosen.trained)
    return chosen.home if label == DEFAULT else chosen.home / "protocols" / label


def _load_embedder(chosen: ChosenCheckpoint, device: str) -> Callable[[Modality, ClipArrays], NDArray[np.float32]]:
    """The checkpoint's network, on `device`, as a function from the clips of a modality to their features."""
    choose_device(device)
    from model.evaluation.clip_embedder import clip_embedder  # these load MindSpore
    from model.training.trained_network import load_network

    return clip_embedder(load_network(chosen.checkpoint))


def _clips(tracks: ProtocolTracks, protocol: Protocol) -> int:
    return sum(clip_count(side, protocol.all_clips) for side in (tracks.infrared, tracks.visible))


def _describe(
    tracks: ProtocolTracks,
    chosen: ChosenCheckpoint,
    options: EvaluationOptions,
    embed: Callable[[Modality, ClipArrays], NDArray[np.float32]],
    advance: Advance,
) -> tuple[TrackFeatures, TrackFeatures]:
    """The features of the infrared and of the visible tracks."""
    model, frames = chosen.trained.model, tracks.infrared.settings.frames
    images = ImageSettings(model.image_height, model.image_width, pad=0, flip=0.0, random_erasing=0.0)
    both = (tracks.infrared, tracks.visible)
    found = []
    with BatchLoader(tracks.split.files, images, options.batch, frames, options.workers) as loader:
        for side, modality in zip(both, (Modality.INFRARED, Modality.VISIBLE), strict=True):
            batches = loader.load(evaluation_requests(side, options.batch, options.all_clips))
            found.append(track_features(batches, side, partial(embed, modality), advance))
    infrared, visible = found
    return infrared, visible
