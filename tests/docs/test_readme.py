"""What the README says is there: commands, targets, links, files, and its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from model.run.config import load_run
from star.__main__ import build_parser
from tests.factories import write_cache

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?:`|^)star ([a-z][^`\n#]+)", README, flags=re.MULTILINE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    args = build_parser().parse_args(shlex.split(command))
    assert callable(args.run)
    if shlex.split(command)[0] in ("train", "evaluate", "report"):
        load_run(ROOT / args.config, args.set)


def test_there_are_commands_of_all_rooms() -> None:
    named = {"check", "index", "inspect", "export", "train", "evaluate", "synth"}
    assert {command.split()[0] for command in COMMANDS} >= named


def test_every_make_target_is_there() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", README, flags=re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"demo", "test", "setup"} <= {first or second for first, second in named} <= targets


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_file_of_the_tree_is_there() -> None:
    (tree,) = re.findall(r"## What is where\n\n```\n(.*?)```", README, flags=re.DOTALL)
    folder, missing = ROOT, []
    for line in tree.splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()  # type: ignore[union-attr]
        if not indent:
            folder = ROOT / name if name.endswith("/") else ROOT
        place = folder / name if indent else ROOT / name
        named = re.findall(r"\b([a-z_-]+\.(?:py|md|yaml))\b", line)
        if name != "artifacts/" and not place.exists():
            missing.append(str(place))
        missing += [file for file in named if not any((base / file).exists() for base in (ROOT, folder))]
    assert missing == []


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    write_cache(tmp_path / "artifacts" / "sample" / "keypoints" / "train.h5")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert re.search(r"\(\d+, 17, 2\)", capsys.readouterr().out)
