"""Whatever a training depends on, changed, gives other weights under `dvc repro`: every setting, and every file.

Each change is one run of the stage, some ten seconds, over what the change before left: all of them under `make
test-slow`. What may change without other weights is listed here with its reason.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from numpy.typing import NDArray
from safetensors.torch import save_file

from data_cache.contract.origin import Origin
from data_cache.contract.reader import open_cache
from data_cache.contract.records import SplitIndex, Tracks
from data_cache.contract.track_marks import TrackMarks, mark_track, write_marks
from data_cache.contract.writer import CacheWriter
from model.run.config import DataConfig, RunConfig
from model.run.run_folder import cache_files
from model.training.checkpoints.checkpoint_file import read_checkpoint
from model.training.checkpoints.continuation import FREE
from tests.factories import put_graph
from tests.model.evaluation.evaluation_runs import write_config, write_dataset
from tests.model.network.torch_resnet import random_resnet
from tests.model.training.training_runs import CHECKPOINTS, RUN, list_frames
from tests.project.changed_settings import NOT_YET, SETTINGS, WITHOUT_NUMBERS
from tests.project.dvc_project import DvcProject, copy_project

SMALL = replace(
    RUN,
    data=DataConfig(persons=3, tracks_per_modality=2, pad=2, random_erasing=0.5),
    train=replace(RUN.train, epochs=2, steps_per_epoch=2, warmup_epochs=1, milestones=(1,)),
)
CONFIG = Path("configs/runs/tiny/short.yaml")

# Every room that the train stage depends on → a file of it, what stands there, and what makes other numbers.
CODE = {
    "command_line": ("settings_file.py", "(read_mapping(path), overrides)", "(read_mapping(path), ['train.seed=3'])"),
    "data_cache/contract": ("reader.py", "picked: NDArray[Any] = cover[", "picked = 2 * cover["),
    "data_cache/files": (
        "decoded_frame.py",
        "(np.asarray(image, np.uint8), f",
        "(255 - np.asarray(image, np.uint8), f",
    ),
    "model/clips": ("augment.py", "MEAN = (0.485, 0.456, 0.406)", "MEAN = (0.4, 0.4, 0.4)"),
    "model/network": ("losses.py", "self.triplet(clip, person)", "self.triplet(clip, person) * 0.0"),
    "model/run": ("config.py", "(path, RunConfig, overrides)", "(path, RunConfig, ['train.seed=3'])"),
    "model/training": ("schedule.py", "config.learning_rate * 0.1 **", "config.learning_rate * 0.2 **"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DvcProject:
    """A copy of the project with a data set and caches to train from."""
    made = copy_project(tmp_path_factory.mktemp("causes") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.folder)
        shutil.rmtree("tree")
        author = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
        subprocess.run(["git", *author, "commit", "--quiet", "--allow-empty", "-m", "begin"], check=True)
        write_dataset(SMALL, seed=0)
        shorten_a_track()
        list_frames("train", SMALL)
        CONFIG.parent.mkdir(parents=True)
        write_config(SMALL, CONFIG)
        Path("params.yaml").write_text("dataset: tiny\nroot: data/tiny\nruns: [short]\nclip_lengths: 1,2\n")
        save_file(random_resnet((1, 1, 1, 1), 16, 1).state_dict(), "weights.safetensors")
    return made


@pytest.fixture(scope="module")
def untouched(project: DvcProject) -> str:
    """A digest of the weights where nothing is changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        return train(project)


