"""On which scale a cache's edges and nodes are before they are standardised: why the network does not read them raw.

python -m benchmarks.skeleton_scale --edges FILE --graphs FILE      default: the sample's training split
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from command_line.text_table import align_columns
from data_cache.contract.reader import open_cache
from data_cache.contract.records import Tracks
from model.clips.skeletons.skeleton_inputs import PAIRS
from model.network.skeleton_scale import NODE_SCALE


def edge_deviations(edges: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of distance and angle (2,): the root of the mean variance of the 136 pairs, each over its seen frames.

    edges: (frame, joint, other_joint, [distance, angle]); seen: (frame, joint)
    """
    pairs = seen[:, PAIRS[0]] & seen[:, PAIRS[1]]
    values = np.where(pairs[..., None], edges[:, PAIRS[0], PAIRS[1]].astype(np.float64), np.nan)
    deviations: NDArray[np.float64] = np.sqrt(np.nanmean(np.nanvar(values, axis=0), axis=0))
    return deviations


def node_deviations(nodes: NDArray[np.float32], seen: NDArray[np.bool_], tracks: Tracks) -> NDArray[np.float64]:
    """Of x and y (2,), crop heights: of the seen joints of every track about their centre; nodes (frame, joint, 3)."""
    apart = []
    for start, stop in zip(tracks.start, tracks.stop, strict=True):
        places = nodes[start:stop, :, :2][seen[start:stop]].astype(np.float64)
        if len(places):
            apart.append(places - places.mean(axis=0))
    deviations: NDArray[np.float64] = np.concatenate(apart).std(axis=0)
    return deviations


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in ("edges", "graphs"):
        parser.add_argument(f"--{kind}", type=Path, default=Path(f"artifacts/sample/{kind}/train.h5"))
    args = parser.parse_args()
    with open_cache(args.edges, "edges") as edges, open_cache(args.graphs, "graphs") as graphs:
        seen = graphs.read("seen", 0, graphs.frames).astype(np.bool_)
        distance, angle = edge_deviations(edges.read("edges", 0, edges.frames), seen)
        across, down = node_deviations(graphs.read("nodes", 0, graphs.frames), seen, graphs.tracks)
    rows = [
        ["distance, crop heights", f"{distance:.3f}", ""],
        ["angle, radians", f"{angle:.3f}", f"{100 * angle**2 / (angle**2 + distance**2):.2f} % of both variances"],
        ["x of nodes, crop heights", f"{across:.3f}", f"{across * NODE_SCALE[0]:.2f} as the network reads it"],
        ["y of nodes, crop heights", f"{down:.3f}", f"{down * NODE_SCALE[1]:.2f} as the network reads it"],
    ]
    print("\n".join(align_columns(rows, left=1)))


if __name__ == "__main__":
    main()
