"""The table of the ablation: means and spreads of what the runs' metrics.json say."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ablation import data_name, run_folder, run_options, table_rows
from benchmarks.skeleton_swap import CLIPS, SWAPS, swapped
from data_cache.contract.records import Modality
from model.__main__ import build_parser
from model.clips.clip_reader import ClipArrays
from model.retrieval.ranking import DIRECTIONS
from model.run.config import load_run

RANK, MAP = {0: (0.11, 0.31), 1: (0.13, 0.37), 5: (0.29, 0.41)}, {0: (0.2, 0.3), 1: (0.23, 0.31), 5: (0.4, 0.5)}


def test_rows_are_means_and_sample_deviations_over_the_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, protocol in enumerate((".", "protocols/on-synth-occluded", "protocols/split-train")):
        for seed, ranks in RANK.items():
            folder = run_folder("frame", seed, 0.0) / protocol
            folder.mkdir(parents=True, exist_ok=True)
            metrics = {
                direction: {"rank-1": rank / (number + 1), "mAP": mean / (number + 1)}
                for direction, rank, mean in zip(DIRECTIONS, ranks, MAP[seed], strict=True)
            }
            (folder / "metrics.json").write_text(json.dumps(metrics))
    rows = table_rows(["frame"], [0, 1, 5], 0.0)
    assert [row.split(" | ")[0] for row in rows] == ["| clean", "| occluded", "| training tracks"]
    for number, row in enumerate(rows):
        cells = row.strip("| ").split(" | ")[2:]
        expected = []
        for side in (0, 1):
            for figures in (RANK, MAP):
                values = [100 * figures[seed][side] / (number + 1) for seed in (0, 1, 5)]
                expected.append(f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}")
        assert cells == expected


def test_variants_differ_in_two_booleans_only() -> None:
    runs = {
        name: load_run(Path(f"configs/runs/synth/{name}.yaml")) for name in ("baseline", "frame", "sequence", "full")
    }
    assert {name: run.model.variant for name, run in runs.items()} == {name: name for name in runs}
    for group in ("loss", "data", "train"):
        assert len({repr(getattr(run, group)) for run in runs.values()}) == 1
    texts = {
        "\n".join(
            line
            for line in Path(f"configs/runs/synth/{name}.yaml").read_text().splitlines()
            if not line.strip().startswith(("name:", "frame_guidance:", "sequence_guidance:"))
        )
        for name in runs
    }
    assert len(texts) == 1


def test_the_run_it_names_is_understood() -> None:
    args = build_parser().parse_args(["train", *run_options("full", 3, 0.02)])
    run = load_run(args.config, args.set)
    assert (run.name, run.train.seed, run.dataset) == ("full-seed-3", 3, data_name(0.02, False))
    assert data_name(0.02, True) == "synth-noise-0.02-occluded"


def test_swapped_skeletons_are_those_of_other_persons() -> None:
    shape = (CLIPS, 3, 5)
    arrays = ClipArrays(*(np.broadcast_to(np.arange(CLIPS).reshape(-1, 1, 1), shape) for _ in ClipArrays._fields))
    persons = np.arange(CLIPS) // 4
    for names in SWAPS.values():
        both = [swapped(arrays, names, modality) for modality in Modality]
        for name in ClipArrays._fields:
            infrared, visible = (persons[getattr(moved, name)[:, 0, 0]] for moved in both)
            if name in names:
                assert (infrared != persons).all() and (visible != persons).all() and (infrared != visible).all()
            else:
                assert (infrared == persons).all() and (visible == persons).all()
