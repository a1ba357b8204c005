"""`data.exclude`: what a list leaves out of training, what it leaves alone, and lists that do not fit."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.track_marks import TrackMarks, mark_track, write_marks
from model.__main__ import main
from model.clips.clip_files import open_split
from model.clips.draws import StepPosition
from model.evaluation import clip_embedder
from model.evaluation.feature_file import read_features
from model.run.config import RunConfig
from model.run.devices import DeviceGroup
from model.run.run_folder import cache_files
from model.training import trained_network
from model.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint
from model.training.checkpoints.continuation import training_facts
from model.training.trainer import StartSettings, find_start
from model.training.training_data import TrainingData, prepare_training
from model.training.training_step import TrainingStep
from tests.model.evaluation.evaluation_runs import TRAIN_PERSONS, stub_features, write_config, write_run_checkpoint
from tests.model.training.checkpoint_records import with_sums
from tests.model.training.training_runs import CHECKPOINTS, RUN, TRAIN, write_training_run

LIST = Path("lists/tiny-train.json")
LISTED = replace(RUN, data=replace(RUN.data, exclude=str(LIST)))
TRACKS_A_PERSON = 4  # infrared, infrared, visible, visible


@pytest.fixture(autouse=True)
def inside(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_training_run()
        LIST.parent.mkdir()
    return folder


@pytest.fixture
def no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrainingStep, "__call__", lambda *_: pytest.fail("a step was made"))


def marks(*rows: int, note: str = "") -> TrackMarks:
    split = open_split(cache_files(RUN, "train"), RUN.dataset, "train")
    return TrackMarks("tiny", "train", tuple(mark_track(row, split.tracks, split.paths, note) for row in rows))


def prepared(run: RunConfig, *rows: int, path: Path = LIST) -> TrainingData:
    write_marks(path, marks(*rows))
    return prepare_training(run, 1)


def row_of(person: int, place: int = 0) -> int:
    """The row of a person's track."""
    return TRACKS_A_PERSON * TRAIN_PERSONS.index(person) + place


