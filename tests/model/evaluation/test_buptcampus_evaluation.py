"""Queries and gallery of a BUPTCampus tree, from its lists to metrics.json, against plain loops over the lists.

The network's place is taken by numbers made of the images; everything before and after it is the real thing.
"""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data_cache.contract.records import Modality
from model.clips.clip_files import open_split
from model.clips.clip_reader import ClipArrays
from model.evaluation import evaluation
from model.evaluation.evaluation import EvaluationOptions, evaluate
from model.evaluation.feature_file import read_features
from model.evaluation.result_table import result_table
from model.evaluation.results import Results, ranked_tracks, read_results
from model.retrieval.ranking import DIRECTIONS, TrackFeatures
from model.run.config import DataConfig, ModelConfig, RunConfig
from model.run.run_folder import cache_files, checkpoint_folder
from model.training.checkpoints.checkpoint_file import Checkpoint, write_checkpoint
from pipeline.__main__ import main
from pipeline.pose import models as pose_models
from tests.factories import age_to_version_1
from tests.model.training.checkpoint_records import whole_facts, with_sums
from tests.pipeline.datasets.buptcampus_trees import BuptcampusTree, Key, Row, build_buptcampus, looked_up
from tests.pipeline.keypoints.stub_estimator import StubSource

CAMERAS = ("CQ1", "G25", "LS3", "TSG1", "W4")
PERSONS = 7
RUN = RunConfig(
    name="full",
    dataset="campus",
    root="data/campus",
    model=ModelConfig(backbone="narrow", frames=3, image_height=23, image_width=17),
    data=DataConfig(min_frames=1),
)


def random_lists(seed: int) -> tuple[dict[Key, int], list[str], list[str]]:
    """Tracks of some persons, and who is query and who gallery: some both, some neither."""
    random = np.random.default_rng(seed)
    tracks: dict[Key, int] = {("2", modality, "CQ1", "1"): 2 for modality in ("IR", "RGB")}
    query, gallery = [], []
    for person in range(11, 11 + PERSONS):
        for camera in random.choice(CAMERAS, 3, replace=False):
            for modality in ("IR", "RGB"):
                tracks[str(person), modality, str(camera), "1"] = int(random.integers(1, 6))
                row, draw = f"{person} {modality} {camera} 1", random.random()
                if draw < 0.4:
                    query.append(row)
                if 0.25 < draw < 0.9:
                    gallery.append(row)
    return tracks, query, gallery


def stub_features(modality: Modality, arrays: ClipArrays) -> NDArray[np.float32]:
    flat = arrays.images.mean(axis=1).reshape(len(arrays.images), -1)
    values = flat @ np.random.default_rng(0).normal(size=(flat.shape[1], 7))
    unit: NDArray[np.float32] = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuptcampusTree]:
    """Tree, caches and a checkpoint, made by the commands themselves."""
    folder = tmp_path_factory.mktemp("made")
    tracks, query, gallery = random_lists(5)
    tree = build_buptcampus(folder / "data" / "campus", tracks, ["2 RGB/IR CQ1 1"], query, gallery)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(pose_models, "resolve_pose_model", lambda settings, **options: StubSource())
        Path("campus.yaml").write_text("pose: {chunk_frames: 53, flip_test: false}\n")
        for split in ("train", "test"):
            out = f"artifacts/campus/keypoints/{split}.h5"
            words = f"keypoints --config campus.yaml --root data/campus --dataset campus --split {split} --out {out}"
            assert main([*words.split(), "--workers", "0"]) == 0
            for kind in ("edges", "graphs"):
                target = f"artifacts/campus/{kind}/{split}.h5"
                assert main(f"{kind} --config campus.yaml --keypoints {out} --out {target}".split()) == 0
        recipes = open_split(cache_files(RUN, "train"), RUN.dataset, "train").recipes
        facts = whole_facts(7, config=asdict(RUN), persons=1, recipes=recipes)
        weights = with_sums({"network.weight": np.zeros(3, np.float32)})
        write_checkpoint(checkpoint_folder(RUN) / "step-00000007.safetensors", Checkpoint(weights, facts))
    return folder, tree


