"""What DVC costs over a tree of the real set's size: listing, `dvc repro`, `dvc status`, beside a plain walk.

    python -m benchmarks.dvc_full_size                 463,264 files
    python -m benchmarks.dvc_full_size --old-way       and with the tree itself as a dependency, as it was before
    python -m benchmarks.dvc_full_size --frames 4000   a small rehearsal

The project is a temporary copy of this one with its own dvc.yaml. `frames` runs as it is; every other stage only writes
its outputs, so that what is left is DVC's own work. The frames are hard links to some hundred JPEG files: finding them
on disk and reading them is real, but they come from the system's file cache.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.generated_tree import FULL_SIZE, write_tree
from benchmarks.memory import PeakMemory
from command_line.text_table import align_columns

PROJECT = Path(__file__).resolve().parent.parent
COPIED = ("command_line", "configs", "data_cache", "model", "pipeline", "star", "dvc.yaml", ".dvcignore", ".dvc/config")
DATASET = "sample"  # its settings and runs; the frames are others
ALL_FRAMES = sum(counts.frames for counts in FULL_SIZE.values())
PYTHON = sys.executable
WALK = "import os, sys; print(sum(len(files) for _, _, files in os.walk(sys.argv[1])))"
READ = """
import os, sys
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        with open(f"{folder}/{name}", "rb") as file:
            file.read()
