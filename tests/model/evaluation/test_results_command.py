"""`star results` shows again what `evaluate` wrote, and refuses what it did not write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model.__main__ import main
from model.retrieval.ranking import DIRECTIONS

FIGURES = {"rank-1": 0.125, "rank-5": 0.25, "rank-10": 0.5, "rank-20": 1.0, "mAP": 0.375, "mINP": 0.0625}


def metrics(**protocol: Any) -> dict[str, Any]:
    described = {
        "split": "test",
        "dataset": "walkers",
        "persons": {"infrared": 31, "visible": 37, "together": 41},
        "tracks": {"infrared": 1_031, "visible": 2_053},
        "clips": "one",
        "frames": 7,
        "queries_without_match": dict.fromkeys(DIRECTIONS, 0),
        **protocol,
    }
    provenance = {
        "config": {"name": "wide", "dataset": "people"},
        "checkpoint": {"file": "step-00000123.safetensors"},
        "protocol": described,
    }
    return {**dict.fromkeys(DIRECTIONS, FIGURES), "provenance": provenance}


def test_results_are_shown_with_direction_counts_and_percent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(metrics()))
    assert main(["results", str(path), str(path)]) == 0
    shown = capsys.readouterr().out
    for words in ("wide trained on people", "41 persons", "infrared → visible", "visible → infrared", "12.5", "1,031"):
        assert shown.count(words) >= 2, words
    assert "warning" not in shown


def test_few_persons_are_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(metrics(persons={"infrared": 3, "visible": 5, "together": 5})))
    assert main(["results", str(path)]) == 0
    assert "warning: only 5 persons" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "not json",
        json.dumps({**metrics(), "provenance": {}}),
        json.dumps(metrics(ranked={"infrared_to_visible": {"queries": 7}})),
        json.dumps(metrics(ranked=7)),
        json.dumps({**metrics(), DIRECTIONS[0]: {**FIGURES, "mAP": 7.5}}),
        json.dumps({**metrics(), DIRECTIONS[0]: {**FIGURES, "mAP": True}}),
        json.dumps({**metrics(), DIRECTIONS[0]: {**FIGURES, "mAP": 10**400}}),
        json.dumps({**metrics(), DIRECTIONS[1]: {**FIGURES, "rank-1": float("nan")}}),
        json.dumps(metrics(tracks={"infrared": -7, "visible": 11})),
        json.dumps(metrics(tracks={"infrared": 7.5, "visible": 11})),
        json.dumps(metrics(persons={"infrared": 31, "visible": 37, "together": 10_000})),
        json.dumps(metrics(queries_without_match=dict.fromkeys(DIRECTIONS, 9_999))),
        json.dumps(metrics(frames="x")),
        "[" * 20_000,
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(content)
    assert main(["results", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: expected the metrics.json of an evaluation")
    assert error.count("\n") == 1


def test_a_missing_file_names_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", str(tmp_path / "none.json")]) == 1
    assert "star evaluate writes it" in capsys.readouterr().err
