"""What must hold in the rows of a cache file, beyond its layout: pure functions from arrays to rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.records import Modality, Role, Status, enumerate_names
from data_cache.verification.problems import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from enum import IntEnum

    from numpy.typing import NDArray

    from data_cache.contract.records import SplitIndex
    from data_cache.contract.schema import ArraySpec

Arrays = dict[str, "NDArray[Any]"]

# Rounding of float32 near 1 and near π.
SLACK = 1e-5
# MMPose lets joints lie a quarter of the padded box outside the frame, which is less than half the longer side.
FRAME_MARGIN = 0.5
# In crop heights: a crop three times as wide as high is no pedestrian.
SANE_HEIGHTS = 3.0

SCORE_DIMS = ("frame", "joint")
EDGE_DIMS = ("frame", "joint", "other_joint")


def blank_rules(spec: ArraySpec, values: NDArray[Any], status: NDArray[np.uint8]) -> Iterator[Rule]:
    """Frames with status ok hold finite values, all others nothing but the array's blank (NaN, 0 or false)."""
    ok = _spread(status == Status.OK, values)
    if values.dtype.kind == "f":
        yield Rule(spec.name, "finite values where status is ok", values, ok & ~np.isfinite(values), spec.dims)
    if spec.blank is not None:
        blank = np.isnan(values) if np.isnan(spec.blank) else values == spec.blank
        name = "NaN" if np.isnan(spec.blank) else f"{spec.blank:g}"
        yield Rule(spec.name, f"{name} where status is not ok", values, ~ok & ~blank, spec.dims)


def status_rule(status: NDArray[np.uint8]) -> Rule:
    """A status is one of the three."""
    return _member_rule("/frames/status", Status, status, "frame")


def track_rules(columns: Arrays, frames: int) -> Iterator[Rule]:
    """The columns (track,) of /tracks hold numbers of a data set and ranges of rows of so many `frames`."""
    for name in ("person", "camera"):
        yield Rule(f"/tracks/{name}", "a number of 0 or more", columns[name], columns[name] < 0, ("track",))
    yield _member_rule("/tracks/modality", Modality, columns["modality"], "track")
    if "role" in columns:  # files of version 1 have none
        yield _member_rule("/tracks/role", Role, columns["role"], "track")
    ranges = np.stack([columns["start"], columns["stop"]], axis=1)
    wrong = (ranges[:, 0] < 0) | (ranges[:, 0] >= ranges[:, 1]) | (ranges[:, 1] > frames)
    yield Rule("/tracks/start, stop", f"0 <= start < stop <= {frames}", ranges, wrong, ("track", "range"))


def _member_rule(name: str, members: type[IntEnum], values: NDArray[Any], axis: str) -> Rule:
    wrong = ~np.isin(values, [int(member) for member in members])
    return Rule(name, enumerate_names(members), values, wrong, (axis,))


def index_rules(index: SplitIndex, track: NDArray[np.int32]) -> Iterator[Rule]:
    """`track` (frame,) int32, as stored, says what the ranges of the tracks say."""
    expected = "the row of /tracks whose start…stop holds the frame, -1 without one"
    yield Rule("/frames/track", expected, track, track != index.track, ("frame",))
    # HITSZ-VCM's rows tile the name file from its start; only names after the last row belong to none.
    gap = (index.track < 0) & (np.arange(len(track)) < index.tracks.stop.max(initial=0))
    expected = "no frame without a track before the last track ends"
    yield Rule("/frames/track", expected, index.track, gap, ("frame",), "warning")


