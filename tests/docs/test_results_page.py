"""docs/results.md is what the experiment's figures say, whatever they are."""

from __future__ import annotations

import re
import statistics
from typing import Any

from benchmarks.guidance.figures_file import read_figures
from benchmarks.guidance.measured_runs import SWAPS, PlannedRun
from benchmarks.guidance.plan import BY_PART, planned_runs
from benchmarks.guidance.walkers import TESTS
from docs.results_page import PAGE, describe_results
from model.retrieval.ranking import DIRECTIONS

MACHINE = {"processor": "one of 7", "cpus": 7, "torch": "9.8"}


def test_the_page_is_what_the_figures_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == describe_results(read_figures()), (
        "docs/results.md is not what the experiment's figures say; write it anew: python -m docs.results_page"
    )


def run(clean: float, occluded: float, variant: str = "full", seconds: float = 31.0) -> dict[str, Any]:
    """Figures of a run: mAP of both directions some way about a mean, in %, rank-1 a tenth of it more."""
    found: dict[str, Any] = {"plan": {"variant": variant}, "train_seconds": seconds}
    for test, mean in zip(TESTS, (clean, occluded), strict=True):
        sides = zip(DIRECTIONS, (mean - 2, mean + 2), strict=True)
        found[test] = {direction: {"mAP": value / 100, "rank-1": value / 1000} for direction, value in sides}
    return found


def page_of(runs: dict[PlannedRun, dict[str, Any]]) -> str:
    return describe_results({"machine": MACHINE, "runs": {planned.key: found for planned, found in runs.items()}})


def rows(page: str, *first: str) -> list[list[str]]:
    """The other cells of the rows that begin with `first`."""
    lines = re.findall(rf"^\| {re.escape(' | '.join(first))} \| (.*) \|$", page, re.MULTILINE)
    return [line.split(" | ") for line in lines]


def test_means_spreads_and_verdicts_are_those_of_the_seeds() -> None:
    clean = {"baseline": (60.0, 61.0, 65.0), "frame": (70.0, 73.0, 71.0), "full": (61.0, 64.0, 63.0)}
    runs = {
        PlannedRun(variant, seed): run(value, 19.0, variant)
        for variant, values in clean.items()
        for seed, value in enumerate(values)
    }
    page = page_of(runs)
    assert "Measured on 7 cores (one of 7), torch 9.8: a run was trained in 31 s (median)" in page
    assert f"{len(planned_runs()) - 9} of {len(planned_runs())} planned runs were not measured" in page
    (row,) = rows(page, "unseen", "clean", "`frame`")
    mean, spread = statistics.mean(clean["frame"]), statistics.stdev(clean["frame"])
    expected = [(mean + way) / scale for way in (-2, 2) for scale in (10, 1)]
    deviations = [spread / 10, spread, spread / 10, spread]
    assert row == ["3", *(f"{m:.1f} ± {d:.1f}" for m, d in zip(expected, deviations, strict=True))]
    assert "clean, unseen 71.3 ± 1.5 against 62.0 ± 2.6, above it" in page
    assert "occluded, unseen 19.0 ± 0.0 against 19.0 ± 0.0, within the seeds' spread" in page
    (verdict,) = re.findall(r"^\* \*\*`full` over `frame`\*\*.*$", page, re.MULTILINE)
    assert "clean, unseen 62.7 ± 1.5 against 71.3 ± 1.5, below it" in verdict and "clean, known not measured" in verdict


def test_gains_are_over_the_same_seeds_and_what_is_not_there_is_a_dot() -> None:
    runs = {PlannedRun("full", seed): run(value, 20.0) for seed, value in enumerate((50.0, 90.0))}
    runs |= {PlannedRun("full", 0, settings=BY_PART): run(57.0, 19.5)}
    runs |= {PlannedRun("sequence", 0, control="constant nodes"): run(33.0, 22.0, "sequence")}
    page = page_of(runs)
    assert rows(page, "`full`", "model.pool_parts=true", "unseen") == [["1", "57.0", "+7.0", "19.5", "-0.5"]]
    assert rows(page, "`sequence`", "constant nodes", "unseen") == [["1", "33.0", "·", "22.0", "·"]]
    assert rows(page, "`full`", "edges.angle=sincos", "unseen") == [["0", "·", "·", "·", "·"]]


def test_swaps_and_the_edge_branch() -> None:
    swapped = run(50.0, 20.0)
    for number, name in enumerate(SWAPS):
        other = run(11.0 + number, 7.0 + number)
        swapped |= {f"{test}, another's {name}": other[test] for test in TESTS}
    page = page_of({PlannedRun("full", 1): swapped, PlannedRun("edges", 0, angle="atan2"): run(66.0, 24.0, "edges", 3)})
    assert rows(page, "`full`", "own") == [["50.0", "20.0"]]
    for number, name in enumerate(SWAPS):
        assert rows(page, "`full`", name) == [[f"{11 + number}.0", f"{7 + number}.0"]]
    assert rows(page, "atan2") == [["1", "66.0", "24.0"]]


def test_a_page_of_no_run_and_one_of_all_say_so() -> None:
    assert "No run was measured." in page_of({})
    alone = page_of({PlannedRun("edges", 0): run(66.0, 24.0, "edges", 3)})
    assert "torch 9.8. Other machines" in alone
    page = page_of({planned: run(40.0, 30.0, planned.variant) for planned in planned_runs()})
    assert "Every planned run was measured." in page and "·" not in page.partition("## Whose")[0]
