"""A small run to evaluate: a data set of two splits with its caches, a config, and a checkpoint of random weights."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import yaml
from numpy.typing import NDArray

from data_cache.contract.records import Modality, Status
from model.clips.clip_files import open_split
from model.clips.clip_reader import ClipArrays
from model.clips.clips import ClipSettings, ClipTracks, clip_tracks
from model.network.network import StarNetwork
from model.run.config import DataConfig, ModelConfig, RunConfig
from model.run.run_folder import cache_files, checkpoint_folder
from model.training.checkpoints.checkpoint_file import Checkpoint, write_checkpoint
from tests.model.clips.clip_trees import MIN_SCORE, Track, person_tracks, write_caches, write_clip_tree
from tests.model.network.cells import randomise
from tests.model.training.checkpoint_records import whole_facts, with_sums

MODEL = ModelConfig(
    backbone="narrow",
    frames=3,
    image_height=23,
    image_width=17,
    edge_hidden=7,
    lstm_hidden=11,
    graph_hidden=3,
    graph_width=13,
    kl_width=19,
)
RUN = RunConfig(name="full", dataset="tiny", root="data/tiny", model=MODEL, data=DataConfig(validation_persons=0.4))
TRAIN_PERSONS = (2, 3, 5, 7, 11)
TEST_TRACKS = [
    *person_tracks(13, 2, 3, frames=13),
    *person_tracks(17, 1, 2, frames=19),
    Track(17, Modality.VISIBLE, 5, 11),  # too short
    *person_tracks(19, 3, 1, frames=14),
    *person_tracks(23, 0, 1),  # a person that no infrared query looks for
]


def write_dataset(run: RunConfig, seed: int, angle: str = "arctan") -> None:
    """Images below the run's root, and both splits' caches where the run looks for them, in the current folder."""
    training = [track for person in TRAIN_PERSONS for track in person_tracks(person, 2, 2)]
    for split, tracks in (("train", training), ("test", TEST_TRACKS)):
        status = np.zeros(sum(track.frames for track in tracks), np.uint8)
        status[[0, 4, 5, 29]] = Status.UNREADABLE
        tree = write_clip_tree(
            Path(run.root), tracks, status=status, split=split, dataset=run.dataset, seed=seed + len(split)
        )
        write_caches(tree, {"min_score": MIN_SCORE, "keypoints": {"seed": seed}}, angle)  # one recipe for both splits
        files = cache_files(run, split)
        for made, wanted in ((tree.files.edges, files.edges), (tree.files.graphs, files.graphs)):
            wanted.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made, wanted)


def write_run_checkpoint(run: RunConfig, steps: int = 123, **facts: Any) -> Path:
    """A checkpoint of `run` with random weights, in the run's folder."""
    ms.set_seed(1)
    kept = len(TRAIN_PERSONS) - round(run.data.validation_persons * len(TRAIN_PERSONS))
    persons = facts.pop("persons", kept)
    network = StarNetwork(run.model, persons)
    randomise(network, 2, 0.05)
    tensors = {f"network.{parameter.name}": parameter.asnumpy() for parameter in network.get_parameters()}
    recipes = open_split(cache_files(run, "train"), run.dataset, "train").recipes
    known = whole_facts(steps, config=asdict(run), persons=persons, recipes=recipes)
    path = checkpoint_folder(run) / f"step-{steps:08d}.safetensors"
    write_checkpoint(path, Checkpoint(with_sums(tensors), {**known, **facts}))
    return path


def write_config(run: RunConfig, path: Path) -> Path:
    """The run's YAML file."""
    settings = asdict(run)
    settings["model"]["exponents"] = list(run.model.exponents)
    settings["train"]["milestones"] = list(run.train.milestones)
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def write_run(seed: int = 0) -> Path:
    """Everything in the current folder; returns the config's path."""
    write_dataset(RUN, seed)
    write_run_checkpoint(RUN)
    return write_config(RUN, Path("full.yaml"))


def occluded() -> RunConfig:
    """The same run on another data set."""
    return replace(RUN, dataset="tiny-occluded", root="data/tiny-occluded")


def train_tracks() -> ClipTracks:
    """The tracks of the training split that clips are cut from."""
    split = open_split(cache_files(RUN, "train"), RUN.dataset, "train")
    return clip_tracks(split.tracks, split.status, ClipSettings(RUN.model.frames, RUN.data.min_frames))


def stub_features(modality: Modality, arrays: ClipArrays) -> NDArray[np.float32]:
    """(B, 7) of length 1, of the clips' mean images: for what is not about the network."""
    flat = arrays.images.mean(axis=1).reshape(len(arrays.images), -1)
    values = flat @ np.random.default_rng(0).normal(size=(flat.shape[1], 7))
    unit: NDArray[np.float32] = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return unit
