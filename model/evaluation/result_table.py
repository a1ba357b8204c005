"""Results as text for people: the direction in words, percent, and how much a figure can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from command_line.text_table import align_columns, amount, percent
from model.evaluation.clip_lengths import FIGURES
from model.evaluation.results import ranked_tracks
from model.retrieval.ranking import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model.evaluation.clip_lengths import ClipLengths
    from model.evaluation.results import Results

FEW_PERSONS = 20


def result_table(results: Results) -> str:
    """A heading, a row for each direction, and a warning where there are few persons."""
    protocol = results.provenance["protocol"]
    heading = _heading(results.provenance, amount(protocol["frames"], "frame"))
    rows = [["direction", "queries", "gallery", *results.metrics[DIRECTIONS[0]]]]
    ranked = ranked_tracks(protocol)
    for direction in DIRECTIONS:
        counts = [f"{count:,}" for count in ranked[direction].values()]
        shares = [percent(value) for value in results.metrics[direction].values()]
        rows.append([direction.replace("_to_", " → "), *counts, *shares])
    return "\n".join([heading, *align_columns(rows), *_remarks(protocol)])


def clip_length_table(found: ClipLengths) -> str:
    """A heading, a row for each T with rank-1 and mAP of both directions, and the same warning."""
    provenance = found.provenance
    trained = provenance["config"]["model"]["frames"]
    named = [f"{direction.replace('_to_', ' → ')} {name}" for direction in DIRECTIONS for name in FIGURES]
    rows = [["frames", *named]]
    for length in found.lengths:
        shares = [percent(length.metrics[direction][name]) for direction in DIRECTIONS for name in FIGURES]
        rows.append([f"{length.frames} (trained)" if length.frames == trained else str(length.frames), *shares])
    lines = [_heading(provenance, "each length"), *align_columns(rows), *_remarks(provenance["protocol"])]
    return "\n".join(lines)


def _heading(provenance: Mapping[str, Any], length: str) -> str:
    protocol, run, checkpoint = provenance["protocol"], provenance["config"], provenance["checkpoint"]
    clips = "the mean of all clips" if protocol["clips"] == "all" else "one clip"
    return (
        f"{run['name']} trained on {run['dataset']}, {checkpoint['file']};"
        f" {protocol['split']} split of {protocol['dataset']}: {amount(protocol['persons']['together'], 'person')},"
        f" {clips} of {length} a track"
    )


def _remarks(protocol: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{direction.replace('_to_', ' → ')}: {count:,} of the queries without a match in the gallery, not counted"
        for direction, count in protocol["queries_without_match"].items()
        if count
    ]
    persons, ranked = protocol["persons"]["together"], ranked_tracks(protocol)
    if persons < FEW_PERSONS:
        counted = [ranked[d]["queries"] - protocol["queries_without_match"][d] for d in DIRECTIONS]
        lines.append(
            f"warning: only {amount(persons, 'person')} and {counted[0]} + {counted[1]} queries: one query more or less"
            f" moves rank-1 by {percent(1 / min(counted))}, so ranks jump in large steps; compare nothing by them"
        )
    return lines
