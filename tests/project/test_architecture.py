"""The fences: who may import whom, how large files and rooms may be, and that dvc.yaml names the rooms a stage runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("command_line", "data_cache", "pipeline", "model", "star")
POSE_CODE = {"pose", "pose_training"}
FILES_A_FOLDER = 13
# The module behind the command of each stage of dvc.yaml and walkers/dvc.yaml.
STAGES = {
    "draw": "pipeline/synth/synth_command.py",
    "keypoints": "pipeline/keypoints/keypoints_command.py",
    "edges": "pipeline/skeletons/skeleton_commands.py",
    "graphs": "pipeline/skeletons/skeleton_commands.py",
    "train": "model/training/train_command.py",
    "evaluate": "model/evaluation/evaluate_command.py",
    "clip-lengths": "model/evaluation/evaluate_command.py",
    "report": "model/report/report_command.py",
}


def python_files(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


@cache
def imported_names(file: Path) -> frozenset[str]:
    """All modules that `file` imports anywhere, functions included, as dotted names."""
    package = file.relative_to(ROOT).parent.parts
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def project_file(module: str) -> Path | None:
    path = ROOT / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def code_behind(start: Path) -> set[Path]:
    """The project's files that `start` reaches by imports; package files without code are left out."""
    reached: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file in reached:
            continue
        reached.add(file)
        waiting += [found for name in imported_names(file) if (found := project_file(name))]
    return {file for file in reached if file.name != "__init__.py"}


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("command_line", {"data_cache", "pipeline", "model", "star", "numpy", "h5py", "torch", "mindspore"}),
        (
            "data_cache",
            {"pipeline", "model", "star", "torch", "mmpose", "mmengine", "mindspore", "dask", "distributed"},
        ),
        ("pipeline", {"model", "star", "mindspore"}),
        ("model", {"pipeline", "star", "torch", "mmpose", "dask", "distributed"}),
    ],
)
def test_data_flows_one_way(folder: str, forbidden: set[str]) -> None:
    for file in python_files(folder):
        tops = {name.split(".")[0] for name in imported_names(file)}
        assert not tops & forbidden, f"{file.relative_to(ROOT)} imports {sorted(tops & forbidden)}"


def test_only_the_pose_code_imports_mmpose_and_torch() -> None:
    for file in python_files("pipeline"):
        tops = {name.split(".")[0] for name in imported_names(file)}
        if tops & {"torch", "mmpose", "mmcv", "onnxruntime", "onnx"}:
            parts = set(file.relative_to(ROOT).with_suffix("").parts)
            assert parts & POSE_CODE, f"{file.relative_to(ROOT)} imports {sorted(tops)}"


def test_files_stay_small() -> None:
    sizes = {
        file: len(file.read_text(encoding="utf-8").splitlines())
        for file in python_files(*PACKAGES, "tests", "benchmarks")
    }
    assert {str(file.relative_to(ROOT)): n for file, n in sizes.items() if n > 300} == {}


def test_no_import_cycle() -> None:
    graph = {
        file: {found for name in imported_names(file) if (found := project_file(name)) and found != file}
        for file in python_files(*PACKAGES, "benchmarks", "tests")
        if file.name != "__init__.py"
    }
    done: set[Path] = set()

    def visit(file: Path, path: tuple[Path, ...]) -> None:
        assert file not in path, " -> ".join(str(step.relative_to(ROOT)) for step in (*path, file))
        if file in done or file not in graph:
            return
        for imported in graph[file]:
            visit(imported, (*path, file))
        done.add(file)

    for file in graph:
        visit(file, ())


def room(file: Path) -> str:
    """The folder below its package that `file` lies in; the file itself, or its package, where it lies in no room."""
    parts = file.relative_to(ROOT).parts
    if len(parts) > 2 and parts[0] != "command_line":
        return "/".join(parts[:2])
    return parts[0] if parts[0] == "command_line" else "/".join(parts)


def test_no_folder_is_crowded() -> None:
    folders = Counter(file.parent for file in python_files(*PACKAGES, "tests", "benchmarks") if file.stem != "__init__")
    assert {str(folder.relative_to(ROOT)): n for folder, n in folders.items() if n > FILES_A_FOLDER} == {}


def test_rooms_form_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for file in python_files(*PACKAGES):
        if file.stem != "__init__":
            reached = {room(found) for name in imported_names(file) if (found := project_file(name))}
            graph.setdefault(room(file), set()).update(reached - {room(file)})
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the rooms of a cycle


@pytest.mark.parametrize("drawing", ["dvc.yaml", "walkers/dvc.yaml"])
def test_dvc_stages_name_the_rooms_they_run(drawing: str) -> None:
    text = (ROOT / drawing).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 155, "dvc.yaml is to be read as a drawing"
    for stage, described in yaml.safe_load(text)["stages"].items():
        if stage == "frames":
            continue  # runs always
        named = {dep for dep in described.get("do", described)["deps"] if dep.split("/")[0] in PACKAGES}
        assert named == {room(file) for file in code_behind(ROOT / STAGES[stage])}, stage


@pytest.mark.parametrize(
    "command",
    [
        ("data_cache", "inspect", "--help"),
        ("data_cache", "check", "--help"),
        ("pipeline", "--help"),
        ("pipeline", "edges", "--help"),
        ("pipeline", "synth", "--help"),
        ("model", "train", "--help"),
        ("model", "evaluate", "--help"),
        ("model", "report", "--help"),
        ("data_cache", "view", "--help"),
        ("data_cache", "export", "--help"),
        ("data_cache", "import", "--help"),
        ("star", "--help"),
        ("star", "keypoints", "--help"),
    ],
)
def test_help_loads_no_heavy_library(command: tuple[str, ...]) -> None:
    module, *arguments = command
    code = (
        "import runpy, sys\n"
        f"sys.argv = {[module, *arguments]!r}\n"
        "try:\n"
        f"    runpy.run_module({module!r}, run_name='__main__')\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "heavy = {'torch', 'mindspore', 'mmpose', 'mmengine', 'distributed', 'matplotlib', 'onnxruntime'}\n"
        "heavy |= {'pydantic', 'ruamel.yaml'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout
