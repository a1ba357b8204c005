"""Ranking against plain loops over sorted lists, with exact ties, dropped items and every order of the gallery."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data_cache.contract.records import Role
from model.retrieval.metrics import HitRanks, retrieval_metrics
from model.retrieval.ranking import DIRECTIONS, TrackFeatures, rank_both_ways, rank_matches

CHANNELS = 11


def tied_features(tracks: int, seed: int, persons: int = 5, cameras: int = 3) -> TrackFeatures:
    """Four channels are ±1, the others 0: cosines are exact multiples of a quarter, so many are equal."""
    random = np.random.default_rng(seed)
    features = np.zeros((tracks, CHANNELS), np.float32)
    for row in features:
        row[random.choice(CHANNELS, 4, replace=False)] = random.choice([-1, 1], 4)
    return TrackFeatures(
        features,
        random.integers(1, persons + 1, tracks),
        random.integers(1, cameras + 1, tracks),
        random.permutation(tracks * 3)[:tracks],
    )


def naive_ranks(query: TrackFeatures, gallery: TrackFeatures) -> list[list[int]]:
    """Sort the list of every query with Python's own sort; ties by track number."""
    result = []
    for feature, person, camera in zip(query.features, query.person, query.camera, strict=True):
        items = []
        for item in range(len(gallery)):
            if gallery.person[item] == person and gallery.camera[item] == camera:
                continue
            other = gallery.features[item]
            cosine = float(feature @ other) / (float(feature @ feature) * float(other @ other)) ** 0.5
            items.append((-cosine, int(gallery.track[item]), bool(gallery.person[item] == person)))
        result.append([place for place, (_, _, match) in enumerate(sorted(items), 1) if match])
    return result


def per_query(hits: HitRanks) -> list[list[int]]:
    return [part.tolist() for part in np.split(hits.rank, np.cumsum(hits.count)[:-1])]


def shuffled(features: TrackFeatures, order: NDArray[np.int64]) -> TrackFeatures:
    return TrackFeatures(
        features.features[order], features.person[order], features.camera[order], features.track[order]
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 13, 37]), st.sampled_from([1, 7, 41]))
def test_ranks_equal_a_sorted_list_with_ties(seed: int, queries: int, items: int) -> None:
    query, gallery = tied_features(queries, seed), tied_features(items, seed + 1)
    hits = rank_matches(query, gallery, queries_at_once=5)
    assert per_query(hits) == naive_ranks(query, gallery)


