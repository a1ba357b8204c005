"""What an install costs: the wheel in a fresh virtual environment, without extras and layer by layer.

    python -m benchmarks.base_install [--keypoints FILE] [--layers plot exchange flow train extract]

Needs the package index. Builds the wheel, installs it without extras in the versions of constraints.txt, and runs
`star` far from the project. Each layer is then missed by a command, added by the very command that its message prints,
and the command run again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from command_line.text_table import align_columns

ROOT = Path(__file__).resolve().parent.parent
KEYPOINTS = ROOT / "artifacts" / "sample" / "keypoints" / "test.h5"
# What misses a layer.
NEEDS = {
    "plot": "inspect {keypoints} --plot sheet.png --root {sample}",
    "exchange": "export {keypoints} --format movement --out poses.nc --fps 25",
    "flow": "demo new",
    "train": "train --config {run} --set root={sample} --set train.epochs=1",
    "extract": "keypoints --split test --config {config} --root {sample} --dataset sample --out {keypoints}",
}
RUNS_AGAIN = ("plot", "exchange")  # the other commands take minutes
ADDED = "add it with: "


@dataclass(frozen=True)
class Environment:
    """A virtual environment at `home`, and the folder that commands run in."""

    home: Path
    folder: Path

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command line with the environment's programs before all others."""
        path = f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": ""}
        return subprocess.run(
            command, shell=True, cwd=self.folder, env=environment, text=True, capture_output=True, check=False
        )

    def add(self, command: str) -> float:
        """Run pip; the seconds it took. Raises ChildProcessError where it fails."""
        began = time.perf_counter()
        done = self.run(command)
        if done.returncode:
            raise ChildProcessError(f"{command}: {done.stderr.strip().splitlines()[-1]}")
        return time.perf_counter() - began

    def megabytes(self) -> float:
        """Size of what is installed, without pip and setuptools, which a fresh environment has."""
        (site,) = self.home.glob("lib/python*/site-packages")
        own = ("pip", "setuptools", "_distutils_hack", "pkg_resources")
        files = [file for top in site.iterdir() if not top.name.startswith(own) for file in (top, *top.rglob("*"))]
        return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def measure(folder: Path, keypoints: Path, layers: list[str]) -> list[tuple[str, str, str]]:
    """One row an install: what, seconds of pip, megabytes after it."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", folder / "fresh"], check=True)
    (folder / "work").mkdir()
    fresh = Environment(folder / "fresh", folder / "work")
    seconds = fresh.add(f"pip install --constraint {ROOT / 'constraints.txt'} {wheel}")
    rows = [("base", f"{seconds:.0f}", f"{fresh.megabytes():.0f}")]
    shutil.copy(keypoints, fresh.folder / "keypoints.h5")
    places = {
        "keypoints": "keypoints.h5",
        "sample": ROOT / "data" / "sample",
        "run": ROOT / "configs/runs/sample/full.yaml",
        "config": ROOT / "configs/sample.yaml",
    }
    for layer in layers:
        command = f"star {NEEDS[layer].format(**places)}"
        seconds = fresh.add(remedy(fresh, command))
        rows.append((f"+ {layer}", f"{seconds:.0f}", f"{fresh.megabytes():.0f}"))
        if layer in RUNS_AGAIN and ADDED in (said := fresh.run(command).stderr):
            raise ChildProcessError(f"{command}: {said.strip().splitlines()[-1]}")
    return rows


def remedy(environment: Environment, command: str) -> str:
    """The command that the message of `command` names. Raises ChildProcessError where there is none."""
    said = environment.run(command).stderr.strip().splitlines()[-1]
    if ADDED not in said:
        raise ChildProcessError(f"{command}: expected a missing layer, got {said}")
    return said.split(ADDED)[1]


def main(argv: list[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.base_install", description=__doc__.splitlines()[0])
    parser.add_argument("--keypoints", type=Path, default=KEYPOINTS, help="any keypoints file of the sample")
    parser.add_argument("--layers", nargs="*", choices=list(NEEDS), default=[], help="to add one after another")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = measure(Path(folder), arguments.keypoints.resolve(), arguments.layers)
        except (ChildProcessError, OSError) as error:
            parser.exit(1, f"{error}\n")
    print("\n".join(align_columns([("install", "pip, s", "MB"), *rows])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
