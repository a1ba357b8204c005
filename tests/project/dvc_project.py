"""A temporary copy of the project under DVC and git, with a small tree of its own, and ways to run and kill it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

from tests.pipeline.datasets.trees import INFRARED, VISIBLE, Row, build_tree
from tests.pipeline.keypoints.stub_estimator import wait_until

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "command_line",
    "configs",
    "data_cache",
    "model",
    "pipeline",
    "star",
    "dvc.yaml",
    "params.yaml",
    ".dvcignore",
    ".dvc/config",
    ".dvc/.gitignore",
)
STAGE_ONE = ("edges", "graphs")  # and what they need
CHUNK_FRAMES = 3
TRAIN = (Row(VISIBLE, 1, 3, 7), Row(INFRARED, 2, 1, 5))
TEST = (Row(INFRARED, 7, 2, 2),)
SETTINGS = f"pose:\n  preset: sample\n  chunk_frames: {CHUNK_FRAMES}\nedges: {{}}\nmin_score: 0.3\n"

# Every Python process of a run reads this at its start: the one that is about to give the third chunk (or checkpoint)
# its name says so and stops there, so that the kill always comes in the middle.
PAUSE = """
import os, signal, sys
from pathlib import Path
renamed = []
def pause(event, arguments):
    if event == "os.rename" and os.environ["PAUSE_AT"] in str(arguments[1]):
        renamed.append(arguments[1])
        if len(renamed) == 3:
            Path(os.environ["PAUSED"]).touch()
            signal.pause()
sys.addaudithook(pause)
"""


@dataclass
class DvcProject:
    """The copy at `folder`; its data set is `tiny`, below it in `tree`."""

    folder: Path

    def environment(self, *python_path: Path) -> dict[str, str]:
        """No configuration and no cache from outside the copy, and the interpreter that runs this test."""
        return {
            **{name: text for name, text in os.environ.items() if not name.startswith(("STAR_", "DVC_"))},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(map(str, (*python_path, self.folder))),
            "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(self.folder / ".dvc" / "none"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.folder / ".dvc" / "none"),
        }

    def repro(self, *targets: str) -> set[str]:
        """`dvc repro` of `targets`, by default all of stage one; the stages that it ran."""
        command = [sys.executable, "-m", "dvc", "repro", *(targets or STAGE_ONE)]
        run = subprocess.run(
            command, cwd=self.folder, env=self.environment(), text=True, capture_output=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return set(re.findall(r"^Running stage '(.*)':", run.stdout, re.MULTILINE))

    def kill_in_the_middle(self, *targets: str, pause_at: str = ".chunks/") -> None:
        """Start `dvc repro` and kill it, with all its processes, when two chunks are finished and a third is not.

        pause_at: what paths of chunks, or of whatever else is counted, have in them
        """
        hook, paused = self.folder.parent / "hook", self.folder.parent / "paused"
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(PAUSE)
        with subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", *targets],
            cwd=self.folder,
            env={**self.environment(hook), "PAUSED": str(paused), "PAUSE_AT": pause_at},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as run:
            wait_until(lambda: paused.exists() or run.poll() is not None)
            os.killpg(run.pid, SIGKILL)
        assert paused.exists()

    def artifact(self, kind: str, split: str) -> Path:
        return self.folder / "artifacts" / "tiny" / kind / f"{split}.h5"

    def contents(self) -> dict[str, bytes]:
        """Every file that a stage made, by its path."""
        made = (self.folder / "artifacts").glob("*/*/*.h5")
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in made}

    def chunks(self, split: str) -> dict[str, int]:
        """The finished chunk files of a split, with the time each was written."""
        folder = self.artifact("keypoints", split).with_suffix(".chunks")
        return {file.name: file.stat().st_mtime_ns for file in folder.glob("*.h5")}

    def forget_results(self) -> None:
        """As in a fresh clone: no artifact, and nothing in DVC's cache from which it could come back."""
        shutil.rmtree(self.folder / "artifacts")
        shutil.rmtree(self.folder / ".dvc" / "cache")
        (self.folder / "dvc.lock").unlink()


def copy_project(folder: Path) -> DvcProject:
    """Copy what the stages need, make the tree, and put both under git and DVC."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "pose_training"))
        else:
            shutil.copy(source, target)
    build_tree(folder / "tree", train=TRAIN, test=TEST)
    (folder / "configs" / "tiny.yaml").write_text(SETTINGS)
    (folder / "params.yaml").write_text("dataset: tiny\nroot: tree\nruns: [short]\nclip_lengths: 1,2\n")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return DvcProject(folder)


@contextmanager
def unchanged(project: DvcProject, *names: str) -> Iterator[None]:
    """Hold that the files `names` are neither another content nor written anew within the block."""
    files = [project.folder / name for name in names]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    yield
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before
