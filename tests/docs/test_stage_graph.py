"""docs/stages.md draws the stages as DVC sees them, and says truly which edit runs what again."""

from __future__ import annotations

import yaml

from docs.stage_graph import BLOCK, PAGE, ROOT, stage_graph

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def readers(room: str) -> set[str]:
    """The stages that depend on the code of a room."""
    return {name for name, stage in STAGES.items() if room in stage.get("do", stage).get("deps", ())}


def test_the_page_has_the_graph_of_dvc() -> None:
    (drawn,) = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert drawn == stage_graph(), "docs/stages.md is old; write it anew: python -m docs.stage_graph"


def test_an_edit_runs_what_the_page_says() -> None:
    assert readers("model/report") == {"report"}
    assert readers("data_cache/viewer") == readers("data_cache/exchange") == readers("star") == set()
    assert readers("pipeline/keypoints") == readers("pipeline/pose") == {"keypoints"}
    assert readers("model/evaluation") == {"evaluate", "clip-lengths", "report"}
    assert readers("model/network") == {"train", "evaluate", "clip-lengths", "report"}
