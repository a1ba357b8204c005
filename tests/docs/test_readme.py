"""What the README says is there: commands, targets, links, folders; and the Python of the pages runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from star.__main__ import build_parser
from tests.factories import write_cache
from tests.project.test_architecture import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?:`|^)star ([a-z][^`\n#]+)", README, flags=re.MULTILINE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    assert callable(build_parser().parse_args(shlex.split(command)).run)


def test_it_is_read_in_three_minutes() -> None:
    first_table = README[README.index("| I want to") :].split("\n\n")[0]
    assert len(first_table.splitlines()) == 2 + 5
    assert README.index("![") < README.index("make demo") < README.index("| I want to")
    assert len(README.splitlines()) <= 130


def test_every_make_target_is_there() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", README, flags=re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"demo", "test"} <= {first or second for first, second in named} <= targets


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_tree_is_the_folders() -> None:
    """Every folder of the packages, once, in its place; of the rest, what is named is there."""
    (tree,) = re.findall(r"## What is where\n.*?```\n(.*?)```", README, flags=re.DOTALL)
    named, above = [], [""]
    for indent, name in re.findall(r"^((?:  )*)([\w./]+)  ", tree, flags=re.MULTILINE):
        above = [*above[: len(indent) // 2 + 1], name]
        named.append("".join(above))
    assert [path for path in named if not (ROOT / path).exists()] == []
    folders = [f"{file.parent.relative_to(ROOT)}/" for top in PACKAGES for file in (ROOT / top).rglob("*.*")]
    there = sorted({folder for folder in folders if "__pycache__" not in folder})
    assert sorted(path for path in named if path.partition("/")[0] in PACKAGES) == there


def test_the_python_of_the_pages_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "stages.md").read_text("utf-8"), flags=re.DOTALL)
    write_cache(tmp_path / "artifacts" / "sample" / "keypoints" / "train.h5")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "stages.md", "exec"), {})
    assert re.search(r"\(\d+, 17, 2\)", capsys.readouterr().out)
