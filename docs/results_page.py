"""The page of what guidance gains, docs/results.md: `python -m docs.results_page` writes it.

Its figures are those that `python -m benchmarks.guidance` keeps in benchmarks/guidance/figures.json, and those of the
embedded sample in benchmarks/guidance/sample.json. Every sentence with a figure in it is made here.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.guidance.figures_file import FIGURES, read_figures
from benchmarks.guidance.measured_runs import SWAPS, PlannedRun
from benchmarks.guidance.plan import ABLATION, ANGLES, BY_PART, OPTIMIZATION, SEEDS, VARIANTS, planned_runs
from benchmarks.guidance.walkers import HIDDEN, TESTS
from model.retrieval.ranking import DIRECTIONS
from pipeline.synth.settings import HiddenJoints

PAGE = Path(__file__).resolve().parent / "results.md"
SAMPLE = FIGURES.with_name("sample.json")
ARROWS = {name: name.replace("_to_", " → ").replace("_", " ") for name in DIRECTIONS}
_PAGE = """# What guidance gains

<!-- Generated from benchmarks/guidance; write it anew with: python -m docs.results_page -->

Nothing here says what STAR reaches on HITSZ-VCM: that was not measured. These are small runs that two CPU cores can
repeat, to see whether the network uses the skeletons it is given, and where.

## Generated walkers
```console
python -m benchmarks.guidance
```

Walkers of [synth.md](synth.md) whose clothes carry over to the infrared (`--infrared luminance`): 64 persons to train
on, 32 others to test, 4 visible and 4 infrared tracks each, true joints. Three training tracks in ten have an occluder;
`clean` is the test without, `occluded` the same tracks with one in every track. A joint behind an occluder is `unseen`,
`known`, or `noisy` as a pose network guesses it. The variants are one configuration, two booleans apart
(`configs/runs/synth/`): narrow backbone, random weights, 64 by 32 pixels, T = 4, 704 steps of AdamW. 128 queries and
128 gallery tracks each way, 4 of a person: guessing finds some 3 % at rank 1. In %, mean ± sample standard deviation
over seeds.

The network is the one in PyTorch (`benchmarks/torch_network`), which `tests/benchmarks/test_torch_star.py` holds to
MindSpore's in outputs, losses and gradients; clips, draws, schedule and metrics are the project's own.

{machine}

{comparison}

Of the paper's table 3 (baseline < frame, sequence < full) this is seen here; a gain is told from the seeds' spread
where it is larger than the larger of both sample deviations:

{verdicts}

## Each setting by itself
mAP, mean of both directions, and the gain over the same variant, joints and seeds without it. Settings of `train` are
those that walkers were trained by before: SGD at the paper's rate.

{ablation}

Read literally, g(t) of eq 11 does not know of parts: they only vote on exponents. `constant nodes` are the same for
everybody, in training and test: what `sequence` loses by them is what the graph adds to the pooling that it learns.

## The edge branch alone
Eqs 1 to 3, the mean over a clip's frames and a neck; no image is looked at. A linear rule on true joints finds 88 % at
rank 1 ([synth.md](synth.md)).

{edge_branch}

## Whose skeleton is it?
The same trained networks, but one of their inputs is another person's, a different one in each modality: the `edges`
that frame guidance reads, the `nodes` (with the places that parts pool) that sequence guidance reads, or the `images`.

{swaps}

## The embedded sample
```console
make demo
```

Six real persons to train on, four to test, infrared simulated (`configs/runs/sample/`, 150 steps). With four persons
ranks jump in large steps, and the simulated infrared keeps most of the visible picture: the figures say that the
program works, and how much machines differ; nothing about HITSZ-VCM.

