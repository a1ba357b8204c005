"""The generated walkers of the experiment: what of them is hidden, and the caches that runs read."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import get_args

from data_cache.contract.records import SPLITS
from model.clips.clip_files import ClipFiles
from pipeline.settings import Angle, EdgeSettings
from pipeline.skeletons.edge_file import write_edges
from pipeline.skeletons.graph_file import write_graphs
from pipeline.synth.dataset import write_dataset
from pipeline.synth.settings import HiddenJoints, SynthSettings

TRAIN_PERSONS, TEST_PERSONS = 64, 32
MIN_SCORE = 0.3
HIDDEN: tuple[HiddenJoints, ...] = get_args(HiddenJoints)
TESTS = ("clean", "occluded")


def data_name(hidden: HiddenJoints, test: str) -> str:
    """Name of the data set whose joints behind occluders are `hidden`, and whose test tracks are `test`."""
    return f"walkers-{hidden}-{test}"


def make_walkers(folder: Path, hidden: HiddenJoints, angle: Angle = "arctan") -> None:
    """Both data sets of `hidden` in `folder`, with their caches; what is there is kept.

    They differ by their test tracks only: `occluded` ones have an occluder each, `clean` ones none. Three training
    tracks in ten have one.
    """
    for test in TESTS:
        name = data_name(hidden, test)
        caches = folder / "artifacts" / name
        if not (caches / "keypoints" / "test.h5").is_file():
            settings = SynthSettings(
                train_persons=TRAIN_PERSONS,
                test_persons=TEST_PERSONS,
                test_occluded=float(test == "occluded"),
                infrared="luminance",
                hidden_joints=hidden,
            )
            write_dataset(settings, name, folder / "data" / name, caches, force=True)
        for split in SPLITS:
            keypoints = caches / "keypoints" / f"{split}.h5"
            files = walker_files(folder, hidden, test, split, angle)
            if not files.edges.is_file():
                write_edges(keypoints, files.edges, EdgeSettings(angle=angle), MIN_SCORE)
            if not files.graphs.is_file():
                write_graphs(keypoints, files.graphs, MIN_SCORE)


def walker_files(
    folder: Path, hidden: HiddenJoints, test: str, split: str, angle: Angle = "arctan", fill_gaps: bool = False
) -> ClipFiles:
    """Frames and caches of a split."""
    name = data_name(hidden, test)
    caches = folder / "artifacts" / name
    edges = caches / f"edges-{angle}" / f"{split}.h5"
    return ClipFiles(folder / "data" / name, edges, caches / "graphs" / f"{split}.h5", fill_gaps)


def all_walkers(folder: Path, wanted: set[tuple[HiddenJoints, Angle]]) -> None:
    """Everything that the runs of `wanted` read."""
    for hidden, angle in product(HIDDEN, get_args(Angle)):
        if (hidden, angle) in wanted:
            make_walkers(folder, hidden, angle)
