"""Finished runs to report on: a tiny data set, checkpoints of random weights, features around a centre a person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.reader import open_cache
from data_cache.contract.writer import CacheWriter
from data_cache.files.published_file import publish_files
from model.clips.clips import ClipTracks
from model.evaluation.chosen_checkpoint import choose_checkpoint
from model.evaluation.evaluation import FEATURES, METRICS, EvaluationOptions, plan_protocol
from model.evaluation.feature_file import write_features
from model.evaluation.protocol_tracks import open_protocol
from model.evaluation.results import rank_features
from model.retrieval.ranking import TrackFeatures
from model.run.config import RunConfig
from model.run.run_folder import cache_files, run_folder
from model.training.epoch_sums import EpochMeans
from model.training.run_log import EpochFigures, RunLog
from tests.factories import random_keypoints
from tests.model.evaluation.evaluation_runs import RUN, write_config, write_dataset, write_run_checkpoint

WIDTH = 128  # channels of the narrow backbone
BASELINE = replace(RUN, name="baseline", model=replace(RUN.model, frame_guidance=False, sequence_guidance=False))
EPOCHS = 7


def unit_rows(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of length 1."""
    unit: NDArray[np.float32] = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return unit


def person_features(tracks: ClipTracks, seed: int, noise: float) -> TrackFeatures:
    """A centre a person, the same for any seed, and noise around it."""
    random = np.random.default_rng(seed)
    centres = {int(p): np.random.default_rng(int(p)).normal(size=WIDTH) for p in np.unique(tracks.tracks.person)}
    centre = np.stack([centres[int(person)] for person in tracks.tracks.person])
    rows = tracks.tracks
    features = unit_rows(centre + noise * random.normal(size=centre.shape))
    return TrackFeatures(features, rows.person, rows.camera, tracks.number, rows.role)


def write_results(
    run: RunConfig, folder: Path, *, seed: int = 0, noise: float = 3.0, min_frames: int | None = None
) -> Path:
    """metrics.json and features.h5 in `folder`, with the provenance of the run's newest checkpoint."""
    chosen = choose_checkpoint(run, None)
    protocol = plan_protocol(run, EvaluationOptions())
    protocol = replace(protocol, min_frames=min_frames or protocol.min_frames)
    tracks = open_protocol(run, protocol, chosen)
    infrared = person_features(tracks.infrared, seed, noise)
    visible = person_features(tracks.visible, seed + 1, noise)
    results = rank_features(infrared, visible, tracks, protocol, chosen)
    results.provenance["protocol"]["label"] = "default"
    with publish_files(folder / METRICS, folder / FEATURES) as (metrics_file, features_file):
        write_features(features_file, infrared, visible, results.provenance)
        metrics_file.write(results.to_json())
    return folder / METRICS


def write_keypoints(run: RunConfig, split: str, seed: int) -> Path:
    """Random keypoints over the frames of the split's edges."""
    with open_cache(cache_files(run, split).edges) as edges:
        index, status = edges.index(), edges.status
    path = Path("artifacts") / run.dataset / "keypoints" / f"{split}.h5"
    rows = random_keypoints(len(index.paths), seed, status)
    with CacheWriter(path, "keypoints", index, {"seed": seed}, status=status) as writer:
        writer.append({"keypoints": rows.keypoints, "score": rows.score, "size": rows.size})
    return path


def write_log(run: RunConfig, seed: int) -> None:
    """The tables of a training of `EPOCHS` epochs."""
    random = np.random.default_rng(seed)
    log = RunLog(run_folder(run) / "live", 0, EPOCHS)
    for epoch in range(EPOCHS):
        terms = random.random(5)
        means = EpochMeans(np.array([terms.sum(), *terms]), 1.0, 0.0)
        log.epoch_done(epoch, EpochFigures(means, 0.1 / (1 + epoch), 1.0, 0.0))
    log.close()


def write_finished_run(run: RunConfig, *, seed: int = 0, noise: float = 3.0) -> Path:
    """Checkpoint, log and results of a run whose data set is there; returns the config's path."""
    write_run_checkpoint(run)
    write_log(run, seed)
    write_results(run, run_folder(run), seed=seed, noise=noise)
    return write_config(run, Path(f"{run.name}.yaml"))


def write_report_tree() -> None:
    """In the current folder: data set, keypoints, and the runs `full` (full.yaml) and `baseline`."""
    write_dataset(RUN, 0)
    for number, split in enumerate(("train", "test")):
        write_keypoints(RUN, split, number)
    write_finished_run(BASELINE, seed=3, noise=4.0)
    write_finished_run(RUN, seed=5)
