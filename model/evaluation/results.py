"""The outcome of an evaluation as a value: both directions' figures and where they come from, as in metrics.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from command_line.json_data import MAX_WHOLE, read_json
from data_cache.contract.records import Role, count_persons
from model.retrieval.metrics import retrieval_metrics
from model.retrieval.ranking import DIRECTIONS, features_digest, rank_both_ways
from model.run.origin import RESULT_ROOMS, code_origin, data_origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from model.evaluation.chosen_checkpoint import ChosenCheckpoint
    from model.evaluation.protocol import Protocol
    from model.evaluation.protocol_tracks import ProtocolTracks
    from model.retrieval.ranking import TrackFeatures

MAX_BYTES = 1 << 22  # of a metrics.json, which takes some 10 KiB
# What a table shows of the provenance.
_SHOWN = {
    "config": ("name", "dataset"),
    "checkpoint": ("file",),
    "protocol": ("split", "dataset", "persons", "tracks", "clips", "frames", "queries_without_match"),
}


@dataclass(frozen=True)
class Results:
    """What was measured.

    metrics:    direction → `rank-1`, `rank-5`, `rank-10`, `rank-20`, `mAP`, `mINP` → a fraction
    provenance: `config` (that the checkpoint was trained with), `checkpoint`, `recipes` and `origin`
                (`model.run.origin`) of what was evaluated, `features` (digest of those ranked), `protocol`
    """

    metrics: dict[str, dict[str, float]]
    provenance: dict[str, Any]

    def to_json(self) -> bytes:
        """The contents of metrics.json: plain JSON, no NaN, the same for the same results."""
        text = json.dumps(
            {**self.metrics, "provenance": self.provenance}, indent=2, ensure_ascii=False, allow_nan=False
        )
        return f"{text}\n".encode()


def read_results(path: Path) -> Results:
    """Read a metrics.json. Raises FileNotFoundError; ValueError for what is not one, naming what is missing."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; star evaluate writes it")
    try:
        content = read_json(path, MAX_BYTES)
        metrics = {name: read_shares(content[name], name) for name in DIRECTIONS}
        provenance = content["provenance"]
        for part, keys in _SHOWN.items():
            for key in keys:
                provenance[part][key]
        check_counts(provenance["protocol"])
        check_whole("frames", provenance["protocol"]["frames"], 1)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no key {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ValueError(
            f"{path}: expected the metrics.json of an evaluation, got something else ({reason});"
            " star evaluate writes it anew"
        ) from None
    return Results(metrics, provenance)


def read_shares(figures: Mapping[str, Any], direction: str) -> dict[str, float]:
    """The figures of one direction. Raises ValueError for one that is no number in 0…1."""
    for name, value in figures.items():
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise ValueError(f"{direction}: {name}: expected a fraction in 0…1, got {value!r:.40}")
    return {name: float(value) for name, value in figures.items()}


def check_counts(protocol: Mapping[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError where a count of a provenance's protocol is none, or contradicts others.

    Every one is whole and 0 or more; both modalities' persons and tracks hold those ranked.
    """
    ranked, without = ranked_tracks(protocol), protocol["queries_without_match"]
    tracks, persons = protocol["tracks"], protocol["persons"]
    for name, counts in (("tracks", tracks), ("persons", persons), ("queries_without_match", without)):
        for key, count in counts.items():
            check_whole(f"{name}.{key}", count)
    for name in persons.keys() & tracks.keys():
        check_whole(f"persons.{name}", persons[name], 0, tracks[name])
    check_whole("persons.together", persons["together"], 0, sum(tracks.values()))
    for direction in DIRECTIONS:
        query, gallery = direction.split("_to_")
        check_whole(f"{direction}: queries", ranked[direction]["queries"], 1, tracks[query])
        check_whole(f"{direction}: gallery", ranked[direction]["gallery"], 1, tracks[gallery])
        check_whole(f"queries_without_match.{direction}", without[direction], 0, ranked[direction]["queries"] - 1)


def check_whole(name: str, value: object, least: int = 0, most: int = MAX_WHOLE) -> None:
    """Raise ValueError unless `value` is a whole number in `least`…`most`."""
    if type(value) is not int or not least <= value <= most:
        expected = f"of {least} or more" if most == MAX_WHOLE else f"in {least}…{most}"
        raise ValueError(f"{name}: expected a whole number {expected}, got {value!r:.40}")


def ranked_tracks(protocol: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """How many `queries` and how many tracks in the `gallery` each direction has, by `DIRECTIONS`.

    protocol: that of the provenance. Where every track is both it holds only the `tracks` of each modality.
    Raises KeyError, TypeError or ValueError for what is no protocol.
    """
    found = {}
    for direction in DIRECTIONS:
        query, gallery = direction.split("_to_")
        counts = protocol["ranked"][direction] if "ranked" in protocol else None
        counts = counts or {"queries": protocol["tracks"][query], "gallery": protocol["tracks"][gallery]}
        found[direction] = {name: counts[name] for name in ("queries", "gallery")}
        for name, count in found[direction].items():
            check_whole(f"{direction}: {name}", count)
    return found


def rank_features(
    infrared: TrackFeatures,
    visible: TrackFeatures,
    tracks: ProtocolTracks,
    protocol: Protocol,
    chosen: ChosenCheckpoint,
) -> Results:
    """Rank both ways, and say what was ranked. Raises ValueError where no query has a match."""
    hits = rank_both_ways(infrared, visible)
    described = {
        "label": protocol.label(chosen.trained),
        **protocol.described(),
        **track_counts(infrared, visible),
        "queries_without_match": {name: int(np.sum(hits[name].count == 0)) for name in DIRECTIONS},
        "left_out_of_the_cached_split": asdict(tracks.infrared.left_out),
    }
    provenance = {
        "config": asdict(chosen.trained),
        "checkpoint": {
            "file": chosen.path.name,
            "sha256": chosen.sha256,
            "position": chosen.checkpoint.facts.get("position"),
            "origin": chosen.checkpoint.facts.get("origin"),
        },
        "origin": {**data_origin(tracks.split), "code": code_origin(RESULT_ROOMS)},
        "features": features_digest(infrared, visible),
        "recipes": tracks.split.recipes,
        "protocol": described,
    }
    return Results({name: retrieval_metrics(hits[name]) for name in DIRECTIONS}, provenance)


def track_counts(infrared: TrackFeatures, visible: TrackFeatures) -> dict[str, Any]:
    """What a protocol says of the tracks that are ranked: `tracks`, `persons` and, where roles differ, `ranked`."""
    sides = {"infrared": infrared, "visible": visible}
    persons = {name: count_persons(side.person, side.role) for name, side in sides.items()}
    both = count_persons(
        *(np.concatenate([getattr(side, key) for side in sides.values()]) for key in ("person", "role"))
    )
    counts = {"tracks": {name: len(side) for name, side in sides.items()}, "persons": {**persons, "together": both}}
    if all((side.role == Role.BOTH).all() for side in sides.values()):
        return counts
    ranked = {}
    for direction in DIRECTIONS:
        query, gallery = (sides[name] for name in direction.split("_to_"))
        ranked[direction] = {"queries": len(query.queries()), "gallery": len(gallery.gallery())}
    return {**counts, "ranked": ranked}