def keypoint_rules(arrays: Arrays, status: NDArray[np.uint8], _: Mapping[str, Any]) -> Iterator[Rule]:
    """Scores in 0…1, frames with a size, joints not far outside of their frame (a warning)."""
    score, size, keypoints = arrays["score"], arrays["size"], arrays["keypoints"]
    yield Rule("/frames/score", "0…1", score, (score < -SLACK) | (score > 1 + SLACK), SCORE_DIMS)
    ok = _spread(status == Status.OK, size)
    yield Rule("/frames/size", "height and width > 0 where status is ok", size, ok & (size <= 0), ("frame", "extent"))
    side = np.maximum(size.max(axis=1), 1)[:, None, None]
    outside = (keypoints < -FRAME_MARGIN * side) | (keypoints > size[:, None, ::-1] + FRAME_MARGIN * side)
    yield Rule(
        "/frames/keypoints",
        "at most half the frame's longer side outside of the frame",
        keypoints,
        outside,
        ("frame", "joint", "xy"),
        "warning",
    )


def edge_rules(arrays: Arrays, _: NDArray[np.uint8], recipe: Mapping[str, Any]) -> Iterator[Rule]:
    """Distances are a symmetric, hollow matrix; angles lie in their range and point along one line both ways."""
    distance, angle = arrays["edges"][..., 0], arrays["edges"][..., 1]
    bound, name = (np.pi, "-π…π") if recipe.get("angle") == "atan2" else (np.pi / 2, "-π/2…π/2")

    def rule(expected: str, values: NDArray[Any], wrong: NDArray[np.bool_]) -> Rule:
        return Rule("/frames/edges", expected, values, wrong, EDGE_DIMS)

    yield rule("distances >= 0", distance, distance < 0)
    yield rule("distances symmetric in the two joints", distance, _differ(distance, distance.swapaxes(1, 2)))
    diagonal = np.broadcast_to(np.eye(distance.shape[1], dtype=np.bool_), distance.shape)
    yield rule("distance 0 from a joint to itself", distance, diagonal & (distance != 0))
    yield rule(f"angles in {name}", angle, np.abs(angle) > bound + SLACK)
    yield rule("angle 0 where the distance is 0", angle, (distance == 0) & (angle != 0))
    # From j to i is the same line as from i to j: equal angles, or half a turn apart.
    turned = np.abs(np.sin(angle.astype(np.float64) - angle.swapaxes(1, 2))) > 10 * SLACK
    yield rule("angles of a pair along one line", angle, turned)
    if recipe.get("normalize") == "height":
        expected = f"distances up to {SANE_HEIGHTS:g} crop heights"
        yield Rule("/frames/edges", expected, distance, distance > SANE_HEIGHTS, EDGE_DIMS, "warning")


def graph_rules(arrays: Arrays, _: NDArray[np.uint8], recipe: Mapping[str, Any]) -> Iterator[Rule]:
    """Unseen nodes are zero; seen ones have a score from the recipe's min_score to 1 and lie near their frame."""
    nodes, seen = arrays["nodes"], arrays["seen"]
    score, dims = nodes[:, :, 2], ("frame", "joint", "feature")
    yield Rule("/frames/nodes", "0, 0, 0 where the joint is not seen", nodes, ~seen[:, :, None] & (nodes != 0), dims)
    least = _number(recipe.get("min_score"))
    low = seen & ((score < np.float32(least)) | (score > 1 + SLACK))
    yield Rule("/frames/nodes", f"scores in {least:g}…1 where the joint is seen", score, low, SCORE_DIMS)
    far = np.abs(nodes[:, :, :2]) > SANE_HEIGHTS
    expected = f"x and y within {SANE_HEIGHTS:g} crop heights"
    yield Rule("/frames/nodes", expected, nodes[:, :, :2], far, dims, "warning")


def _spread(rows: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[np.bool_]:
    shape = (len(rows), *[1] * (values.ndim - 1))
    return np.broadcast_to(rows.reshape(shape), values.shape)


def _differ(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    wrong: NDArray[np.bool_] = ~np.isclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
    return wrong


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


ROW_RULES: Mapping[str, Callable[[Arrays, NDArray[np.uint8], Mapping[str, Any]], Iterator[Rule]]] = {
    "keypoints": keypoint_rules,
    "edges": edge_rules,
    "graphs": graph_rules,
}