{sample}
"""


def percent(figures: Mapping[str, Any], test: str, direction: str, metric: str) -> float:
    """One figure of a run, in %."""
    return 100 * float(figures[test][direction][metric])


def spread(values: Sequence[float]) -> str:
    """Mean ± sample standard deviation; without it where there is one value."""
    if not values:
        return "·"
    mean = f"{statistics.fmean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


class Runs:
    """The figures of the runs of one plan over the seeds that were measured."""

    def __init__(self, figures: Mapping[str, Any]) -> None:
        self.by_key: Mapping[str, Any] = figures["runs"]

    def of(self, variant: str, **plan: Any) -> dict[int, Mapping[str, Any]]:
        """Seed → figures, of the seeds that are there."""
        if variant == "baseline":  # it reads no skeleton: the same run, however joints are hidden
            plan = {**plan, "hidden": "unseen"}
        keys = {seed: PlannedRun(variant, seed, **plan).key for seed in SEEDS}
        return {seed: self.by_key[key] for seed, key in keys.items() if key in self.by_key}

    def values(self, runs: Mapping[int, Mapping[str, Any]], test: str, metric: str = "mAP") -> dict[int, float]:
        """Seed → mean of both directions, in %; of the runs that were tested so."""
        return {
            seed: statistics.fmean(percent(run, test, direction, metric) for direction in DIRECTIONS)
            for seed, run in runs.items()
            if test in run
        }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def comparison(runs: Runs) -> str:
    """Every variant, clean and occluded, for each way of hiding joints."""
    rows = []
    for hidden in HIDDEN:
        for test in TESTS:
            for variant in VARIANTS:
                found = runs.of(variant, hidden=hidden)
                cells = [
                    spread([percent(run, test, direction, metric) for run in found.values()])
                    for direction in DIRECTIONS
                    for metric in ("rank-1", "mAP")
                ]
                rows.append([hidden, test, f"`{variant}`", str(len(found)), *cells])
    head = ["joints behind occluders", "test", "variant", "seeds"]
    return table([*head, *(f"{ARROWS[d]} {metric}" for d in DIRECTIONS for metric in ("rank-1", "mAP"))], rows)


def verdicts(runs: Runs) -> str:
    """A sentence for every claim of the paper's table 3: whether the gain is beyond the seeds' spread."""
    lines = []
    for better, worse in (("frame", "baseline"), ("sequence", "baseline"), ("full", "frame"), ("full", "sequence")):
        said = []
        for hidden in HIDDEN:
            for test in TESTS:
                a, b = (runs.values(runs.of(v, hidden=hidden), test) for v in (better, worse))
                said.append(_verdict(f"{test}, {hidden}", a, b))
        lines.append(f"* **`{better}` over `{worse}`** (mAP, both directions): {'; '.join(said)}.")
    return "\n".join(lines)


def _verdict(where: str, a: Mapping[int, float], b: Mapping[int, float]) -> str:
    both = sorted(a.keys() & b.keys())
    if not both:
        return f"{where} not measured"
    gains = [a[seed] - b[seed] for seed in both]
    text = f"{where} {spread([a[s] for s in both])} against {spread([b[s] for s in both])}"
    if len(both) < 2:
        return f"{text} (one seed)"
    mean, deviation = statistics.fmean(gains), max(statistics.stdev([side[s] for s in both]) for side in (a, b))
    word = "within the seeds' spread" if abs(mean) <= deviation else "above it" if mean > 0 else "below it"
    return f"{text}, {word}"


def ablation(runs: Runs) -> str:
    """Each setting by itself: mAP of both directions, and the difference to the run without it, seed by seed."""
    rows = []
    both: tuple[HiddenJoints, ...] = ("unseen", "known")
    plans: list[tuple[str, dict[str, Any]]] = []
    for hidden in both:
        plans += [("sequence", {"control": "constant nodes", "hidden": hidden})]
        plans += [(v, {"settings": BY_PART, "hidden": hidden}) for v in ("sequence", "full")]
    plans += [(variant, {"settings": settings}) for variant, settings in ABLATION + OPTIMIZATION]
    plans += [("full", {"angle": angle}) for angle in ANGLES]
    for variant, plan in plans:
        hidden = plan.get("hidden", "unseen")
        found, compared = runs.of(variant, **plan), runs.of(variant, hidden=hidden)
        cells = []
        for test in TESTS:
            here, there = runs.values(found, test), runs.values(compared, test)
            gains = [here[seed] - there[seed] for seed in sorted(here.keys() & there.keys())]
            cells += [spread(list(here.values())), f"{statistics.fmean(gains):+.1f}" if gains else "·"]
        rows.append([f"`{variant}`", _named(plan), hidden, str(len(found)), *cells])
    return table(["variant", "with", "joints", "seeds", "clean", "gain", "occluded", "gain"], rows)


def _named(plan: Mapping[str, Any]) -> str:
    """What a run differs in, as its row says it."""
    if "control" in plan:
        return str(plan["control"])
    return f"edges.angle={plan['angle']}" if "angle" in plan else ", ".join(plan["settings"])


def edge_branch(runs: Runs) -> str:
    """Eqs 1 to 3 alone."""
    plans: dict[str, dict[str, Any]] = {
        "standardised": {},
        "raw": {"settings": ("model.standardize_edges=false",)},
        "distances only": {"control": "distances only"},
        "atan2": {"angle": "atan2"},
        "sincos": {"angle": "sincos"},
        "joints behind occluders known": {"hidden": "known"},
    }
    rows = []
    for name, plan in plans.items():
        found = runs.of("edges", **plan)
        cells = [spread(list(runs.values(found, test).values())) for test in TESTS]
        rows.append([name, str(len(found)), *cells])
    return table(["edges", "seeds", "clean mAP", "occluded mAP"], rows)


def swaps(runs: Runs) -> str:
    """The same networks, with another person's arrays at test."""
    rows = []
    for variant in VARIANTS[1:]:
        found = runs.of(variant)
        for name in ("own", *SWAPS):
            tests = [test if name == "own" else f"{test}, another's {name}" for test in TESTS]
            cells = [spread(list(runs.values(found, test).values())) for test in tests]
            rows.append([f"`{variant}`", name, *cells])
    return table(["variant", "whose", "clean mAP", "occluded mAP"], rows)


