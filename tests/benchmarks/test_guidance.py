"""The experiment about guidance: its clips, controls and figures; trained here for two steps on eight walkers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from benchmarks.guidance import __main__ as command
from benchmarks.guidance import figures_file, walkers
from benchmarks.guidance.measured_runs import BATCH, CONTROLS, STEPS, SWAPS, PlannedRun, measure
from benchmarks.guidance.plan import planned_runs
from benchmarks.guidance.stored_clips import StoredClips, StoredReader, constant_nodes, of_another, open_clips
from benchmarks.guidance.torch_training import train
from data_cache.contract.records import Modality
from model.clips import clip_reader
from model.clips.augment import ImageSettings
from model.clips.batches import BatchLoader
from model.clips.clip_reader import ClipArrays
from model.clips.clip_requests import evaluation_requests, training_requests
from model.clips.clips import ClipSettings, clip_tracks
from model.clips.draws import StepPosition
from model.clips.sampler import BatchSettings
from model.clips.training_persons import training_persons
from model.retrieval.ranking import DIRECTIONS
from pipeline.settings import Angle
from tests.model.clips.clip_trees import person_tracks, write_clip_tree

IMAGES = ImageSettings(height=31, width=17, pad=3, flip=0.5, random_erasing=0.5)
SHORT = ("train.epochs=1", "train.steps_per_epoch=2", "train.warmup_epochs=0", "train.milestones=[]", "data.persons=4")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As `measure` trains; on a busy machine threads wait for each other far longer than the work takes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four walkers to train on and four to test, with their caches."""
    found = tmp_path_factory.mktemp("guidance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walkers, "TRAIN_PERSONS", 4)
        patch.setattr(walkers, "TEST_PERSONS", 4)
        walkers.all_walkers(found, {("unseen", "arctan")})
    return found


def side_of(folder: Path, modality: Modality, control: Any = None) -> tuple[list[ClipArrays], list[int]]:
    """The test clips of a modality, batch by batch, and whose they are."""
    images = ImageSettings(64, 32, pad=0, flip=0.0, random_erasing=0.0)
    name = walkers.data_name("unseen", "clean")
    clips = open_clips(walkers.walker_files(folder, "unseen", "clean", "test"), name, "test", images, 4)
    clips = clips._replace(control=control or clips.control)
    side = clips.tracks.of_modality(modality)
    requests = evaluation_requests(side, BATCH)
    arrays = [ClipArrays(*(a.copy() for a in batch.arrays)) for batch in clips.load(requests)]
    return arrays, side.tracks.person.tolist()


def test_stored_clips_are_the_loaders_and_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracks = [track for person in (1, 2, 3) for track in person_tracks(person, 2, 2)]
    tree = write_clip_tree(tmp_path, tracks)
    of = clip_tracks(tree.index.tracks, tree.status, ClipSettings(5, 12))
    endless = training_requests(training_persons(of, 3), BatchSettings(3, 2), IMAGES, StepPosition(7, 0, 0), 4)
    requests = list(itertools.islice(endless, 8))
    with BatchLoader(tree.files, IMAGES, 12, 5) as loader:
        expected = [[array.tobytes() for array in batch.arrays] for batch in loader.load(requests)]
    decoded: list[str] = []
    read = clip_reader.read_image
    monkeypatch.setattr(clip_reader, "read_image", lambda root, path: [decoded.append(path), read(root, path)][1])
    stored = StoredClips(StoredReader(tree.files, IMAGES), of, lambda arrays: arrays)
    assert [[array.tobytes() for array in batch.arrays] for batch in stored.load(requests)] == expected
    assert len(decoded) == len(set(decoded)) > 100


@pytest.mark.parametrize("names", SWAPS.values(), ids=SWAPS)
def test_swapped_arrays_are_another_persons_and_not_the_same_ones_in_both_modalities(
    folder: Path, names: tuple[str, ...]
) -> None:
    given: dict[Modality, dict[int, int]] = {}
    for modality, step in STEPS.items():
        (own,), person = side_of(folder, modality)
        (swapped,), _ = side_of(folder, modality, of_another(names, step))
        given[modality] = {}
        for name in ClipArrays._fields:
            now, before = getattr(swapped, name), getattr(own, name)
            if name not in names:
                assert np.array_equal(now, before), name
                continue
            for clip in range(BATCH):
                (source,) = [other for other in range(BATCH) if np.array_equal(now[clip], before[other])]
                assert person[source] != person[clip]
                assert given[modality].setdefault(person[clip], person[source]) == person[source]
    assert all(given[Modality.INFRARED][p] != given[Modality.VISIBLE][p] for p in given[Modality.INFRARED])


def test_constant_nodes_say_nothing_of_who_it_is(folder: Path) -> None:
    (own,), _ = side_of(folder, Modality.VISIBLE)
    (constant,), _ = side_of(folder, Modality.VISIBLE, constant_nodes)
    for name in ("nodes", "seen", "places"):
        array = getattr(constant, name)
        assert array.dtype == np.float32 and array.shape == getattr(own, name).shape
        assert (array == array[:1, :1]).all()
    usual = own.places[own.seen.all((1, 2))].mean((0, 1))
    np.testing.assert_allclose(constant.places[0, 0], usual, atol=0.2)
    assert (constant.images == own.images).all() and (constant.edges == own.edges).all()


def test_distances_alone_lose_every_angle_and_no_distance(folder: Path) -> None:
    (own,), _ = side_of(folder, Modality.VISIBLE)
    (without,), _ = side_of(folder, Modality.VISIBLE, CONTROLS["distances only"])
    assert (without.edges[..., 0::2] == own.edges[..., 0::2]).all() and own.edges[..., 0::2].any()
    assert not without.edges[..., 1::2].any() and own.edges[..., 1::2].any()


@pytest.mark.parametrize(
    "planned",
    [
        PlannedRun("full", 5, settings=(*SHORT, "model.pool_parts=true"), swapped=True),
        PlannedRun("baseline", 5, settings=(*SHORT, "train.ema=0.9", "data.grey=1")),
        PlannedRun("edges", 5, settings=SHORT, control="distances only"),
    ],
    ids=lambda planned: planned.variant,
)
def test_a_run_has_figures_of_both_tests_and_is_the_same_again(folder: Path, planned: PlannedRun) -> None:
    figures = measure(planned, folder)
    tests = [*walkers.TESTS, *(f"{t}, another's {n}" for t in walkers.TESTS for n in SWAPS if planned.swapped)]
    assert figures["steps"] == 2 and np.isfinite(figures["last_losses"]).all()
    for test in tests:
        assert figures[test].keys() == set(DIRECTIONS)
        assert all(0 < figures[test][direction]["mAP"] <= 1 for direction in DIRECTIONS)
    assert figures.keys() - set(tests) == {"plan", "steps", "train_seconds", "last_losses"}
    if not planned.swapped:
        again = measure(planned, folder)
        assert {**again, "train_seconds": 0} == {**figures, "train_seconds": 0}
    json.dumps(figures)


def trained(folder: Path, *settings: str) -> tuple[list[list[float]], bytes]:
    """The losses of three steps of the edge branch, and what it then says of the first test clips."""
    run = PlannedRun("edges", 5, settings=(*SHORT, "train.steps_per_epoch=3", *settings)).config()
    files = walkers.walker_files(folder, "unseen", "clean", "train")
    images = ImageSettings(64, 32, pad=0, flip=0.0, random_erasing=0.0)
    clips = open_clips(files, walkers.data_name("unseen", "clean"), "train", images, 4)
    losses: list[list[float]] = []
    embed = train(run, clips, True, losses.append)
    (arrays,), _ = side_of(folder, Modality.VISIBLE)
    return losses, embed(arrays, 0).tobytes()


@pytest.mark.parametrize(
    ("setting", "values", "first_too"),
    [
        ("train.optimizer", ("sgd", "adamw"), False),
        ("train.schedule", ("steps", "cosine"), False),
        ("train.clip_norm", ("0", "0.01"), False),
        ("loss.label_smoothing", ("0", "0.1"), True),
    ],
)
def test_settings_of_the_training_are_heard(
    folder: Path, setting: str, values: tuple[str, str], first_too: bool
) -> None:
    without, with_it = (trained(folder, "train.optimizer=sgd", f"{setting}={value}")[0] for value in values)
    assert (without[0] != with_it[0]) == first_too
    assert without[-1] != with_it[-1]


def test_averaged_weights_are_what_is_tested_and_change_no_step(folder: Path) -> None:
    (losses, last), (same, averaged) = (trained(folder, f"train.ema={decay}") for decay in (0, 0.9))
    assert losses == same and last != averaged


def test_figures_are_kept_run_by_run_and_done_ones_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    assert figures_file.read_figures(path) == {"machine": {}, "runs": {}}
    first, second = planned_runs((0,))[:2]
    figures_file.keep_figures({"runs": {second.key: {"steps": 3}}}, path)
    kept = figures_file.read_figures(path)
    assert kept["runs"] == {second.key: {"steps": 3}} and kept["machine"]["cpus"] >= 1
    monkeypatch.setattr(command, "read_figures", lambda: kept)
    monkeypatch.setattr("sys.argv", ["guidance", "--seeds", "0", "--list"])
    command.main()
    listed = capsys.readouterr().out.splitlines()
    assert f"open  {first.key}" in listed and f"done  {second.key}" in listed
    assert len(listed) == len(planned_runs((0,)))


def test_every_planned_run_has_a_name_of_its_own_and_settings_that_exist() -> None:
    runs = planned_runs()
    assert len({run.key for run in runs}) == len(runs)
    changed = {setting.partition("=")[0] for run in runs for setting in run.settings}
    of_skeletons = ("standardize_edges", "standardize_nodes", "seen_flags", "fill_gaps", "pool_parts", "kl_trains")
    assert changed >= {f"model.{name}" for name in (*of_skeletons, "part_width")}
    assert {run.angle for run in runs} == set(get_args(Angle))
    for run in runs:
        assert run.config().train.seed == run.seed
        assert not run.control or run.control in CONTROLS
