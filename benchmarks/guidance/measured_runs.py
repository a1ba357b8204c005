"""One run of the experiment from its plan to its figures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.guidance.stored_clips import (
    Control,
    StoredClips,
    constant_nodes,
    of_another,
    open_clips,
    without_angles,
)
from benchmarks.guidance.torch_training import Embed, train
from benchmarks.guidance.walkers import TESTS, data_name, walker_files
from data_cache.contract.records import Modality
from model.clips.augment import ImageSettings
from model.clips.clip_requests import evaluation_requests
from model.evaluation.clip_features import track_features
from model.retrieval.metrics import retrieval_metrics
from model.retrieval.ranking import DIRECTIONS, rank_both_ways
from model.run.config import RunConfig, load_run
from pipeline.settings import Angle
from pipeline.synth.settings import HiddenJoints

CONFIGS = Path("configs/runs/synth")
CONTROLS: Mapping[str, Control] = {"constant nodes": constant_nodes, "distances only": without_angles}
# At test alone: whose arrays a clip is given. Other persons' in each modality: a batch has 4 tracks of each person.
SWAPS = {"edges": ("edges",), "nodes": ("nodes", "places"), "images": ("images",)}
BATCH = 16
STEPS = {Modality.INFRARED: 4, Modality.VISIBLE: 8}
KEPT_STEPS = 16  # of whose losses the mean is kept


@dataclass(frozen=True)
class PlannedRun:
    """variant: of configs/runs/synth, or `edges` for the edge branch alone; hidden: joints behind occluders; angle: of
    the edges; settings: put over the variant's; control: one of `CONTROLS`, in training and test; swapped: whether
    the test is made with other persons' arrays too.
    """

    variant: str
    seed: int
    hidden: HiddenJoints = "unseen"
    angle: Angle = "arctan"
    settings: tuple[str, ...] = ()
    control: str = ""
    swapped: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        """Its name among the figures."""
        parts = [self.variant, self.hidden, *((self.angle,) if self.angle != "arctan" else ()), *self.settings]
        return " | ".join([*parts, *((self.control,) if self.control else ()), f"seed {self.seed}"])

    def config(self) -> RunConfig:
        """The settings of the run."""
        variant = "frame" if self.variant == "edges" else self.variant
        return load_run(CONFIGS / f"{variant}.yaml", [f"train.seed={self.seed}", *self.settings])


def measure(planned: PlannedRun, folder: Path) -> dict[str, Any]:
    """Train, test clean and occluded in both directions, and return the figures by name, shares in 0…1."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    run = planned.config()
    model = run.model
    images = ImageSettings(model.image_height, model.image_width, pad=0, flip=0.0, random_erasing=0.0)

    def opened(test: str, split: str) -> StoredClips:
        files = walker_files(folder, planned.hidden, test, split, planned.angle, model.fill_gaps == "track")
        clips = open_clips(files, data_name(planned.hidden, test), split, images, model.frames)
        return clips._replace(control=CONTROLS.get(planned.control, clips.control))

    losses: list[list[float]] = []
    embed = train(run, opened("clean", "train"), planned.variant == "edges", losses.append)
    trained = time.perf_counter() - began
    figures: dict[str, Any] = {"plan": asdict(planned), "steps": len(losses), "train_seconds": trained}
    figures["last_losses"] = np.mean(losses[-KEPT_STEPS:], axis=0).tolist()
    for test in TESTS:
        clips = opened(test, "test")
        figures[test] = _tested(clips, embed)
        if planned.swapped:
            for name, arrays in SWAPS.items():
                swapped = {m: clips._replace(control=of_another(arrays, step)) for m, step in STEPS.items()}
                figures[f"{test}, another's {name}"] = _tested_sides(swapped, embed)
    return figures


def _tested(clips: StoredClips, embed: Embed) -> dict[str, dict[str, float]]:
    return _tested_sides(dict.fromkeys(STEPS, clips), embed)


def _tested_sides(clips: Mapping[Modality, StoredClips], embed: Embed) -> dict[str, dict[str, float]]:
    """Rank-1 and mAP of both directions."""
    sides = []
    for modality, of in clips.items():
        side = of.tracks.of_modality(modality)
        assert len(side) % BATCH == 0, "the last batch would swap with its filling"
        infrared = BATCH if modality == Modality.INFRARED else 0
        batches = of.load(evaluation_requests(side, BATCH))
        sides.append(track_features(batches, side, partial(_embed, embed, infrared), lambda _: None))
    ranked = rank_both_ways(*sides)
    metrics = {direction: retrieval_metrics(ranked[direction]) for direction in DIRECTIONS}
    return {d: {name: float(found[name]) for name in ("rank-1", "mAP")} for d, found in metrics.items()}


def _embed(embed: Embed, infrared: int, arrays: Any) -> Any:
    return embed(arrays, infrared)
