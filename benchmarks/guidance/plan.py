"""Which runs the experiment has, the most telling first."""

from __future__ import annotations

from itertools import product

from benchmarks.guidance.measured_runs import PlannedRun
from benchmarks.guidance.walkers import HIDDEN

VARIANTS = ("baseline", "frame", "sequence", "full")
SEEDS = (0, 1, 2)
BY_PART = ("model.pool_parts=true",)
RAW = ("model.standardize_edges=false", "model.standardize_nodes=false")

# Each of the settings that the network has for its skeletons, by itself: variant, what it is compared on, settings.
ABLATION: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("full", RAW),
    ("full", ("model.standardize_edges=false",)),
    ("full", ("model.standardize_nodes=false",)),
    ("full", ("model.seen_flags=true",)),
    ("full", ("model.fill_gaps=track",)),
    ("full", ("model.kl_trains=graph",)),
    ("frame", ("model.standardize_edges=false",)),
    ("frame", ("model.seen_flags=true",)),
    ("frame", ("model.fill_gaps=track",)),
    ("sequence", ("model.standardize_nodes=false",)),
    ("sequence", ("model.pool_parts=true", "model.part_width=0.5")),
    ("sequence", ("model.pool_parts=true", "model.part_width=2")),
)


def planned_runs(seeds: tuple[int, ...] = SEEDS) -> list[PlannedRun]:
    """All runs: of one seed the comparison and the ablation, then of the next."""
    runs = []
    for seed in seeds:
        runs += [PlannedRun(v, seed, swapped=v != "baseline") for v in VARIANTS]
        runs += [PlannedRun(v, seed, settings=BY_PART) for v in ("sequence", "full")]
        runs += [PlannedRun(v, seed, hidden) for hidden, v in product(HIDDEN[1:], VARIANTS)]
        runs += [PlannedRun("sequence", seed, control="constant nodes")]
        runs += [PlannedRun("edges", seed, settings=s) for s in ((), ("model.standardize_edges=false",))]
        runs += [PlannedRun("edges", seed, control="distances only"), PlannedRun("edges", seed, "known")]
        runs += [PlannedRun(v, seed, settings=settings) for v, settings in ABLATION]
        runs += [PlannedRun(v, seed, angle=angle) for angle in ("atan2", "sincos") for v in ("edges", "full")]
    return runs
