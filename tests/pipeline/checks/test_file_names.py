"""A name that is not UTF-8 is named by `check`, before all else, on any terminal; the other commands do not mind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.checks.file_names import find_undecodable_names
from pipeline.datasets.findings import Findings, show_name
from tests.pipeline.datasets.trees import Tree, build_tree

ROOT = Path(__file__).resolve().parents[3]
ODD = (b"Train/0002/rgb/D5/gr\xf6sse.jpg", b"info/\xff\n.txt", b"\xe9t\xe9")


def odd_path(tree: Tree, name: bytes) -> Path:
    return tree.root / os.fsdecode(name)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A tree with odd names: a picture that nothing names, a file with a line feed, and a folder with a file."""
    tree = build_tree(tmp_path / "tree")
    odd_path(tree, ODD[2]).mkdir()
    for name in (*ODD[:2], ODD[2] + b"/Stra\xc3\x9fe"):
        odd_path(tree, name).write_bytes(b"odd")
    return tree


def test_every_such_name_is_found_and_no_other(tree: Tree) -> None:
    (tree.root / "Straße 日本").write_text("")
    findings = Findings()
    find_undecodable_names(tree.root, findings)
    messages = [finding.message for finding in findings.collected()]
    expected = [r"\xe9t\xe9", r"Train/0002/rgb/D5/gr\xf6sse.jpg", r"info/\xff\n.txt"]
    assert len(messages) == 3
    for name in expected:
        assert sum(f"{tree.root}: expected names of files in UTF-8, got {name}; rename it" in m for m in messages) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("json_option", [False, True])
def test_check_names_them_first(tree: Tree, encoding: str, json_option: bool) -> None:
    command = [sys.executable, "-m", "pipeline", "check", "--root", str(tree.root), "--workers", "0", "--quick"]
    environment = {**os.environ, "PYTHONIOENCODING": f"{encoding}:strict", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, *(["--json"] if json_option else [])], env=environment, capture_output=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1, done.stderr
    text = done.stdout.decode()
    if json_option:
        findings = json.loads(text)["findings"]
        assert [finding["code"] for finding in findings] == ["undecodable-name"] * 3 + ["orphan-files"]
        assert findings[-1]["examples"] == [r"Train/0002/rgb/D5/gr\xf6sse.jpg"]
    else:
        first = text[text.index("error: ") :].splitlines()[0]
        assert "expected names of files in UTF-8, got " in first
        assert "3 errors, 1 warnings" in text


def test_after_renaming_all_is_well(tree: Tree) -> None:
    odd_path(tree, ODD[0]).unlink()
    odd_path(tree, ODD[1]).rename(tree.info / "plain.txt")
    odd_path(tree, ODD[2]).rename(tree.root / "plain")
    findings = Findings()
    find_undecodable_names(tree.root, findings)
    assert findings.errors == 0


def test_other_text_is_shown_as_it_is() -> None:
    assert show_name("Straße 日本") == "Straße 日本"
    assert show_name(os.fsdecode(b"a\xffb")) == r"a\xffb"
    assert show_name("a\ud800b") == r"a\ud800b"
    assert show_name("a\nb\x1b") == r"a\nb\x1b"
