"""Which runs the experiment has, the most telling first."""

from __future__ import annotations

from benchmarks.guidance.measured_runs import PlannedRun
from benchmarks.guidance.walkers import HIDDEN
from pipeline.settings import Angle

VARIANTS = ("baseline", "frame", "sequence", "full")
SEEDS = (0, 1, 2)
ANGLES: tuple[Angle, ...] = ("atan2", "sincos")  # beside arctan
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
    ("sequence", ("model.fill_gaps=track",)),
    ("sequence", ("model.pool_parts=true", "model.part_width=0.5")),
    ("sequence", ("model.pool_parts=true", "model.part_width=2")),
)


# SGD at the paper's rate, as walkers were trained before, and clipped.
SGD = ("train.optimizer=sgd", "train.learning_rate=0.1", "train.schedule=steps", "train.milestones=[28,38]")
OPTIMIZATION = (*((variant, SGD) for variant in VARIANTS), ("full", (*SGD, "train.clip_norm=5")))


def planned_runs(seeds: tuple[int, ...] = SEEDS) -> list[PlannedRun]:
    """All runs: the comparison of every seed, then its controls, then each setting by itself.

    The baseline reads no skeleton: it is the same run however joints are hidden.
    """
    runs = [PlannedRun(v, seed, swapped=v != "baseline") for seed in seeds for v in VARIANTS]
    runs += [PlannedRun(v, seed, "known") for seed in seeds for v in VARIANTS[1:]]
    runs += [PlannedRun("sequence", seed, hidden, control="constant nodes") for hidden in HIDDEN[:2] for seed in seeds]
    runs += [PlannedRun("edges", seed) for seed in seeds]
    runs += [PlannedRun("edges", seed, settings=("model.standardize_edges=false",)) for seed in seeds]
    runs += [PlannedRun("edges", seed, control="distances only") for seed in seeds]
    runs += [PlannedRun("edges", seed, "known") for seed in seeds]
    runs += [PlannedRun("edges", seed, angle=angle) for angle in ANGLES for seed in seeds]
    runs += [PlannedRun(v, seed, "noisy") for seed in seeds for v in VARIANTS[1:]]
    for seed in seeds:
        runs += [PlannedRun(v, seed, h, settings=BY_PART) for h in HIDDEN[:2] for v in ("sequence", "full")]
        runs += [PlannedRun(v, seed, settings=settings) for v, settings in ABLATION + OPTIMIZATION]
        runs += [PlannedRun("full", seed, angle=angle) for angle in ANGLES]
    return runs
