"""The project that the campaign breaks: generated walkers, a network of seconds, and all that is made of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.exchange import write_random_keypoints
from star.demo_project import unpack_project

REPOSITORY = Path(__file__).resolve().parents[2]
DATA_SET, RUN = "tiny", "full"
ARTIFACTS = Path("artifacts") / DATA_SET
HOME = ARTIFACTS / "runs" / RUN
KEYPOINTS = ARTIFACTS / "keypoints" / "train.h5"
LISTING = ARTIFACTS / "frames" / "train.json"
# Random keypoints, so many that exports and imports take longer than their start.
MANY, MANY_FRAMES = "many/keypoints.h5", 40_000
WALKERS = ("--train-persons", "3", "--test-persons", "2", "--tracks", "2", "--frames", "5")
SETTINGS = {
    "params.yaml": f"dataset: {DATA_SET}\nroot: data/{DATA_SET}\nruns: [{RUN}]\nclip_lengths: 1,2\n",
    f"configs/{DATA_SET}.yaml": "pose:\n  preset: sample\n  chunk_frames: 11\nedges: {angle: atan2}\nmin_score: 0.3\n",
    f"configs/runs/{DATA_SET}/{RUN}.yaml": f"""name: {RUN}
dataset: {DATA_SET}
root: data/{DATA_SET}
model:
  backbone: narrow
  frames: 2
  image_height: 23
  image_width: 17
  edge_hidden: 7
  lstm_hidden: 11
  graph_hidden: 3
  graph_width: 13
  kl_width: 19
data:
  persons: 2
  tracks_per_modality: 2
  min_frames: 2
train:
  epochs: 3
  steps_per_epoch: 5
  warmup_epochs: 0
  milestones: [2]
  checkpoint_steps: 2
""",
}


def star(*words: str) -> list[str]:
    """A command as a list of words."""
    return [sys.executable, "-m", "star", *words]


def environment() -> dict[str, str]:
    """Of a command's process: this code and this interpreter, and nothing of the user's settings for STAR and DVC."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("STAR_", "DVC_"))}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": programs, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}


def write_data(folder: Path, seed: int) -> None:
    """Settings, stages and a generated data set in the new `folder`."""
    unpack_project(folder)
    shutil.rmtree(folder / "data")
    shutil.rmtree(folder / "configs" / "runs")
    for name, text in SETTINGS.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    made = ("--out", f"data/{DATA_SET}", "--artifacts", "true", "--dataset", DATA_SET, "--seed", str(seed))
    _run(folder, star("synth", *made, *WALKERS))


def build_project(folder: Path, seed: int) -> Path:
    """`folder`, made if it is not there yet, with everything that `dvc repro` makes of a generated data set.

    Also what is imported: keypoints in the formats that `star export` writes. Ends the campaign where a command fails.
    """
    ready = folder / "ready"
    if ready.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_data(folder, seed)
    _run(folder, [sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"])
    _run(folder, [sys.executable, "-m", "dvc", "repro", "--quiet"])
    write_random_keypoints(folder / MANY, MANY_FRAMES, seed)
    for source, place in ((str(KEYPOINTS), "exported"), (MANY, "many")):
        for kind, name in (("coco", "results.json"), ("pyskl", "tracks.pkl")):
            _run(folder, star("export", source, "--format", kind, "--out", f"{place}/{name}"))
    ready.touch()
    return folder


def _run(folder: Path, command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)}: expected exit status 0, got {done.returncode}: {done.stderr[-2000:]}")
