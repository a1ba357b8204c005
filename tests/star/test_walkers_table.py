"""The demo's table of the walkers: every figure in its place, and a sentence that follows from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from model.retrieval.ranking import DIRECTIONS
from star import walkers_table as table
from tests.model.evaluation.test_results_command import metrics

ROOT = Path(__file__).resolve().parents[2]
# (test, run) → rank-1 and mAP, both ways.
FIGURES = {
    ("clean", "baseline"): (0.31, 0.29, 0.37, 0.23),
    ("clean", "full"): (0.61, 0.59, 0.67, 0.53),
    ("occluded", "baseline"): (0.11, 0.17, 0.13, 0.19),
    ("occluded", "full"): (0.41, 0.43, 0.47, 0.03),
}


def write_figures(runs: Path, figures: dict[tuple[str, str], tuple[float, ...]]) -> None:
    for (test, run), values in figures.items():
        content = metrics(persons={"infrared": 31, "visible": 31, "together": 31})
        for way, (rank, precision) in zip(DIRECTIONS, (values[:2], values[2:]), strict=True):
            content[way] = {**content[way], "rank-1": rank, "mAP": precision}
        file = runs / run / table.TESTS[test]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))


def test_every_figure_is_in_its_row(tmp_path: Path) -> None:
    write_figures(tmp_path, FIGURES)
    heading, names, *rows, sentence = table.walkers_table(tmp_path).splitlines()
    assert "31 persons not trained on" in heading
    assert names.index("infrared → visible rank-1") < names.index("mAP") < names.index("visible → infrared rank-1")
    assert [row.split() for row in rows] == [
        [test, run, *(f"{100 * value:.1f}%" for value in values)] for (test, run), values in FIGURES.items()
    ]
    assert "clean +30.0, occluded +5.0 points" in sentence  # (59 + 53 − 29 − 23) / 2, (43 + 3 − 17 − 19) / 2


@pytest.mark.parametrize(
    ("clean", "occluded", "said"),
    [
        (0.30, 0.30, " clean and occluded: "),
        (0.30, 0.01, " clean only: "),
        (-0.10, 0.30, " occluded only: "),
        (-0.30, 0.0, " neither clean nor occluded: "),
    ],
)
def test_the_sentence_says_what_is_shown_and_what_is_not(
    tmp_path: Path, clean: float, occluded: float, said: str
) -> None:
    gains = {"clean": clean, "occluded": occluded}
    write_figures(
        tmp_path,
        {(test, run): (0.5, 0.4 + gains[test] * (run == "full")) * 2 for test, run in FIGURES},
    )
    assert said in table.walkers_table(tmp_path)


def test_the_figures_are_where_the_stages_put_them() -> None:
    stages = yaml.safe_load((ROOT / "walkers" / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert set(stages["evaluate"]["foreach"]) == set(stages["train"]["foreach"]) == set(table.RUNS)
    runs = "artifacts/walkers/runs/${item}"
    assert {f"{runs}/{file}" for file in table.TESTS.values()} == set(stages["evaluate"]["do"]["metrics"])