def sample(path: Path = SAMPLE) -> str:
    """The embedded sample's figures, machine by machine."""
    measured = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for entry in measured:
        for run, found in entry["runs"].items():
            rows.append([entry["machine"], f"`{run}`", entry["code"], *(f"{found[d]:.1f}" for d in DIRECTIONS)])
    return table(["machine", "run", "code", *(f"{ARROWS[d]} mAP" for d in DIRECTIONS)], rows)


def missing(figures: Mapping[str, Any]) -> str:
    """The planned runs that were not measured."""
    lost = [run.key for run in planned_runs() if run.key not in figures["runs"]]
    if not lost:
        return "Every planned run was measured."
    return f"{len(lost)} of {len(planned_runs())} planned runs were not measured; `--list` names them."


def measured_on(figures: Mapping[str, Any]) -> str:
    """What the figures were measured on, and how long a training took there."""
    if not figures["runs"]:
        return "No run was measured."
    machine = figures["machine"]
    on = f"Measured on {machine.get('cpus')} cores ({machine.get('processor')}), torch {machine.get('torch')}"
    seconds = [run["train_seconds"] for run in figures["runs"].values() if run["plan"]["variant"] != "edges"]
    trained = f": a run was trained in {statistics.median(seconds):.0f} s (median), two at a time" if seconds else ""
    return f"{on}{trained}. Other machines round otherwise and find other figures. {missing(figures)}"


def describe_results(figures: Mapping[str, Any]) -> str:
    """The whole page as Markdown."""
    runs = Runs(figures)
    return _PAGE.format(
        machine=measured_on(figures),
        comparison=comparison(runs),
        verdicts=verdicts(runs),
        ablation=ablation(runs),
        edge_branch=edge_branch(runs),
        swaps=swaps(runs),
        sample=sample(),
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(describe_results(read_figures()), encoding="utf-8")


if __name__ == "__main__":
    main()
