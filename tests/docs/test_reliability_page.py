"""docs/reliability.md is what the campaign's figures say, whatever they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.campaign.guarded_reading import OUTCOMES, SOUND
from docs.reliability_page import PAGE, describe_campaign

MUTATIONS = [
    {"of": "chunk file", "number": 0, "checksum": True, "tried": 1009, "outcomes": {"refused": 1000}, "findings": []},
    {"of": "marks", "number": 0, "checksum": False, "tried": 7, "outcomes": {"other input": 5}, "findings": []},
]
KILLS = [
    {"of": "report", "number": number, "seconds": 6.25, "share": 0.5, "left": [], "ending": "done", "differing": []}
    for number in range(3)
]
STARVED = [
    {"of": "memory: report", "number": 0, "amount": 512, "ending": "done", "left": [], "again": "", "differing": []},
    {"of": "memory: report", "number": 1, "amount": 64, "ending": "one line", "left": [], "again": "", "differing": []},
]
SETTINGS = {"seed": 5, "tried": {"chunk file": 1009, "marks": 11}, "kills": {"report": 3, "edges": 2}}


def test_the_page_is_what_the_figures_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == describe_campaign(), (
        "docs/reliability.md is not what the campaign's figures say; write it anew: python -m docs.reliability_page"
    )


def write_figures(folder: Path, **parts: list[dict[str, Any]]) -> Path:
    for name, steps in {"mutations": MUTATIONS, "kills": KILLS, "starved": STARVED, **parts}.items():
        steps = [{"words": "", **step} for step in steps]
        (folder / f"{name}.json").write_text(json.dumps({"settings": SETTINGS, "steps": steps}), encoding="utf-8")
    return folder


def rows(page: str, first: str) -> list[list[str]]:
    """The cells of the rows that begin with `first`."""
    lines = re.findall(rf"^\| ({re.escape(first)} .*) \|$", page, re.MULTILINE)
    return [line.split(" | ") for line in lines]


def test_a_faultless_campaign_says_so(tmp_path: Path) -> None:
    page = describe_campaign(write_figures(tmp_path))
    assert "1,016 of 1,020 damaged files (seed 5)" in page and "3 of 5 kills (seed 5)" in page
    assert rows(page, "chunk file ✓") == [["chunk file ✓", "1,009", "1,000", "·", "·"]]
    assert rows(page, "marks") == [["marks", "7", "·", "·", "5"]]
    assert rows(page, "report") == [["report", "6.2", "3", "·", "3"]]
    assert rows(page, "memory") == [["memory", "report", "512…64", "1", "1", "·", "2 of 2"]]
    assert "What did not go well" not in page


def test_every_fault_is_counted_and_named(tmp_path: Path) -> None:
    outcomes = [name for name in OUTCOMES if name not in SOUND]
    found = [
        {"number": 11 + number, "way": "splice", "outcome": name, "words": f"words of {name}"}
        for number, name in enumerate(outcomes)
    ]
    counts = {name: 101 + number for number, name in enumerate(outcomes)}
    killed = [{**KILLS[0], "left": ["a.h5"]}, {**KILLS[1], "differing": ["b.h5"]}, {**KILLS[2], "ending": "crash"}]
    starved = [{**STARVED[0], "ending": "traceback", "words": "Boom | x"}, {**STARVED[1], "left": ["c.h5"]}]
    mutations = [{**MUTATIONS[0], "outcomes": counts, "findings": found}]
    page = describe_campaign(write_figures(tmp_path, mutations=mutations, kills=killed, starved=starved))
    (row,) = rows(page, "chunk file ✓")
    assert row == ["chunk file ✓", "1,009", *("·" if name in SOUND else str(counts[name]) for name in OUTCOMES)]
    for number, name in enumerate(outcomes):
        assert f"`--kind 'chunk file' --only {11 + number}` (splice): {name}, words of {name}" in page
    assert rows(page, "report") == [["report", "6.2", "3", "1", "1"]]
    assert "`--command 'report' --only 0` at 0.500: then done, left damaged: a.h5" in page
    assert "`--command 'report' --only 1` at 0.500: then done, other in the end: b.h5" in page
    assert "`--command 'report' --only 2` at 0.500: then crash" in page
    assert "memory: report, 512: traceback Boom \\| x" in page
    assert "memory: report, 64: one line, left damaged: c.h5" in page
    assert page.count("What did not go well:") == 3
