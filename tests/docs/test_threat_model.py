"""docs/threat-model.md names code and tests that are there, and every place where bytes become something else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([\w/.-]+\.py)`", PAGE))
CODE = {name for name in NAMED if "/" in name}
TESTS = NAMED - CODE
# Calls, by the ends of their names, that decode, unpack, fetch or run what a file or somebody else holds.
READERS = (
    *("h5py.File", "torch.load", "ms.load_checkpoint", "load_file", "safe_open", "imdecode", "imread", "urlopen"),
    *("safe_load", "YAML", "Config.fromfile", "Unpickler", "pickle.loads", "raw_decode", "ZipFile"),
)
RUNNERS = ("eval", "exec", "compile", "__import__")  # Python's own; a network's `.eval()` is another thing
# Code that has these calls for what the project itself makes and ships.
OURS = {
    "data_cache/contract/writer.py": "writes a file",
    "data_cache/exchange/exports/published_hdf5.py": "writes a file",
    "star/demo_project.py": "the shipped dvc.yaml",
}


def called(file: Path) -> set[str]:
    """Those of `READERS` and `RUNNERS` that `file` calls or derives classes from."""
    used: list[ast.expr] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        used += [node.func] if isinstance(node, ast.Call) else node.bases if isinstance(node, ast.ClassDef) else []
    names = {ast.unparse(expression) for expression in used}
    ends = {end for end in READERS for name in names if re.search(rf"(^|[._]){re.escape(end)}$", name)}
    return ends | (names & set(RUNNERS))


def test_every_file_it_names_is_there() -> None:
    assert [name for name in sorted(CODE) if not (ROOT / name).is_file()] == []
    there = {file.name for file in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(TESTS - there) == []
    assert len(CODE) > 20 and len(TESTS) > 15


def test_it_names_every_reader() -> None:
    packages = ("command_line", "data_cache", "pipeline", "model", "star")
    files = {file.relative_to(ROOT).as_posix(): file for package in packages for file in (ROOT / package).rglob("*.py")}
    readers = {name: found for name, file in files.items() if (found := called(file))}
    assert {name: found for name, found in readers.items() if name not in CODE | OURS.keys()} == {}
    assert sorted(OURS.keys() - readers.keys()) == []
    assert len(readers) > 20


def test_a_new_reader_would_be_noticed(tmp_path: Path) -> None:
    new = tmp_path / "new.py"
    new.write_text(
        "import h5py, pickle\nclass A(pickle._Unpickler): ...\nh5py.File('x')\nexec('1')\nmodel.eval()\n",
        encoding="utf-8",
    )
    assert called(new) == {"h5py.File", "Unpickler", "exec"}