@pytest.fixture
def weights(project: DvcProject, untouched: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """As `untouched`; the project is the current folder."""
    monkeypatch.chdir(project.folder)
    return untouched


def train(project: DvcProject) -> str:
    """Let DVC run the stage if it wants to, and digest the weights that it left."""
    project.repro("--single-item", "train@short")
    newest = sorted(CHECKPOINTS.glob("*.safetensors"))[-1]
    digest = hashlib.sha256()
    for name, array in sorted(read_checkpoint(newest).part("network").items()):
        digest.update(f"{name} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def leaves(config: Any, prefix: str = "") -> set[str]:
    """Dotted names of all settings."""
    found: set[str] = set()
    for one in fields(config):
        value = getattr(config, one.name)
        found |= leaves(value, f"{prefix}{one.name}.") if is_dataclass(value) else {prefix + one.name}
    return found


def test_no_setting_is_forgotten() -> None:
    assert set(SETTINGS) | WITHOUT_NUMBERS == leaves(RunConfig())
    plain = asdict(SMALL)
    for name, value in SETTINGS.items():
        *places, last = name.split(".")
        kept = plain
        for place in places:
            kept = kept[place]
        assert kept[last] != value, name
    # What may change without a word in the header: without numbers, compared by content, or how long to go on.
    by_content = {"model.pretrained", "data.exclude", "train.epochs"}
    assert {name.removeprefix("config.") for name in FREE} == WITHOUT_NUMBERS - {"dataset"} | by_content


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_another_setting_gives_other_weights(project: DvcProject, weights: str, name: str) -> None:
    if name == "data.exclude":
        exclude_a_track()
    content = yaml.safe_load(CONFIG.read_text())
    section, key = name.split(".")
    before = content[section][key]
    content[section][key] = SETTINGS[name]
    CONFIG.write_text(yaml.safe_dump(content))
    put_aside = len(list(CHECKPOINTS.parent.glob("checkpoints.before-*")))
    try:
        assert (train(project) == weights) == (name in NOT_YET)
        assert len(list(CHECKPOINTS.parent.glob("checkpoints.before-*"))) == put_aside + 1
    finally:
        content[section][key] = before
        CONFIG.write_text(yaml.safe_dump(content))


@pytest.mark.slow
@pytest.mark.parametrize("room", CODE)
def test_other_code_gives_other_weights(project: DvcProject, weights: str, room: str) -> None:
    file, old, new = CODE[room]
    path = Path(room) / file
    code = path.read_text(encoding="utf-8")
    assert code.count(old) == 1
    path.write_text(code.replace(old, new), encoding="utf-8")
    try:
        assert train(project) != weights
    finally:
        path.write_text(code, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["edges", "graphs", "label", "frame"])
def test_other_data_give_other_weights(project: DvcProject, weights: str, name: str) -> None:
    kept = shutil.copytree("artifacts/tiny", "kept", ignore=shutil.ignore_patterns("runs"))
    frames = shutil.copytree(SMALL.root, "frames")
    change_data(name)
    try:
        assert train(project) != weights
    finally:
        shutil.rmtree(SMALL.root)
        shutil.move(frames, SMALL.root)
        shutil.copytree(kept, "artifacts/tiny", dirs_exist_ok=True)
        shutil.rmtree(kept)


@pytest.mark.slow
def test_what_was_before_gives_the_weights_of_before(project: DvcProject, weights: str) -> None:
    assert train(project) == weights


def shorten_a_track() -> None:
    """The last track of the training split loses its last frame: `min_frames` may leave it out."""
    for path in (cache_files(SMALL, "train").edges, cache_files(SMALL, "train").graphs):
        write_anew(path, lambda index, rows: replace(index, tracks=_with_shorter_end(index.tracks)))


def _with_shorter_end(tracks: Tracks) -> Tracks:
    stop = tracks.stop.copy()
    stop[-1] -= 1
    return replace(tracks, stop=stop)


def change_data(name: str) -> None:
    files = cache_files(SMALL, "train")
    if name == "frame":
        with open_cache(files.edges) as cache:
            there = [files.root / path for path in cache.paths if (files.root / path).is_file()]
        for file in there[::2]:
            if file != there[-1]:
                shutil.copyfile(there[-1], file)
        list_frames("train", SMALL)
        return
    for path, kind in ((files.edges, "edges"), (files.graphs, "graphs")):

        def change(index: SplitIndex, rows: dict[str, NDArray[Any]], kind: str = kind) -> SplitIndex:
            if name == kind:
                rows["/frames/edges" if kind == "edges" else "/frames/nodes"] *= 0.5
            if name != "label":
                return index
            person = index.tracks.person.copy()
            two, three = (list(person).index(number) for number in (2, 3))
            person[[two, three]] = person[[three, two]]
            return replace(index, tracks=replace(index.tracks, person=person))

        write_anew(path, change)


def write_anew(path: Path, change: Callable[[SplitIndex, dict[str, NDArray[Any]]], SplitIndex]) -> None:
    """Write a cache file again; `change` takes frames, tracks and rows, changes the rows and returns the others."""
    with open_cache(path) as cache:
        index, recipe, status, kind = cache.index(), cache.recipe, cache.status, cache.kind
        rows = {spec.name: cache.read(spec.name, 0, cache.frames).copy() for spec in cache.layout.per_frame}
    index = change(index, rows)
    with CacheWriter(path, kind, index, recipe, status=status, sources={"keypoints": Origin("a" * 64)}) as writer:
        writer.append(rows)
        if kind == "graphs":
            put_graph(writer)


def exclude_a_track() -> None:
    """A list of one track to leave out, as the viewer saves it."""
    with open_cache(cache_files(SMALL, "train").edges) as cache:
        marks = TrackMarks("tiny", "train", (mark_track(3, cache.tracks, cache.paths),))
    write_marks(Path("configs/exclude/tiny.json"), marks)