"""


@dataclass(frozen=True)
class Step:
    """One command: seconds on the clock and of computing, and peak bytes of its processes together."""

    name: str
    seconds: float
    computing: float
    peak: int
    stages: tuple[str, ...] = ()


class Rehearsal:
    """A copy of the project at ``folder`` over a generated tree in it; runs commands there and notes what they cost."""

    def __init__(self, folder: Path, frames: int) -> None:
        self.steps: list[Step] = []
        self.folder = folder
        for name in COPIED:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (PROJECT / name).is_dir():
                shutil.copytree(PROJECT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(PROJECT / name, target)
        jpegs = sorted((PROJECT / "data" / "sample").glob("T*/*/*/*/*.jpg"))
        self.root = write_tree(folder / "data", jpegs, min(1.0, frames / ALL_FRAMES), seed=1)
        (folder / ".gitignore").write_text("/artifacts/\n/data/\n")
        (folder / "params.yaml").write_text(
            f"dataset: {DATASET}\nroot: data/tree\nruns: [full, baseline]\nclip_lengths: 1,2\n"
        )
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)

    def measure(self, name: str, *command: str) -> Step:
        """Run ``command`` in the project and note what it took; raises CalledProcessError where it fails."""
        environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith(("STAR_", "DVC_"))},
            "PATH": f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder),
            "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(self.folder / ".dvc" / "none"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.folder / ".dvc" / "none"),
        }
        before = os.times()
        start = time.perf_counter()
        with PeakMemory(own=False) as memory:
            done = subprocess.run(
                command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
            )
        seconds, after = time.perf_counter() - start, os.times()
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        computing = after.children_user + after.children_system - before.children_user - before.children_system
        stages = tuple(re.findall(r"^Running stage '(.*)':", done.stdout, re.MULTILINE))
        step = Step(name, seconds, computing, memory.overall, stages)
        self.steps.append(step)
        print(f"{name}: {seconds:.1f} s", file=sys.stderr)
        return step

    def dvc(self, name: str, command: str) -> Step:
        """Measure one command of DVC."""
        return self.measure(name, PYTHON, "-m", "dvc", command)

    def use_stages(self, stages: dict[str, Any]) -> None:
        """Put ``stages`` into dvc.yaml."""
        (self.folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))

    def list_frames(self, name: str) -> None:
        """Measure the listing of both splits, one after the other, without DVC."""
        for split in FULL_SIZE:
            self.measure(f"frames, {split}, {name}", PYTHON, "-m", "star", "frames", "--split", split)

    def replace_a_frame(self) -> None:
        """Put another picture in the place of one frame."""
        frame = next((self.root / "Train").glob("*/*/*/*.jpg"))
        other = frame.read_bytes() + b"\0"
        frame.unlink()
        frame.write_bytes(other)


def idle_stages(described: dict[str, Any]) -> dict[str, Any]:
    """The stages of a dvc.yaml; all but `frames` only write their outputs."""
    stages = {}
    for name, stage in described["stages"].items():
        inner = dict(stage.get("do", stage))
        if name != "frames":
            outputs = [
                path
                for kind in ("outs", "metrics", "plots")
                for entry in inner.get(kind, ())
                for path in ([entry] if isinstance(entry, str) else entry)
            ]
            inner["cmd"] = [f'mkdir -p "$(dirname {path})" && echo "{{}}" > {path}' for path in outputs]
        stages[name] = {**stage, "do": inner} if "do" in stage else inner
    return stages


def tree_stages() -> dict[str, Any]:
    """Two trivial stages that depend on the tree itself."""
    return {name: {"cmd": f"echo > {name}.txt", "deps": ["data/tree"], "outs": [f"{name}.txt"]} for name in ("a", "b")}


def rehearse(folder: Path, frames: int, old_way: bool) -> dict[str, Any]:
    """Run all steps over a tree of about so many frames below ``folder``; returns the figures."""
    rehearsal = Rehearsal(folder, frames)
    described = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))
    for name, code in (("walk", WALK), ("walk and read", READ)):
        rehearsal.measure(name, PYTHON, "-c", code, "data/tree")
    rehearsal.use_stages({})
    rehearsal.dvc("dvc repro, no stages", "repro")
    rehearsal.dvc("dvc status, no stages", "status")
    rehearsal.list_frames("first")
    rehearsal.list_frames("again")
    shutil.rmtree(folder / "artifacts")
    rehearsal.use_stages(idle_stages(described))
    rehearsal.dvc("dvc repro, first", "repro")
    rehearsal.dvc("dvc repro, no change", "repro")
    rehearsal.dvc("dvc status, no change", "status")
    rehearsal.replace_a_frame()
    rehearsal.dvc("dvc repro, a frame replaced", "repro")
    if old_way:
        rehearsal.use_stages(tree_stages())
        for name, command in (
            ("repro, first", "repro"),
            ("repro, no change", "repro"),
            ("status, no change", "status"),
        ):
            rehearsal.dvc(f"tree as dependency: dvc {name}", command)
    files = sum(len(names) for _, _, names in os.walk(rehearsal.root))
    return {"files": files, "steps": [asdict(step) for step in rehearsal.steps]}


def describe(figures: dict[str, Any]) -> list[str]:
    """The figures as lines of text; `over start-up`: more than the same command in a project without stages."""
    walk = figures["steps"][0]["seconds"]
    start_up = {step["name"].partition(",")[0]: step for step in figures["steps"] if step["name"].endswith("no stages")}
    rows = [("step", "s", "CPU s", "x walk", "s over start-up", "peak MB", "stages run")]
    for step in figures["steps"]:
        base = start_up.get(step["name"].removeprefix("tree as dependency: ").partition(",")[0])
        rows.append(
            (
                step["name"],
                f"{step['seconds']:.2f}",
                f"{step['computing']:.2f}",
                f"{step['seconds'] / walk:.1f}",
                f"{step['seconds'] - base['seconds']:.2f}" if base else "-",
                f"{step['peak'] / 1e6:.0f}",
                str(len(step["stages"])) if base else "-",
            )
        )
    return [f"{figures['files']:,} files", *align_columns(rows)]


def main(argv: list[str] | None = None) -> int:
    """Rehearse in a temporary folder, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dvc_full_size", description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=ALL_FRAMES, help="about so many frames (default: all)")
    parser.add_argument("--old-way", action="store_true", help="also with the tree itself as a dependency (minutes)")
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder (default: the system's)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        figures = rehearse(Path(folder), args.frames, args.old_way)
    print(json.dumps(figures, indent=2) if args.json else "\n".join(describe(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
