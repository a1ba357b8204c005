"""Which skeletons a trained network uses: its figures with its own, and with those of another person's clips.

    python -m benchmarks.skeleton_swap --seeds 0 1 2        the runs that benchmarks.ablation has trained

Once the edges that frame guidance reads are another person's, once the nodes that sequence guidance reads, once the
images; what is not swapped stays the clip's own. A part that the features hang on costs rank and mAP when it is wrong.
Swapped with the others, the images show whether features follow the picture or the skeleton. Prints rows of
docs/results.md.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.ablation import VARIANTS, run_folder
from command_line.settings_file import build_settings
from data_cache.contract.records import Modality
from model.clips.augment import ImageSettings
from model.clips.batches import BatchLoader
from model.clips.clip_files import open_split
from model.clips.clip_reader import ClipArrays
from model.clips.clip_requests import evaluation_requests
from model.clips.clips import ClipSettings, clip_tracks
from model.evaluation.clip_features import track_features
from model.retrieval.metrics import retrieval_metrics
from model.retrieval.ranking import DIRECTIONS, rank_both_ways
from model.run.config import RunConfig
from model.run.devices import choose_device
from model.run.run_folder import cache_files
from model.training.checkpoints import newest_intact

if TYPE_CHECKING:
    from numpy.typing import NDArray

SWAPS = {"own": (), "edges": ("edges",), "nodes": ("nodes", "seen"), "images": ("images",)}
CLIPS = 16  # of a batch: 4 persons with 4 neighbouring tracks each
# How far things move within it. Other persons' in each modality: with the same ones in both, a swapped skeleton would
# name the person as well as the right one.
STEPS = {Modality.INFRARED: 4, Modality.VISIBLE: 8}


def swapped(arrays: ClipArrays, names: tuple[str, ...], modality: Modality) -> ClipArrays:
    """The arrays of B clips, those in `names` moved by as many clips as `STEPS` says."""
    return arrays._replace(**{name: np.roll(getattr(arrays, name), STEPS[modality], axis=0) for name in names})


def swap_figures(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """For every swap the metrics of both directions, of the newest checkpoint in `folder`."""
    from model.evaluation.clip_embedder import clip_embedder
    from model.training.trained_network import load_network

    found = newest_intact(folder / "checkpoints")
    if found is None:
        raise FileNotFoundError(f"{folder}: no checkpoint; run python -m benchmarks.ablation")
    run = build_settings(found[1].facts["config"], RunConfig, str(found[0]))
    embed = clip_embedder(load_network(found[1]))
    split = open_split(cache_files(run, "test"), run.dataset, "test")
    tracks = clip_tracks(split.tracks, split.status, ClipSettings(run.model.frames, run.data.min_frames))
    images = ImageSettings(run.model.image_height, run.model.image_width, pad=0, flip=0.0, random_erasing=0.0)
    figures = {}
    with BatchLoader(split.files, images, CLIPS, run.model.frames) as loader:
        for swap, names in SWAPS.items():
            sides = []
            for modality in (Modality.INFRARED, Modality.VISIBLE):
                side = tracks.of_modality(modality)
                assert len(side) % CLIPS == 0, "the last batch would swap with its filling"
                batches = loader.load(evaluation_requests(side, CLIPS))
                sides.append(track_features(batches, side, partial(_embed, embed, modality, names), lambda _: None))
            ranked = rank_both_ways(*sides)
            figures[swap] = {direction: retrieval_metrics(ranked[direction]) for direction in DIRECTIONS}
    return figures


def _embed(
    embed: Callable[[Modality, ClipArrays], NDArray[np.float32]],
    modality: Modality,
    names: tuple[str, ...],
    arrays: ClipArrays,
) -> Any:
    return embed(modality, swapped(arrays, names, modality))


def main() -> None:
    """Print a row for every variant and swap."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["frame", "sequence", "full"])
    args = parser.parse_args()
    choose_device("CPU")
    for variant in args.variants:
        seeds = [swap_figures(run_folder(variant, seed, 0.0)) for seed in args.seeds]
        for swap in SWAPS:
            cells = []
            for direction in DIRECTIONS:
                for name in ("rank-1", "mAP"):
                    cells.append(f"{statistics.fmean(100 * figures[swap][direction][name] for figures in seeds):.1f}")
            print(f"| `{variant}` | {swap} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