@pytest.fixture
def tree(made: tuple[Path, BuptcampusTree], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuptcampusTree:
    """A copy of all that to work in."""
    shutil.copytree(made[0], tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setattr(evaluation, "_load_embedder", lambda chosen, device: stub_features)
    return BuptcampusTree(Path("data/campus"))


def run_evaluation() -> tuple[Results, TrackFeatures, TrackFeatures]:
    """The results as the files have them."""
    _, folder = evaluate(RUN, EvaluationOptions(), lambda clips: nullcontext(lambda done: None))
    return read_results(folder / "metrics.json"), *read_features(folder / "features.h5")


def read_rows(tree: BuptcampusTree) -> list[Row]:
    lists = {name.upper(): (tree.root / f"{name}.txt").read_text().splitlines() for name in ("query", "gallery")}
    return looked_up(tree, lists)


def naive_metrics(rows: list[Row], features: dict[int, NDArray[np.float32]], modality: str) -> tuple[Any, int, int]:
    """The figures of the direction with queries of ``modality``, and how many queries and gallery tracks there are."""
    queries = [n for n, row in enumerate(rows) if row[2] == modality and row[3] in ("QUERY", "BOTH")]
    gallery = [n for n, row in enumerate(rows) if row[2] != modality and row[3] in ("GALLERY", "BOTH")]
    found: dict[str, list[float]] = {name: [] for name in ("rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP")}
    for query in queries:
        person, camera = rows[query][:2]
        kept = [n for n in gallery if rows[n][:2] != (person, camera)]
        kept.sort(key=lambda n: -float(features[query] @ features[n]))
        hits = [place for place, n in enumerate(kept, 1) if rows[n][0] == person]
        if hits:
            for rank in (1, 5, 10, 20):
                found[f"rank-{rank}"].append(float(hits[0] <= rank))
            found["mAP"].append(sum(number / place for number, place in enumerate(hits, 1)) / len(hits))
            found["mINP"].append(len(hits) / hits[-1])
    return {name: sum(values) / len(values) for name, values in found.items()}, len(queries), len(gallery)


def by_track(*sides: TrackFeatures) -> dict[int, NDArray[np.float32]]:
    return {int(track): row for side in sides for track, row in zip(side.track, side.features, strict=True)}


def test_metrics_are_those_of_plain_loops_over_the_lists(tree: BuptcampusTree) -> None:
    results, infrared, visible = run_evaluation()
    rows, features = read_rows(tree), by_track(infrared, visible)
    assert sorted(features) == list(range(len(rows))), "every listed track is described once"
    assert {row[3] for row in rows} == {"QUERY", "GALLERY", "BOTH"}
    lines = result_table(results).splitlines()
    for direction, modality, line in zip(DIRECTIONS, ("INFRARED", "VISIBLE"), lines[2:4], strict=True):
        expected, queries, gallery = naive_metrics(rows, features, modality)
        assert results.metrics[direction] == pytest.approx(expected, abs=1e-12)
        assert 0 < expected["mAP"] < 1
        assert results.provenance["protocol"]["ranked"][direction] == {"queries": queries, "gallery": gallery}
        assert line.split()[3:5] == [str(queries), str(gallery)]
        same = {direction: {"queries": queries, "gallery": gallery}}
        assert ranked_tracks(results.provenance["protocol"]).items() >= same.items()
        assert queries < sum(row[2] == modality for row in rows), "roles make a difference here"


def test_features_say_the_roles(tree: BuptcampusTree) -> None:
    _, infrared, visible = run_evaluation()
    rows = read_rows(tree)
    numbers = {"BOTH": 0, "QUERY": 1, "GALLERY": 2}
    for side in (infrared, visible):
        assert side.role.tolist() == [numbers[rows[track][3]] for track in side.track]


def test_caches_of_version_1_are_ranked_all_tracks_both_ways(tree: BuptcampusTree) -> None:
    files = cache_files(RUN, "test")
    for file in (files.edges, files.graphs):
        age_to_version_1(file)
    results, infrared, visible = run_evaluation()
    assert "ranked" not in results.provenance["protocol"]
    rows = [(*row[:3], "BOTH", row[4]) for row in read_rows(tree)]
    for direction, modality in zip(DIRECTIONS, ("INFRARED", "VISIBLE"), strict=True):
        expected, queries, gallery = naive_metrics(rows, by_track(infrared, visible), modality)
        assert results.metrics[direction] == pytest.approx(expected, abs=1e-12)
        assert ranked_tracks(results.provenance["protocol"])[direction] == {"queries": queries, "gallery": gallery}


def test_edges_and_graphs_of_other_roles_do_not_fit_each_other(tree: BuptcampusTree) -> None:
    age_to_version_1(cache_files(RUN, "test").graphs)
    with pytest.raises(ValueError, match=r"expected the same frames and tracks in both, got others; make the caches"):
        run_evaluation()


@pytest.mark.parametrize(
    ("query", "gallery", "said"),
    [
        (
            ["11 IR {0} 1"],
            ["11 RGB {1} 1"],
            r"visible queries of a person with infrared gallery tracks .* \(0 visible q",
        ),
        (
            ["11 RGB {0} 1"],
            ["11 IR {1} 1"],
            r"infrared queries of a person with visible gallery tracks .* \(0 infrared",
        ),
        (
            ["11 IR {0} 1", "11 RGB {0} 1"],
            ["11 RGB/IR {0} 1"],
            r"gallery tracks of another camera .*no query would have a match \(1 infrared queries, 1 visible",
        ),
    ],
)
def test_lists_without_a_match_in_both_directions_are_refused(
    tree: BuptcampusTree, query: list[str], gallery: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cameras = sorted(tree_data(tree)["11"]["IR"])
    tree.write_list("query.txt", *(row.format(*cameras) for row in query))
    tree.write_list("gallery.txt", *(row.format(*cameras) for row in gallery))
    monkeypatch.setattr(pose_models, "resolve_pose_model", lambda settings, **options: StubSource())
    words = "keypoints --config campus.yaml --root data/campus --dataset campus --split test --out k.h5 --workers 0"
    assert main(words.split()) == 0
    for kind in ("edges", "graphs"):
        assert main(f"{kind} --config campus.yaml --keypoints k.h5 --out artifacts/campus/{kind}/test.h5".split()) == 0
    with pytest.raises(ValueError, match=said):
        run_evaluation()


def tree_data(tree: BuptcampusTree) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(tree.data_paths.read_text())
    return data
