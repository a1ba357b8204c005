"""A training goes on, or counts as done, only where data, code and epochs are what they were."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from command_line import digests
from data_cache.contract.origin import Origin
from data_cache.contract.reader import open_cache
from data_cache.contract.writer import CacheWriter
from model.__main__ import main
from model.clips.clip_files import open_split
from model.run import origin
from model.run.run_folder import cache_files
from model.training.checkpoints.checkpoint_file import read_checkpoint, write_checkpoint
from tests.factories import put_graph
from tests.model.training.training_runs import CHECKPOINTS, EPOCHS, RUN, STEPS, TRAIN, list_frames, write_training_run
from tests.same_files import content

LAST = CHECKPOINTS / f"step-{EPOCHS * STEPS:08d}.safetensors"
CACHES = (Path("artifacts/tiny/edges/train.h5"), Path("artifacts/tiny/graphs/train.h5"))
LISTING = Path("artifacts/tiny/frames/train.json")
RESTART = ("--resume", "--on-change", "restart")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set, the list of its frames, and a run that went through."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_training_run()
        list_frames("train")
        assert main([*TRAIN]) == 0
    return folder


@pytest.fixture(autouse=True)
def copied(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def correct_labels() -> None:
    """Two persons of the training split change places, in caches of the same recipes."""
    for file in CACHES:
        with open_cache(file) as cache:
            person = cache.tracks.person.copy()
        two, three = np.flatnonzero(person == 2)[0], np.flatnonzero(person == 3)[0]
        person[[two, three]] = person[[three, two]]
        write_anew(file, person=person)
    assert open_split(cache_files(RUN, "train"), RUN.dataset, "train").tracks.person[two] == 3


def write_anew(
    path: Path, code: str | None = None, sources: Mapping[str, Origin] | None = None, **columns: NDArray[Any]
) -> None:
    """Write a cache file again, with other columns of its tracks, as made by other code or from other sources."""
    with open_cache(path) as cache:
        index, recipe, status, kind = cache.index(), cache.recipe, cache.status, cache.kind
        rows = {spec.name: cache.read(spec.name, 0, cache.frames) for spec in cache.layout.per_frame}
    index = replace(index, tracks=replace(index.tracks, **columns))
    with CacheWriter(path, kind, index, recipe, status=status, code=code, sources=sources) as writer:
        writer.append(rows)
        if kind == "graphs":
            put_graph(writer)


def replace_frames() -> None:
    """Every other frame of the training split becomes the last one."""
    with open_cache(CACHES[0]) as reader:
        files = [Path(RUN.root) / path for path in reader.paths]
    for file in [file for file in files if file.is_file()][::2]:
        shutil.copyfile(files[-1], file) if file != files[-1] else None
    list_frames("train")


def weights(file: Path) -> dict[str, NDArray[Any]]:
    return read_checkpoint(file).part("network")


def differ(a: dict[str, NDArray[Any]], b: dict[str, NDArray[Any]]) -> bool:
    return any(not np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("change", "named"),
    [(correct_labels, "origin.edges: "), (correct_labels, "origin.graphs: "), (replace_frames, "origin.frames: ")],
)
def test_other_data_under_the_same_names_are_refused(
    change: Any, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(CHECKPOINTS)
    change()
    assert main([*TRAIN, "--resume"]) == 1
    error = capsys.readouterr().err
    assert "cannot go on" in error and named in error and "--on-change restart" in error
    assert content(CHECKPOINTS) == before


@pytest.mark.parametrize("change", [correct_labels, replace_frames])
def test_they_are_trained_on_anew_where_that_is_asked_for(change: Any, trained: Path) -> None:
    change()
    assert main([*TRAIN, *RESTART]) == 0
    assert differ(weights(LAST), weights(trained / LAST))
    with open_cache(CACHES[0]) as edges:
        assert edges.origin is not None
        assert read_checkpoint(LAST).facts["origin"]["edges"] == edges.origin.plain()


def test_caches_that_hold_the_same_are_the_same_whatever_made_them(caplog: pytest.LogCaptureFixture) -> None:
    before = CACHES[0].read_bytes()
    write_anew(CACHES[0], code="c" * 64)
    assert CACHES[0].read_bytes() != before
    with caplog.at_level(logging.INFO):
        assert main([*TRAIN, "--resume"]) == 0
    assert "nothing has changed since" in caplog.text


def test_a_cache_that_does_not_hold_what_was_written_is_not_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(CACHES[0], "r+") as cache:
        cache["frames/edges"][3, 5, 7, 0] += 0.25
    for resume in ((), ("--resume",), RESTART):
        assert main([*TRAIN, *resume]) == 1
        assert f"error: {CACHES[0]}: content: expected sha256 " in capsys.readouterr().err


def test_other_frames_than_the_caches_were_made_from_are_said(caplog: pytest.LogCaptureFixture) -> None:
    for file in CACHES:
        write_anew(file, sources={"keypoints": Origin("a" * 64, sources={"frames": Origin("b" * 64)})})
    assert main([*TRAIN, "--resume"]) == 0
    assert f"{LISTING}: these are other frames than those that {CACHES[0]} was made from" in caplog.text
    LISTING.unlink()
    assert main([*TRAIN, "--resume"]) == 1  # the frames that the caches tell of are not those that it was trained on


def test_edges_and_graphs_of_other_keypoints_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    for file, digit in zip(CACHES, "ab", strict=True):
        write_anew(file, sources={"keypoints": Origin(digit * 64)})
    assert main([*TRAIN, "--resume"]) == 1
    assert f"{CACHES[0]} and {CACHES[1]}: origin: expected the same keypoints in both" in capsys.readouterr().err


def test_code_that_decides_numbers_is_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for room in origin.TRAINING_ROOMS:
        shutil.copytree(digests.TOP / room, tmp_path / "code" / room)
    monkeypatch.setattr(origin, "room_digest", lambda room: digests.room_digest(room, tmp_path / "code"))
    assert main([*TRAIN, "--resume"]) == 0  # the same code, wherever it lies
    losses = tmp_path / "code" / "model" / "network" / "losses.py"
    code = losses.read_text(encoding="utf-8")
    losses.write_text(f"# Words.\n{code}", encoding="utf-8")
    assert main([*TRAIN, "--resume"]) == 0
    assert code.count("self.triplet(clip, person)") == 1
    losses.write_text(code.replace("self.triplet(clip, person)", "self.triplet(clip, person) * 0.0"), encoding="utf-8")
    assert main([*TRAIN, "--resume"]) == 1
    error = capsys.readouterr().err
    assert "origin.code.model/network: " in error and "origin.code.model/clips" not in error


def test_fewer_epochs_than_done_are_not_done(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    fewer = ("--set", f"train.epochs={EPOCHS - 1}")
    before = content(CHECKPOINTS)
    assert main([*TRAIN, "--resume", *fewer]) == 1
    assert f"train.epochs: {EPOCHS} epochs and 0 steps done then, {EPOCHS - 1} epochs now" in capsys.readouterr().err
    assert content(CHECKPOINTS) == before
    assert main([*TRAIN, *RESTART, *fewer]) == 0
    made = CHECKPOINTS / f"step-{(EPOCHS - 1) * STEPS:08d}.safetensors"
    alone = ("--set", "name=alone")
    assert main([*TRAIN, *fewer, *alone]) == 0
    again = CHECKPOINTS.parents[1] / "alone" / "checkpoints" / made.name
    assert not differ(weights(made), weights(again))


def test_what_changes_nothing_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    files = [file for file in Path("artifacts").rglob("*") if file.is_file()]
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    with caplog.at_level(logging.INFO):
        assert main([*TRAIN, "--resume"]) == 0
    assert f"{LAST}: all {EPOCHS} epochs are done, and nothing has changed since" in caplog.text
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in before} == before


def test_a_checkpoint_from_before_goes_on_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    old = read_checkpoint(LAST)
    del old.facts["origin"]
    write_checkpoint(LAST, old)
    assert main([*TRAIN, "--resume", "--set", f"train.epochs={EPOCHS + 1}"]) == 0
    assert "does not note its origin" in caplog.text
    assert "origin" in read_checkpoint(CHECKPOINTS / f"step-{(EPOCHS + 1) * STEPS:08d}.safetensors").facts


def test_without_a_list_of_frames_they_are_not_compared_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    LISTING.unlink()
    assert main([*TRAIN, "--resume"]) == 0
    assert "the frames are listed only in the checkpoint (`star frames` writes the list)" in caplog.text


def test_results_say_what_they_were_made_of() -> None:
    assert main(["evaluate", "--config", "short.yaml"]) == 0
    provenance = json.loads((CHECKPOINTS.parent / "metrics.json").read_text())["provenance"]
    assert provenance["checkpoint"]["origin"] == read_checkpoint(LAST).facts["origin"]
    with h5py.File(CHECKPOINTS.parent / "features.h5") as features:
        assert json.loads(features.attrs["recipe"]) == provenance
    assert provenance["origin"].pop("code").keys() == set(origin.RESULT_ROOMS)
    for kind, found in provenance["origin"].items():
        with open_cache(Path(f"artifacts/tiny/{kind}/test.h5")) as cache:
            assert cache.origin is not None and found == cache.origin.plain()
    assert provenance["origin"].keys() == {"edges", "graphs"}
