"""Time and memory of ranking at HITSZ-VCM's size: 4,584 infrared × 5,099 visible tracks, 2,048 values, both ways.

python -m benchmarks.ranking [--tracks 4584 5099] [--channels 2048]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from model.retrieval.metrics import retrieval_metrics
from model.retrieval.ranking import TrackFeatures, rank_both_ways

PERSONS = 427  # of the test split
CAMERAS = 12


def random_features(tracks: int, channels: int, seed: int) -> TrackFeatures:
    """Random features around one random centre a person, so that the ranking is no pure chance."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((PERSONS, channels), np.float32)
    person = random.integers(0, PERSONS, tracks)
    features = random.standard_normal((tracks, channels), np.float32)
    features *= 8
    features += centres[person]
    return TrackFeatures(features, person, random.integers(1, CAMERAS + 1, tracks), np.arange(tracks))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, nargs=2, default=(4584, 5099), metavar=("INFRARED", "VISIBLE"))
    parser.add_argument("--channels", type=int, default=2048)
    args = parser.parse_args()
    infrared, visible = (random_features(n, args.channels, seed) for seed, n in enumerate(args.tracks, 1))
    before = time.perf_counter(), time.process_time()
    hits = rank_both_ways(infrared, visible)
    metrics = {direction: retrieval_metrics(found) for direction, found in hits.items()}
    seconds, processor = time.perf_counter() - before[0], time.process_time() - before[1]
    for direction, values in metrics.items():
        print(direction, " ".join(f"{name} {value:.4f}" for name, value in values.items()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{seconds:.2f} s, {processor:.2f} s of processor time, peak memory {peak / 1e6:.0f} MB (features included)")


if __name__ == "__main__":
    main()