def naive_metrics(query: TrackFeatures, gallery: TrackFeatures) -> dict[str, float]:
    """The protocol item by item: same person and camera dropped, ties by track number, queries without a match out."""
    found: dict[str, list[float]] = {name: [] for name in ("rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP")}
    for feature, person, camera in zip(query.features, query.person, query.camera, strict=True):
        kept = [i for i in range(len(gallery)) if (gallery.person[i], gallery.camera[i]) != (person, camera)]
        kept.sort(key=lambda i: (-round(4 * float(feature @ gallery.features[i])), gallery.track[i]))
        match = [bool(gallery.person[i] == person) for i in kept]
        if not any(match):
            continue
        for rank in (1, 5, 10, 20):
            found[f"rank-{rank}"].append(float(any(match[:rank])))
        places = [place for place, hit in enumerate(match, 1) if hit]
        found["mAP"].append(sum(sum(match[:place]) / place for place in places) / len(places))
        found["mINP"].append(len(places) / places[-1])
    return {name: sum(values) / len(values) for name, values in found.items()}


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_all_metrics_equal_a_loop_over_the_tracks_with_ties_and_dropped_items(seed: int) -> None:
    query, gallery = tied_features(43, seed, persons=7), tied_features(61, seed + 10, persons=5)
    pairs = query.features @ gallery.features.T
    assert len(np.unique(pairs)) < 10  # many ties
    same = query.person[:, None] == gallery.person
    assert (same & (query.camera[:, None] == gallery.camera)).any()  # some are dropped
    assert not same.any(axis=1).all()  # some queries have nobody to find
    got, expected = retrieval_metrics(rank_matches(query, gallery)), naive_metrics(query, gallery)
    assert got == pytest.approx(expected, rel=1e-12)
    assert list(got) == list(expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_the_order_of_the_gallery_and_the_chunks_do_not_matter(seed: int, queries_at_once: int) -> None:
    query, gallery = tied_features(23, seed), tied_features(31, seed + 1)
    order = np.random.default_rng(seed).permutation(31)
    expected = rank_matches(query, gallery)
    found = rank_matches(query, shuffled(gallery, order), queries_at_once)
    np.testing.assert_array_equal(found.rank, expected.rank)
    np.testing.assert_array_equal(found.count, expected.count)


def test_rounding_does_not_follow_the_order_of_the_gallery() -> None:
    """Equal features everywhere: a product's last bits may depend on the column, the result may not."""
    random = np.random.default_rng(3)
    person, track = random.integers(0, 7, 101), np.arange(101)
    same = np.tile(random.standard_normal((1, 1031), np.float32), (101, 1))
    features = TrackFeatures(same, person, np.zeros(101, np.int64), track)
    query = TrackFeatures(same[:13], person[:13], np.ones(13, np.int64), track[:13])
    expected = rank_matches(query, features)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(101)
        np.testing.assert_array_equal(rank_matches(query, shuffled(features, order)).rank, expected.rank)


def test_only_person_and_camera_together_drop_an_item() -> None:
    def features(angles: list[float], person: list[int], camera: list[int]) -> TrackFeatures:
        values = np.array([np.cos(angles), np.sin(angles)], np.float32).T
        return TrackFeatures(values, np.array(person), np.array(camera), np.arange(len(angles)))

    query = features([0.0], [7], [2])
    # Nearest first: own person and camera (dropped), another person in that camera, own person in another camera.
    gallery = features([0.1, 0.2, 0.3, 0.4], [7, 5, 7, 3], [2, 2, 3, 3])
    assert per_query(rank_matches(query, gallery)) == [[2]]


def test_directions_are_named_after_their_queries() -> None:
    infrared, visible = tied_features(13, 1), tied_features(29, 2)
    both = rank_both_ways(infrared, visible)
    assert tuple(both) == DIRECTIONS == ("infrared_to_visible", "visible_to_infrared")
    assert len(both["infrared_to_visible"].count) == 13
    assert per_query(both["infrared_to_visible"]) == naive_ranks(infrared, visible)
    assert per_query(both["visible_to_infrared"]) == naive_ranks(visible, infrared)
    assert retrieval_metrics(both["infrared_to_visible"]) != retrieval_metrics(both["visible_to_infrared"])


def with_roles(features: TrackFeatures, seed: int) -> TrackFeatures:
    return replace(features, role=np.random.default_rng(seed).integers(0, 3, len(features)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_roles_decide_who_is_searched_for_and_among_whom(seed: int) -> None:
    """Item by item: a query of one list against the gallery of the other, as lists of queries and gallery say."""
    infrared, visible = (with_roles(tied_features(count, seed + count), seed + 7 * count) for count in (29, 43))
    both = rank_both_ways(infrared, visible)
    for name, searched, among in (
        ("infrared_to_visible", infrared, visible),
        ("visible_to_infrared", visible, infrared),
    ):
        expected = []
        for q in range(len(searched)):
            if Role(int(searched.role[q])) not in (Role.BOTH, Role.QUERY):
                continue
            items = []
            for g in range(len(among)):
                same = among.person[g] == searched.person[q]
                if among.role[g] == Role.QUERY or (same and among.camera[g] == searched.camera[q]):
                    continue
                cosine = round(4 * float(searched.features[q] @ among.features[g]))
                items.append((-cosine, int(among.track[g]), bool(same)))
            expected.append([place for place, (_, _, match) in enumerate(sorted(items), 1) if match])
        assert per_query(both[name]) == expected


def test_a_side_without_queries_is_refused() -> None:
    infrared, visible = tied_features(5, 1), tied_features(7, 2)
    with pytest.raises(ValueError, match="expected float32 of shape"):
        rank_both_ways(replace(infrared, role=np.full(5, Role.GALLERY)), visible)
    with pytest.raises(ValueError, match=r"role: expected 0 \(both\), 1 \(query\) or 2 \(gallery\), got 3"):
        replace(infrared, role=np.full(5, 3))


def test_length_of_features_does_not_matter() -> None:
    query, gallery = tied_features(13, 5), tied_features(17, 6)
    longer = TrackFeatures(gallery.features * np.float32(64), gallery.person, gallery.camera, gallery.track)
    np.testing.assert_array_equal(rank_matches(query, longer).rank, rank_matches(query, gallery).rank)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_features_of_a_diverged_network_are_refused(value: float) -> None:
    good = tied_features(3, 0)
    features = good.features.copy()
    features[1] = value
    with pytest.raises(ValueError, match=f"for track {good.track[1]} and 0 more; the network has diverged"):
        TrackFeatures(features, good.person, good.camera, good.track)


def test_wrong_shapes_are_refused() -> None:
    good = tied_features(3, 0)
    with pytest.raises(ValueError, match=r"features: expected float32 of shape .* got float64"):
        TrackFeatures(good.features.astype(np.float64), good.person, good.camera, good.track)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="camera: expected 3 integers"):
        TrackFeatures(good.features, good.person, good.camera[:2], good.track)
    with pytest.raises(ValueError, match="every track once"):
        TrackFeatures(good.features, good.person, good.camera, np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="as many channels for query and gallery, got 7 and 11"):
        rank_matches(TrackFeatures(good.features[:, :7] + 1, good.person, good.camera, good.track), good)
