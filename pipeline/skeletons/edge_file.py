"""From a keypoints file to an edges file: distance and angle of every pair of joints, streamed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line.digests import code_digest
from data_cache.contract.reader import open_cache
from data_cache.contract.verified_content import verified_origin
from data_cache.contract.writer import CacheWriter
from data_cache.files.output_lock import lock_output
from pipeline.skeletons.edges import EDGES_CODE, pairwise_edges
from pipeline.skeletons.seen_keypoints import check_output, read_seen_keypoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import EdgeSettings

# Frames worked on at a time: the arrays over all pairs that are alive together take some 30 MB.
ROWS = 1024


def edge_recipe(settings: EdgeSettings, min_score: float, keypoints: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that determines the content: code version, settings, and the recipe of the keypoints."""
    return {
        "code": EDGES_CODE,
        "angle": settings.angle,
        "normalize": settings.normalize,
        "min_score": min_score,
        "keypoints": dict(keypoints),
    }


def write_edges(keypoints: Path, out: Path, settings: EdgeSettings, min_score: float) -> int:
    """Write the edges of all frames of the file `keypoints` to `out`; returns the number of frames.

    The same frames, tracks and status as in `keypoints`, in the same order. A joint is seen if its frame's status
    is ok and its score at least `min_score`. Memory for arrays does not grow with the number of frames. `out`
    appears under its name only when it is complete.
    Raises FileNotFoundError or ValueError if `keypoints` is missing or not an intact keypoints file, ValueError
    while another run writes `out`, and OSError if `out` cannot be written.
    """
    check_output(keypoints, out)
    code = code_digest((pairwise_edges.__module__, read_seen_keypoints.__module__))
    with lock_output(out), open_cache(keypoints, "keypoints") as source:
        made_of = {"keypoints": verified_origin(source)}
        recipe = edge_recipe(settings, min_score, source.recipe)
        index, status = source.index(), source.status
        with CacheWriter(out, "edges", index, recipe, status=status, code=code, sources=made_of) as writer:
            for rows in read_seen_keypoints(source, min_score, ROWS):
                edges = pairwise_edges(rows.keypoints, rows.seen, rows.height, settings.angle, settings.normalize)
                writer.append({"/frames/edges": edges})
        return source.frames
