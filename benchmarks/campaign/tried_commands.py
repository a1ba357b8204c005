"""The commands that are killed and starved: what each needs and makes, and what of that has to come out the same."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.campaign.command_run import run_command
from benchmarks.campaign.tried_project import ARTIFACTS, HOME, KEYPOINTS, LISTING, MANY, RUN, star
from command_line.digests import file_sha256

REPORT = ARTIFACTS / "reports" / f"{RUN}.html"
UNFINISHED, DAMAGED = (".partial", ".unfinished", ".lock"), "damaged"
IMPORTED = "campaign/imported.h5"


@dataclass(frozen=True)
class TriedCommand:
    """A command of the tried project.

    words:   as a list
    removed: files and folders to take away first, so that it has everything to do
    made:    patterns of the files that it makes, whose bytes are compared
    digest:  of a made file; None: of its bytes
    """

    name: str
    words: list[str]
    removed: tuple[str, ...]
    made: tuple[str, ...]
    digest: Callable[[Path], str] = file_sha256

    def begin(self, project: Path, folder: Path) -> Path:
        """Make `folder` a copy of `project` in which the command has everything to do; returns it."""
        shutil.rmtree(folder, ignore_errors=True)
        left_out = {str(project / name) for name in self.removed}
        shutil.copytree(
            project, folder, ignore=lambda place, names: [name for name in names if f"{place}/{name}" in left_out]
        )
        return folder

    def undisturbed(self, project: Path, folder: Path) -> tuple[dict[str, str], float]:
        """Its results and the seconds it takes in a copy of `project`, left alone. RuntimeError where it fails."""
        done = run_command(self.words, self.begin(project, folder))
        results = self.results(folder)
        if done.ending != "done" or not results:
            raise RuntimeError(f"{self.name}: expected exit status 0 and files, got {done.status}: {done.errors}")
        return results, done.seconds

    def results(self, folder: Path) -> dict[str, str]:
        """Every file under its final name, by its path in the project, with a digest; `damaged` where none is read."""
        found = {}
        for file in sorted({file for pattern in self.made for file in folder.glob(pattern)}):
            if file.suffix not in UNFINISHED and file.is_file():
                found[str(file.relative_to(folder))] = self._digest_or_damaged(file)
        return found

    def _digest_or_damaged(self, file: Path) -> str:
        try:
            return self.digest(file)
        except (ValueError, OSError):
            return DAMAGED


def _weights(file: Path) -> str:
    """Of a checkpoint: every tensor and fact of it, read by the reader that verifies them."""
    from benchmarks.campaign.value_digest import value_digest
    from model.training.checkpoints.checkpoint_file import read_checkpoint

    found = read_checkpoint(file)
    return value_digest((found.tensors, found.facts))


def _dvc_digest(file: Path) -> str:
    return _weights(file) if file.suffix == ".safetensors" else file_sha256(file)


def _exported(kind: str, name: str) -> TriedCommand:
    words = star("export", MANY, "--format", kind, "--out", f"campaign/{name}")
    return TriedCommand(f"export {kind}", words, ("campaign",), ("campaign/*",))


CACHE = str(ARTIFACTS / "*" / "*.h5")
CHECKPOINTS = str(HOME / "checkpoints" / "*.safetensors")
RESULTS = (str(HOME / "metrics.json"), str(HOME / "features.h5"))
EXTRACTION = TriedCommand(
    "extraction",
    star("keypoints", "--split", "train", "--frames", "--workers", "2"),
    (str(KEYPOINTS), str(KEYPOINTS.with_suffix(".chunks"))),
    (str(KEYPOINTS), f"{KEYPOINTS.with_suffix('.chunks')}/*"),
)
ALONE = replace(
    EXTRACTION,
    name="extraction, one process",
    words=star("keypoints", "--split", "train", "--frames", "--workers", "0"),
)
TRAINING = TriedCommand(
    "training",
    star("train", "--run", RUN, "--resume", "--on-change", "restart"),
    (str(HOME),),
    (CHECKPOINTS,),
    _weights,
)
EVALUATION = TriedCommand("evaluation", star("evaluate", "--run", RUN), RESULTS, RESULTS)
REPORTING = TriedCommand("report", star("report", "--run", RUN), (str(REPORT.parent),), (str(REPORT),))
REPRODUCTION = TriedCommand(
    "dvc repro",
    [sys.executable, "-m", "dvc", "repro", "--quiet"],
    (str(ARTIFACTS), "dvc.lock", ".dvc/cache"),
    (CACHE, str(LISTING.parent / "*.json"), CHECKPOINTS, *RESULTS, str(HOME / "clip_lengths.json"), str(REPORT)),
    _dvc_digest,
)
IMPORT = TriedCommand(
    "import",
    star("import", "many/tracks.pkl", "--format", "pyskl", "--frames", MANY, "--out", IMPORTED),
    ("campaign",),
    (IMPORTED,),
)
EDGES = TriedCommand(
    "edges", star("edges", "--split", "train"), (str(ARTIFACTS / "edges"),), (str(ARTIFACTS / "edges" / "*"),)
)
EXPORTS = tuple(
    _exported(kind, name) for kind, name in (("coco", "results.json"), ("pyskl", "tracks.pkl"), ("sleap", "frames.h5"))
)
BY_NAME = {
    command.name: command
    for command in (EXTRACTION, ALONE, TRAINING, REPRODUCTION, *EXPORTS, IMPORT, EDGES, EVALUATION, REPORTING)
}


def differing(found: dict[str, str], whole: dict[str, str], *, missing: bool = True) -> list[str]:
    """Files that are not as in the whole; with `missing`, also those that are not there, or are beside them."""
    other = {name for name in found.keys() & whole.keys() if found[name] != whole[name]}
    damaged = {name for name, digest in found.items() if digest == DAMAGED}
    return sorted(other | damaged | (found.keys() ^ whole.keys() if missing else set()))
