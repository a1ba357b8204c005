"""Results as text for people: the direction in words, percent, and how much a figure can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_cache.text_table import align_columns, amount, percent
from model.evaluation.results import ranked_tracks
from model.ranking import DIRECTIONS

if TYPE_CHECKING:
    from model.evaluation.results import Results

FEW_PERSONS = 20


def result_table(results: Results) -> str:
    """A heading, a row for each direction, and a warning where there are few persons."""
    provenance = results.provenance
    protocol, run, checkpoint = provenance["protocol"], provenance["config"], provenance["checkpoint"]
    clips = "the mean of all clips" if protocol["clips"] == "all" else "one clip"
    heading = (
        f"{run['name']} trained on {run['dataset']}, {checkpoint['file']};"
        f" {protocol['split']} split of {protocol['dataset']}: {amount(protocol['persons']['together'], 'person')},"
        f" {clips} of {amount(protocol['frames'], 'frame')} a track"
    )
    rows = [["direction", "queries", "gallery", *results.metrics[DIRECTIONS[0]]]]
    ranked = ranked_tracks(protocol)
    for direction in DIRECTIONS:
        counts = [f"{count:,}" for count in ranked[direction].values()]
        shares = [percent(value) for value in results.metrics[direction].values()]
        rows.append([direction.replace("_to_", " → "), *counts, *shares])
    return "\n".join([heading, *align_columns(rows), *_remarks(results)])


def _remarks(results: Results) -> list[str]:
    protocol = results.provenance["protocol"]
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
