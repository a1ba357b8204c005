"""What guidance gains on the demo's walkers, behind occluders and without: a table, and a sentence read off it."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from command_line.text_table import align_columns, amount, percent
from model.evaluation.clip_lengths import FIGURES
from model.evaluation.results import read_results
from model.retrieval.ranking import DIRECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from model.evaluation.results import Results

RUNS = ("baseline", "full")
# Below the folder of a run: where walkers/dvc.yaml has each test evaluated.
TESTS = {"clean": "protocols/on-walkers-clean/metrics.json", "occluded": "metrics.json"}
# Points of mAP by which one training may differ from the next, of the same settings with another seed: twice the
# largest deviation over seeds with unseen joints (docs/results.md), rounded up.
SPREAD = 5.0


def walkers_table(runs: Path) -> str:
    """A heading, a row for each test and run, and what they show.

    runs: folder of the runs. Raises FileNotFoundError and ValueError as `read_results`.
    """
    found = {(test, run): read_results(runs / run / file) for test, file in TESTS.items() for run in RUNS}
    protocol = found["clean", RUNS[0]].provenance["protocol"]
    persons = protocol["persons"]["together"]
    heading = (
        f"generated walkers, joints behind occluders as a pose network guesses them: {amount(persons, 'person')} not"
        f" trained on, guessing finds {percent(1 / persons)}"
    )
    rows = [["test", "run", *(f"{name.replace('_to_', ' → ')} {figure}" for name in DIRECTIONS for figure in FIGURES)]]
    for (test, run), results in found.items():
        rows.append([test, run, *(percent(results.metrics[name][f]) for name in DIRECTIONS for f in FIGURES)])
    gains = {test: _mean_precision(found[test, RUNS[1]]) - _mean_precision(found[test, RUNS[0]]) for test in TESTS}
    return "\n".join([heading, *align_columns(rows, left=2), _sentence(gains)])


def _mean_precision(results: Results) -> float:
    """mAP in %, mean of both directions."""
    return 100 * fmean(results.metrics[name]["mAP"] for name in DIRECTIONS)


def _sentence(gains: dict[str, float]) -> str:
    """What differences of mAP, in points, say of guidance: `clean` and `occluded`."""
    figures = ", ".join(f"{test} {gain:+.1f}" for test, gain in gains.items())
    helped = [test for test, gain in gains.items() if gain > SPREAD]
    told = {2: "clean and occluded", 1: f"{' '.join(helped)} only", 0: "neither clean nor occluded"}[len(helped)]
    return (
        f"shown: guidance by skeletons gains more than trainings differ by ({SPREAD:g} points of mAP) {told}:"
        f" {figures} points, means of both directions, of one training each (docs/results.md has several)"
    )
