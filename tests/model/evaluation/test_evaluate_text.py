"""What an evaluation tells people: labels, the table, how far it is; and that DVC reads its figures."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from model.evaluation.clip_progress import ClipLog, clip_progress
from model.evaluation.protocol import Protocol
from model.evaluation.result_table import result_table
from model.evaluation.results import Results
from model.run.config import DataConfig, ModelConfig, RunConfig

OWN = Protocol("sample", "data/sample", "test", 6, False, 12)
FIGURES = {"rank-1": 0.5, "rank-5": 0.75, "rank-10": 1.0, "rank-20": 1.0, "mAP": 0.61349, "mINP": 0.30051}


def results(persons: int = 427, without: int = 0, **protocol: Any) -> Results:
    described = {
        **replace(OWN, **protocol).described(),
        "tracks": {"infrared": 4584, "visible": 5},
        "persons": {"together": persons},
        "queries_without_match": {"infrared_to_visible": without, "visible_to_infrared": 0},
    }
    run = {"name": "full", "dataset": "sample"}
    provenance = {"protocol": described, "config": run, "checkpoint": {"file": "step-00000007.safetensors"}}
    reverse = {name: value / 5 for name, value in FIGURES.items()}
    return Results({"infrared_to_visible": FIGURES, "visible_to_infrared": reverse}, provenance)


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "default"),
        ({"frames": 12}, "frames-12"),
        ({"all_clips": True}, "clips-all"),
        ({"split": "train"}, "split-train"),
        ({"split": "validation", "frames": 1, "all_clips": True}, "frames-1_clips-all_split-validation"),
        ({"min_frames": 1}, "min-frames-1"),
        ({"dataset": "synth-occluded", "root": "elsewhere"}, "on-synth-occluded"),
        ({"root": "elsewhere"}, "default"),
    ],
)
def test_every_other_protocol_has_a_label(changes: dict[str, Any], label: str) -> None:
    trained = RunConfig(model=ModelConfig(frames=6), data=DataConfig(min_frames=12))
    assert replace(OWN, **changes).label(trained) == label


def test_the_table_names_both_directions_in_words() -> None:
    heading, names, first, second = result_table(results()).splitlines()
    assert heading.startswith("full trained on sample, step-00000007.safetensors; test split of sample: 427 persons")
    assert names.split() == ["direction", "queries", "gallery", *FIGURES]
    assert first.split() == [
        "infrared",
        "→",
        "visible",
        "4,584",
        "5",
        "50.0%",
        "75.0%",
        "100.0%",
        "100.0%",
        "61.3%",
        "30.1%",
    ]
    assert second.split()[:6] == ["visible", "→", "infrared", "5", "4,584", "10.0%"]
    assert "the mean of all clips of 13 frames" in result_table(results(all_clips=True, frames=13))


def test_the_table_counts_queries_and_gallery_where_lists_say_who_is_what() -> None:
    listed = results(persons=19)
    ranked = {
        "infrared_to_visible": {"queries": 7, "gallery": 11},
        "visible_to_infrared": {"queries": 3, "gallery": 13},
    }
    listed.provenance["protocol"]["ranked"] = ranked
    _, _, first, second, warning = result_table(listed).splitlines()
    assert first.split()[3:5] == ["7", "11"]
    assert second.split()[3:5] == ["3", "13"]
    assert "7 + 3 queries: one query more or less moves rank-1 by 33.3%" in warning


def test_few_persons_are_warned_about() -> None:
    (warning,) = result_table(results(persons=19)).splitlines()[4:]
    assert warning.startswith(
        "warning: only 19 persons and 4584 + 5 queries: one query more or less moves rank-1 by 20.0%"
    )
    assert "warning" not in result_table(results(persons=20))
    left, warning = result_table(results(persons=2, without=4581)).splitlines()[4:]
    assert left == "infrared → visible: 4,581 of the queries without a match in the gallery, not counted"
    assert "only 2 persons and 3 + 5 queries" in warning and "33.3%" in warning


def test_a_log_gets_a_line_a_minute_and_one_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    times = iter([0.0, 10.0, 61.0, 70.0, 80.0])
    log = ClipLog(23, lambda: next(times))
    with caplog.at_level(logging.INFO):
        for clips in (5, 7, 3, 8):
            log(clips)
    assert [record.message for record in caplog.records] == [
        "evaluate: 12 of 23 clips, 0.2 clips/s",
        "evaluate: 23 of 23 clips, 0.3 clips/s",
    ]


def test_a_terminal_gets_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with clip_progress(13, terminal) as advance:
        advance(5)
        advance(8)
    assert "13/13" in terminal.getvalue()
    assert "clips" in terminal.getvalue()


def test_json_holds_what_was_measured_and_nothing_else() -> None:
    measured = results()
    content = json.loads(measured.to_json())
    assert content == {**measured.metrics, "provenance": measured.provenance}
    measured.metrics["infrared_to_visible"]["mAP"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        measured.to_json()
