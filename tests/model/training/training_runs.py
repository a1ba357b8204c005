"""A small run to train: three epochs of five steps on five persons."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from command_line.digests import file_sha256
from data_cache.contract.reader import open_cache
from data_cache.contract.split_file import FrameListing, write_frame_listing
from model.run.config import DataConfig, RunConfig, TrainConfig
from model.run.origin import listing_beside
from model.run.run_folder import cache_files
from tests.model.evaluation.evaluation_runs import MODEL, write_config, write_dataset

TESTS = Path(__file__).resolve().parent
EPOCHS, STEPS = 3, 5
RUN = RunConfig(
    name="short",
    dataset="tiny",
    root="data/tiny",
    model=replace(MODEL, image_height=19, image_width=16, dropout=0.3),
    data=DataConfig(persons=3, tracks_per_modality=2, pad=2),
    train=TrainConfig(
        seed=7, epochs=EPOCHS, steps_per_epoch=STEPS, warmup_epochs=1, milestones=(2,), checkpoint_steps=2
    ),
)
EVERYTHING = replace(  # that is off by default and that a run which goes on must keep
    RUN,
    model=replace(RUN.model, kl_trains="graph"),
    loss=replace(RUN.loss, label_smoothing=0.1),
    data=replace(RUN.data, grey=0.5),
    train=replace(RUN.train, learning_rate=1e-3, optimizer="adamw", clip_norm=30.0, ema=0.5),
)
CHECKPOINTS = Path("artifacts/tiny/runs/short/checkpoints")
TRAIN = ("train", "--config", "short.yaml")


def write_training_run(run: RunConfig = RUN, angle: str = "arctan") -> None:
    """Data set, caches and short.yaml in the current folder."""
    write_dataset(run, seed=0, angle=angle)
    write_config(run, Path("short.yaml"))


def list_frames(split: str, run: RunConfig = RUN) -> None:
    """What `star frames` writes of a split's frames, as they lie below the run's root now."""
    files = cache_files(run, split)
    with open_cache(files.edges) as reader:
        index = reader.index()
    there = [files.root / path for path in index.paths]
    sizes = tuple(file.stat().st_size if file.is_file() else None for file in there)
    digests = tuple(file_sha256(file) if file.is_file() else None for file in there)
    write_frame_listing(listing_beside(files.edges), FrameListing(index, sizes, digests))


def train_and_stop(signal: int, steps: int, *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Train in a process of its own in `folder`, until `signal` arrives after `steps` steps."""
    command = [sys.executable, str(TESTS / "killed_training.py"), str(signal), str(steps), *TRAIN, *options]
    environment = {**os.environ, "PYTHONPATH": f"{TESTS.parents[2]}{os.pathsep}{TESTS}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