def test_listed_tracks_are_never_in_a_batch_and_the_others_are(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        data = prepared(LISTED, row_of(3, 1), row_of(7, 2))
    assert f"{LIST}: 2 tracks are left out of training; 0 more on the list" in caplog.text
    taken = {row for request in islice(data.requests(StepPosition(0, 0, 0)), 25) for row in request.track.tolist()}
    assert taken == set(range(TRACKS_A_PERSON * len(TRAIN_PERSONS))) - {row_of(3, 1), row_of(7, 2)}
    assert data.persons.person.tolist() == list(TRAIN_PERSONS)


def test_a_person_without_a_track_left_is_no_class() -> None:
    data = prepared(LISTED, *(row_of(5, place) for place in range(TRACKS_A_PERSON)))
    assert data.persons.person.tolist() == [2, 3, 7, 11]
    labels = dict(zip(data.persons.tracks.tracks.person.tolist(), data.persons.label.tolist(), strict=True))
    assert labels == {2: 0, 3: 1, 7: 2, 11: 3}
    assert training_facts(LISTED, data, None)["persons"] == 4


def test_the_same_persons_are_held_out_with_and_without_a_list(caplog: pytest.LogCaptureFixture) -> None:
    held = replace(RUN, data=replace(RUN.data, validation_persons=0.4))
    without = prepare_training(held, 1)
    trained_on = without.persons.person.tolist()
    away = next(person for person in TRAIN_PERSONS if person not in trained_on)
    listed = replace(held, data=replace(held.data, exclude=str(LIST)))
    with caplog.at_level(logging.INFO):
        data = prepared(listed, row_of(away), row_of(trained_on[0]))
    assert data.persons.person.tolist() == trained_on
    assert "1 tracks are left out of training; 1 more on the list would not be trained on anyway" in caplog.text
    assert list(data.excluded) == [row_of(trained_on[0])]


def test_no_list_and_an_empty_one_leave_no_trace() -> None:
    without, empty = prepare_training(RUN, 1), prepared(LISTED)
    facts, others = training_facts(RUN, without, None), training_facts(LISTED, empty, None)
    assert "excluded" not in facts and "excluded" not in others
    np.testing.assert_array_equal(without.persons.tracks.number, empty.persons.tracks.number)


def save(facts: dict[str, Any]) -> Checkpoint:
    checkpoint = Checkpoint(with_sums({}), {**facts, "position": {"epoch": 0, "step": 2, "total_steps": 2}})
    write_checkpoint(CHECKPOINTS / "step-00000002.safetensors", checkpoint)
    return checkpoint


def resumed(run: RunConfig, data: TrainingData) -> Checkpoint | None:
    return find_start(run, StartSettings(resume=True), training_facts(run, data, None), DeviceGroup())


def test_a_training_goes_on_with_the_same_tracks_left_out_whatever_the_list_is_called() -> None:
    saved = save(training_facts(LISTED, prepared(LISTED, row_of(3), row_of(7, 3)), None))
    moved = Path("lists/moved.json")
    write_marks(moved, marks(row_of(7, 3), row_of(3), note="feet cut off"))
    elsewhere = replace(RUN, data=replace(RUN.data, exclude=str(moved)))
    found = resumed(elsewhere, prepare_training(elsewhere, 1))
    assert found is not None and found.checkpoint.facts == saved.facts
    assert found.checkpoint.facts["excluded"] == {
        str(row_of(3)): first(row_of(3)),
        str(row_of(7, 3)): first(row_of(7, 3)),
    }


def first(row: int) -> str:
    return marks(row).tracks[0].first_frame


def test_a_checkpoint_from_before_there_were_lists_goes_on() -> None:
    facts = training_facts(RUN, prepare_training(RUN, 1), None)
    del facts["config"]["data"]["exclude"]
    save(facts)
    assert resumed(RUN, prepare_training(RUN, 1)) is not None


def test_another_list_is_a_difference_that_names_the_tracks(no_step: None, capsys: pytest.CaptureFixture[str]) -> None:
    save(training_facts(LISTED, prepared(LISTED, row_of(3)), None))
    write_marks(LIST, marks(row_of(7, 3)))
    assert main([*TRAIN, "--resume", "--set", f"data.exclude={LIST}"]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "cannot go on" in line and "--on-change restart" in line
    assert f"excluded.{row_of(3)}: {first(row_of(3))} then, none now" in line
    assert f"excluded.{row_of(7, 3)}: none then, {first(row_of(7, 3))} now" in line
    assert main([*TRAIN, "--resume"]) == 1
    assert "excluded." in capsys.readouterr().err.splitlines()[-1]


def rewritten(change: Callable[[dict[str, Any]], object]) -> None:
    write_marks(LIST, marks(row_of(5, 1)))
    content = json.loads(LIST.read_text())
    change(content)
    LIST.write_text(json.dumps(content))


def of_person(person: int, *places: int) -> Callable[[], None]:
    return lambda: write_marks(LIST, marks(*(row_of(person, place) for place in places)))


SPOILED: dict[str, tuple[Callable[[], object], str]] = {
    "no list": (lambda: LIST.unlink(missing_ok=True), f"{LIST}: no such marks list"),
    "no JSON": (lambda: LIST.write_text("{"), f"{LIST}: expected a marks list (JSON)"),
    "other file": (lambda: LIST.write_text('{"format": "COCO"}'), "format: expected 'star-reid.marks', got 'COCO'"),
    "test split": (lambda: rewritten(lambda c: c.update(split="test")), "expected marks of tiny train, got those of"),
    "other data": (lambda: rewritten(lambda c: c.update(dataset="sample")), "got those of sample train; name the list"),
    "no such row": (lambda: rewritten(lambda c: c["tracks"][0].update(track=977)), "track 977: expected a row in 0…19"),
    "other person": (lambda: rewritten(lambda c: c["tracks"][0].update(person=2)), "expected person 5 as in the cache"),
    "moved frames": (
        lambda: rewritten(lambda c: c["tracks"][0].update(first_frame="Train/0005/ir/D9/1.jpg")),
        "expected first_frame 'Train/0005/ir/D2/9-0.jpg' as in the cache, got 'Train/0005/ir/D9/1.jpg'",
    ),
    "one modality": (of_person(7, 0, 1), "got no infrared track of 1 of 5 persons (7), with min_frames 12; lower min"),
    "too few": (
        lambda: write_marks(LIST, marks(*range(3 * TRACKS_A_PERSON))),
        "persons: expected at least 3 in the training split, as many as a step takes, got 2",
    ),
    "all": (lambda: write_marks(LIST, marks(*range(20))), "persons: expected at least 3 in the training split"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_list_that_does_not_fit_is_a_sentence(case: str, no_step: None, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, expected = SPOILED[case]
    spoil()
    assert main([*TRAIN, "--set", f"data.exclude={LIST}", "--set", "name=spoiled"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("INFO")]
    assert line.startswith("error: ") and expected in line
    assert not Path("artifacts/tiny/runs/spoiled/checkpoints").exists()


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of a run that held out persons and left out two tracks of a third; its list is gone."""
    monkeypatch.setattr(clip_embedder, "clip_embedder", lambda network: stub_features)
    monkeypatch.setattr(trained_network, "load_network", lambda checkpoint: None)
    run = replace(LISTED, name="held", data=replace(LISTED.data, validation_persons=0.4))
    person = prepare_training(replace(run, data=replace(run.data, exclude=None)), 1).persons.person.tolist()[1]
    left_out = {str(row_of(person, place)): first(row_of(person, place)) for place in range(TRACKS_A_PERSON)}
    LIST.unlink(missing_ok=True)
    write_config(run, Path("held.yaml"))
    return write_run_checkpoint(run, persons=2, excluded=left_out)


def described(split: str) -> list[int]:
    """The tracks in the features file of an evaluation of `split`."""
    assert main(["evaluate", "--config", "held.yaml", "--split", split]) == 0
    found = read_features(Path(f"artifacts/tiny/runs/held/protocols/split-{split}/features.h5"))
    return sorted(int(row) for side in found for row in side.track)


def test_train_and_validation_are_evaluated_on_the_tracks_that_the_training_had(evaluated: Path) -> None:
    excluded = {int(row) for row in read_checkpoint(evaluated).facts["excluded"]}
    trained_on, held_out = set(described("train")), set(described("validation"))
    assert len(excluded) == TRACKS_A_PERSON and len(held_out) == 2 * TRACKS_A_PERSON
    assert trained_on | held_out | excluded == set(range(20))
    assert not trained_on & held_out and not trained_on & excluded and not held_out & excluded


@pytest.mark.parametrize(
    ("excluded", "expected"),
    [
        ({"4": "Train/0003/ir/D2/77.jpg"}, "track 4: expected Train/0003/ir/D2/77.jpg as its first frame, as when"),
        ({"500": "Train/0003/ir/D2/77.jpg"}, "got none: the cache has changed since"),
        (["4"], "excluded: expected rows of tracks and their first frames, got ['4']; not a whole training of"),
        ({"-4": "x.jpg"}, "excluded: expected rows"),
        ({"4": 3}, "excluded: expected rows"),
        ({}, "persons: expected the 2 that"),
    ],
)
def test_a_checkpoint_whose_left_out_tracks_are_others_by_now_is_refused(
    evaluated: Path, excluded: Any, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read_checkpoint(evaluated)
    write_checkpoint(evaluated, Checkpoint(found.tensors, {**found.facts, "excluded": excluded}))
    assert main(["evaluate", "--config", "held.yaml", "--split", "train", "--out", "refused"]) == 1
    assert expected in capsys.readouterr().err.splitlines()[-1]
    assert not Path("refused").exists()
