"""A gallery with distractors and junk, from the text files to the figures, against the protocol of Market-1501."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from data_cache.contract.records import Modality
from model.evaluation.results import track_counts
from model.retrieval.metrics import retrieval_metrics
from model.retrieval.ranking import DIRECTIONS, TrackFeatures, rank_both_ways
from pipeline.datasets.split_index import read_split
from tests.pipeline.datasets.trees import INFRARED, VISIBLE, Row, build_tree

CHANNELS, TRACKS = 11, 71


def random_rows(seed: int) -> list[Row]:
    """Tracks of a frame each, of 5 persons, junk and distractors, by 3 cameras, in both modalities."""
    random = np.random.default_rng(seed)
    modality = random.choice([INFRARED, VISIBLE], TRACKS)
    person = random.choice([-1, -1, 0, 0, 3, 5, 7, 11, 13], TRACKS)
    camera = random.integers(1, 4, TRACKS)
    return [Row(*values, 1) for values in zip(modality.tolist(), person.tolist(), camera.tolist(), strict=True)]


def tied_features(seed: int) -> NDArray[np.float32]:
    """(track, channel): four channels are ±1, the others 0, so many cosines are equal, to the bit."""
    random = np.random.default_rng(seed)
    features = np.zeros((TRACKS, CHANNELS), np.float32)
    for row in features:
        row[random.choice(CHANNELS, 4, replace=False)] = random.choice([-1, 1], 4)
    return features


def naive_figures(rows: list[Row], features: NDArray[np.float32], modality: int) -> tuple[dict[str, float], int]:
    """Market-1501's evaluation item by item for the queries of a modality, and how many wrong items were distractors.

    Junk, and the query's own person in its own camera, are passed over: neither right nor wrong. A distractor is wrong.
    """
    figures: dict[str, list[float]] = {"rank-1": [], "rank-5": [], "mAP": [], "mINP": []}
    distractors = 0
    for query, row in enumerate(rows):
        if row.modality != modality or row.person in (-1, 0):
            continue
        order = [item for item, other in enumerate(rows) if other.modality != modality]
        order.sort(key=lambda item: (-float(features[query] @ features[item]), item))
        right: list[bool] = []
        for item in order:
            other = rows[item]
            if other.person == -1 or (other.person, other.camera) == (row.person, row.camera):
                continue
            right.append(other.person == row.person)
            distractors += other.person == 0
        if not any(right):
            continue
        places = [place for place, found in enumerate(right, 1) if found]
        figures["rank-1"].append(float(right[0]))
        figures["rank-5"].append(float(any(right[:5])))
        figures["mAP"].append(sum(number / place for number, place in enumerate(places, 1)) / len(places))
        figures["mINP"].append(len(places) / places[-1])
    return {name: sum(values) / len(values) for name, values in figures.items()}, distractors


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_figures_equal_the_protocol_of_market_1501(tmp_path: Path, seed: int) -> None:
    rows, features = random_rows(seed), tied_features(seed + 7)
    index = read_split(build_tree(tmp_path / "tree", test=rows).root, "x", "test")
    tracks = index.tracks
    kept = features[[row.person != -1 for row in rows]]
    assert len(tracks) == len(kept) < TRACKS
    number = np.arange(len(tracks))
    sides = [
        TrackFeatures(kept[chosen], tracks.person[chosen], tracks.camera[chosen], number[chosen], tracks.role[chosen])
        for chosen in (tracks.modality == int(modality) for modality in (Modality.INFRARED, Modality.VISIBLE))
    ]
    hits = rank_both_ways(*sides)
    counted = track_counts(*sides)["persons"]
    assert counted["together"] == len({row.person for row in rows if row.person > 0})
    assert counted["visible"] == len({row.person for row in rows if row.person > 0 and row.modality == VISIBLE})
    for direction, modality in zip(DIRECTIONS, (INFRARED, VISIBLE), strict=True):
        expected, distractors = naive_figures(rows, features, modality)
        found = retrieval_metrics(hits[direction])
        assert distractors > 100
        assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
        assert len(hits[direction].count) == sum(row.modality == modality and row.person > 0 for row in rows)


def test_distractors_count_and_junk_does_not(tmp_path: Path) -> None:
    """One query, its match, and before it either junk or a distractor: 1 or a half."""
    for person, figure in ((-1, 1.0), (0, 0.5)):
        rows = [Row(INFRARED, 3, 1, 1), Row(VISIBLE, person, 2, 1), Row(VISIBLE, 3, 2, 1)]
        tracks = read_split(build_tree(tmp_path / f"tree{person}", test=rows).root, "x", "test").tracks
        features = np.array([[5, 0], [5, 0], [5, 1]], np.float32)[[row.person != -1 for row in rows]]
        number = np.arange(len(tracks))
        infrared, visible = (
            TrackFeatures(features[own], tracks.person[own], tracks.camera[own], number[own], tracks.role[own])
            for own in (tracks.modality == INFRARED, tracks.modality == VISIBLE)
        )
        first, _ = DIRECTIONS
        assert retrieval_metrics(rank_both_ways(infrared, visible)[first])["mAP"] == figure
