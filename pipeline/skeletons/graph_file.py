"""From a keypoints file to a graphs file: nodes, what is seen, and the edges that all frames share, streamed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line.digests import code_digest
from data_cache.contract.reader import open_cache
from data_cache.contract.skeleton import PARTS, part_mask
from data_cache.contract.verified_content import verified_origin
from data_cache.contract.writer import CacheWriter
from data_cache.files.output_lock import lock_output
from pipeline.skeletons.graphs import GRAPHS_CODE, graph_nodes, spatial_edges
from pipeline.skeletons.seen_keypoints import check_output, read_seen_keypoints

if TYPE_CHECKING:
    from collections.abc import Mapping

# Frames worked on at a time: some 3 MB.
ROWS = 4096


def graph_recipe(min_score: float, keypoints: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that determines the content: code version, setting, and the recipe of the keypoints."""
    return {"code": GRAPHS_CODE, "min_score": min_score, "keypoints": dict(keypoints)}


def write_graphs(keypoints: Path, out: Path, min_score: float) -> int:
    """Write the skeleton graphs of all frames of the file `keypoints` to `out`; returns the number of frames.

    The same frames, tracks and status as in `keypoints`, in the same order. A joint is seen if its frame's status
    is ok and its score at least `min_score`. Memory for arrays does not grow with the number of frames. `out`
    appears under its name only when it is complete.
    Raises FileNotFoundError or ValueError if `keypoints` is missing or not an intact keypoints file, ValueError
    while another run writes `out`, and OSError if `out` cannot be written.
    """
    check_output(keypoints, out)
    code = code_digest((graph_nodes.__module__, read_seen_keypoints.__module__))
    with lock_output(out), open_cache(keypoints, "keypoints") as source:
        made_of = {"keypoints": verified_origin(source)}
        recipe = graph_recipe(min_score, source.recipe)
        index, status = source.index(), source.status
        with CacheWriter(out, "graphs", index, recipe, status=status, code=code, sources=made_of) as writer:
            writer.put("/graph/spatial_edges", spatial_edges())
            writer.put("/graph/parts", part_mask())
            writer.put("/graph/part_names", list(PARTS))
            for rows in read_seen_keypoints(source, min_score, ROWS):
                nodes = graph_nodes(rows.keypoints, rows.score, rows.seen, rows.height)
                writer.append({"/frames/nodes": nodes, "/frames/seen": rows.seen})
        return source.frames
