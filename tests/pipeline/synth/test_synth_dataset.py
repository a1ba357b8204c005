"""The generated data set on disk: the layout of HITSZ-VCM, the truth in the cache, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Modality
from data_cache.files.output_lock import lock_output
from data_cache.verification.check import check_file
from pipeline.__main__ import main
from pipeline.checks.tree_check import check_dataset
from pipeline.datasets.hitsz_vcm.tracks import read_query
from pipeline.datasets.split_index import read_split
from pipeline.settings import load_settings
from pipeline.synth import dataset as dataset_module
from pipeline.synth.dataset import write_dataset
from pipeline.synth.settings import SynthSettings
from pipeline.synth.tracks import build_scene

ROOT = Path(__file__).resolve().parents[3]
SMALL = SynthSettings(seed=3, train_persons=3, test_persons=2, tracks=5, frames=2, train_occluded=0.5)
OPTIONS = ("--seed", "3", "--train-persons", "3", "--test-persons", "2", "--tracks", "5", "--frames", "2")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`clean` and `occluded` trees beside their artifacts `clean-art` and `occluded-art`; tests leave them as is."""
    folder = tmp_path_factory.mktemp("synth")
    for name, share in (("clean", "0"), ("occluded", "1")):
        assert main(["synth", *arguments(folder, name), "--train-occluded", "0.5", "--test-occluded", share]) == 0
    return folder


def arguments(folder: Path, name: str) -> list[str]:
    return [*OPTIONS, "--out", str(folder / name), "--artifacts", str(folder / f"{name}-art"), "--dataset", name]


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", ["clean", "occluded"])
def test_the_check_finds_no_error_and_no_noise(made: Path, name: str) -> None:
    report = check_dataset(made / name)
    assert report.errors == 0 and list(report.findings) == []
    assert main(["check", "--root", str(made / name), "--workers", "0"]) == 0


def test_splits_have_the_persons_tracks_and_queries_that_were_asked_for(made: Path) -> None:
    train, test = (read_split(made / "clean", "clean", split) for split in ("train", "test"))
    assert set(train.tracks.person) == {1, 2, 3} and set(test.tracks.person) == {4, 5}
    for index, persons in ((train, 3), (test, 2)):
        assert len(index.tracks) == persons * 2 * 5 and len(index.paths) == persons * 2 * 5 * 2
        assert (index.tracks.lengths == 2).all()
        assert set(index.tracks.camera[index.tracks.modality == Modality.VISIBLE]) == {1, 3}
        assert set(index.tracks.camera[index.tracks.modality == Modality.INFRARED]) == {2, 4}
    infrared = np.flatnonzero(test.tracks.modality == Modality.INFRARED)
    np.testing.assert_array_equal(read_query(made / "clean", len(test.tracks)), infrared)
    assert b"\n" not in (made / "clean" / "info" / "query_IDX.txt").read_bytes()


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_cache_holds_the_true_joints_of_the_same_frames(made: Path, split: str) -> None:
    file = made / "clean-art" / "keypoints" / f"{split}.h5"
    assert check_file(file) == []
    index = read_split(made / "clean", "clean", split)
    with open_cache(file, "keypoints") as cache:
        assert cache.paths == index.paths and cache.dataset == "clean" and cache.split == split
        np.testing.assert_array_equal(cache.tracks.start, index.tracks.start)
        np.testing.assert_array_equal(cache.tracks.person, index.tracks.person)
        joints, size = cache.read("keypoints", 0, cache.frames), cache.read("size", 0, cache.frames)
    seen: dict[tuple[int, int], int] = {}
    for row in range(len(index.tracks)):
        person, modality = int(index.tracks.person[row]), int(index.tracks.modality[row])
        track = seen[person, modality] = seen.get((person, modality), -1) + 1
        rows = slice(int(index.tracks.start[row]), int(index.tracks.stop[row]))
        scene = build_scene(3, (person, modality, track), 2)
        np.testing.assert_array_equal(joints[rows], scene.joints().astype(np.float32))
        image = cv2.imread(str(made / "clean" / index.paths[rows.start]), cv2.IMREAD_UNCHANGED)
        assert image is not None and image.shape == (*size[rows.start], 3)


def test_the_recipe_says_that_the_joints_are_the_truth(made: Path) -> None:
    with open_cache(made / "clean-art" / "keypoints" / "test.h5") as cache:
        recipe = cache.recipe
    assert recipe["estimator"] == {"name": "truth", "joint_noise": 0.0}
    assert recipe["synth"] == {
        "seed": 3,
        "train_persons": 3,
        "test_persons": 2,
        "tracks": 5,
        "frames": 2,
        "train_occluded": 0.5,
        "test_occluded": 0.0,
        "joint_noise": 0.0,
        "infrared": "drawn",
        "hidden_joints": "unseen",
    }
    mark = json.loads((made / "clean" / "synth.json").read_text())
    assert mark["synth"] == recipe["synth"] and mark["dataset"] == "clean"


def test_options_for_infrared_and_hidden_joints_reach_the_files(made: Path, tmp_path: Path) -> None:
    options = [*arguments(tmp_path, "new"), "--train-occluded", "0.5", "--test-occluded", "1"]
    assert main(["synth", *options, "--infrared", "luminance", "--hidden-joints", "noisy"]) == 0
    before, after = digests(made / "occluded"), digests(tmp_path / "new")
    frames = {name for name in before if name.endswith(".jpg")}
    infrared = {name for name in frames if Path(name).parts[2] == "ir"}
    assert {name for name in frames if before[name] != after[name]} == infrared and infrared
    file = tmp_path / "new-art" / "keypoints" / "test.h5"
    assert check_file(file) == []
    with open_cache(made / "occluded-art" / "keypoints" / "test.h5") as unseen, open_cache(file) as noisy:
        assert noisy.recipe["synth"] == unseen.recipe["synth"] | {"infrared": "luminance", "hidden_joints": "noisy"}
        a, b = (cache.read("score", 0, cache.frames) for cache in (unseen, noisy))
    assert (b >= a).all() and (b[b != a] > 0.3).all() and (b != a).mean() > 0.2


def test_the_occluded_data_set_differs_in_the_test_frames_alone(made: Path) -> None:
    clean, hidden = digests(made / "clean"), digests(made / "occluded")
    assert clean.keys() == hidden.keys()
    differing = {name for name in clean if clean[name] != hidden[name]} - {"synth.json"}
    assert differing == {name for name in clean if name.startswith("Test/")}
    for split in ("train", "test"):
        with (
            open_cache(made / "clean-art" / "keypoints" / f"{split}.h5") as a,
            open_cache(made / "occluded-art" / "keypoints" / f"{split}.h5") as b,
        ):
            rows = 0, a.frames
            np.testing.assert_array_equal(a.read("keypoints", *rows), b.read("keypoints", *rows))
            lower = (b.read("score", *rows) < a.read("score", *rows)).any(axis=1)
            assert lower.mean() > 0.9 if split == "test" else not lower.any()


def test_the_same_options_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "clean", tmp_path / "clean")
    shutil.copytree(made / "clean-art", tmp_path / "clean-art")
    before = digests(tmp_path)
    assert main(["synth", *arguments(tmp_path, "clean"), "--train-occluded", "0.5", "--force"]) == 0
    assert digests(tmp_path) == before == {k: v for k, v in digests(made).items() if k.startswith("clean")}
    assert main(["synth", *arguments(tmp_path, "clean"), "--seed", "4", "--force"]) == 0
    other = digests(tmp_path)
    assert other.keys() == before.keys() and not {n for n in other if ".jpg" in n and other[n] == before[n]}


@pytest.mark.parametrize("config", ["synth", "synth-occluded"])
def test_edges_and_graphs_are_made_of_it(made: Path, tmp_path: Path, config: str) -> None:
    assert load_settings(ROOT / "configs" / f"{config}.yaml").min_score == 0.3
    for kind in ("edges", "graphs"):
        source, out = made / "occluded-art" / "keypoints" / "test.h5", tmp_path / f"{kind}.h5"
        file = str(ROOT / "configs" / f"{config}.yaml")
        assert main([kind, "--config", file, "--keypoints", str(source), "--out", str(out)]) == 0
        assert check_file(out) == []
    with open_cache(tmp_path / "graphs.h5") as graphs:
        seen = graphs.read("seen", 0, graphs.frames)
    with open_cache(made / "occluded-art" / "keypoints" / "test.h5") as cache:
        np.testing.assert_array_equal(seen, cache.read("score", 0, cache.frames) == 1.0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--train-persons", "0"], ["train_persons", "1 or more", "got 0"]),
        (["--test-persons", "-3"], ["test_persons", "1 or more", "got -3"]),
        (["--train-persons", "9998"], ["at most 9999", "got 10000"]),
        (["--tracks", "0"], ["tracks", "1…99", "got 0"]),
        (["--frames", "1000"], ["frames", "1…999", "got 1000"]),
        (["--train-occluded", "1.5"], ["train_occluded", "0…1", "got 1.5"]),
        (["--test-occluded", "nan"], ["test_occluded", "0…1", "got nan"]),
        (["--joint-noise", "-0.1"], ["joint_noise", "0…0.5", "got -0.1"]),
        (["--seed", "-1"], ["seed", "0…2147483647", "got -1"]),
        (["--dataset", "a/b"], ["dataset", "'a/b'"]),
    ],
)
def test_settings_out_of_range_are_one_line(
    options: list[str], expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", *arguments(tmp_path, "new"), *options]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("error: ") and all(text in error for text in expected)
    assert list(tmp_path.iterdir()) == []


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    before, listed = digests(folder), sorted(folder.rglob("*"))
    assert main(["synth", *arguments(folder, "clean"), *options]) == 1
    assert digests(folder) == before and sorted(folder.rglob("*")) == listed
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("error: ")
    return error


def test_only_its_own_kind_is_replaced_and_only_by_force(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "clean"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    assert "thesis.txt" in refused(tmp_path, capsys)
    assert "thesis.txt" in refused(tmp_path, capsys, "--force")
    shutil.rmtree(out)
    shutil.copytree(made / "clean", out)
    assert "--force" in refused(tmp_path, capsys)
    (out / "notes.txt").write_text("kept among the generated")
    assert "no folder or a generated data set" in refused(tmp_path, capsys, "--force")
    (out / "notes.txt").unlink()
    (out / "synth.json").write_text("{}")
    assert "no folder or a generated data set" in refused(tmp_path, capsys, "--force")
    shutil.rmtree(out)
    out.write_text("a file")
    assert "another kind of file" in refused(tmp_path, capsys, "--force")


def test_the_artifacts_are_not_put_into_the_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*OPTIONS, "--out", str(tmp_path / "a"), "--artifacts", str(tmp_path / "a" / "art")]
    assert main(["synth", *options]) == 1
    assert "expected a folder outside" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_run_that_breaks_off_leaves_what_was_there(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    for name in ("clean", "clean-art"):
        shutil.copytree(made / name, tmp_path / name)
    before, render = digests(tmp_path), dataset_module.render_track
    rendered = []

    def render_some(*given: object) -> object:
        rendered.append(given)
        if len(rendered) == 31:  # of 50: the first test track
            raise error
        return render(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset_module, "render_track", render_some)
    settings = SynthSettings(seed=4, train_persons=3, test_persons=2, tracks=5, frames=2)
    with pytest.raises(type(error)):
        write_dataset(settings, "clean", tmp_path / "clean", tmp_path / "clean-art", force=True)
    assert digests(tmp_path) == before and {path.name for path in tmp_path.iterdir()} == {"clean", "clean-art"}


def test_a_killed_replacement_is_undone_by_the_next_run(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "clean", tmp_path / "clean.synth-replaced")  # killed between the two renames
    shutil.copytree(made / "occluded", tmp_path / "clean.synth-partial")
    assert main(["synth", *arguments(tmp_path, "clean")]) == 1
    assert "--force" in capsys.readouterr().err
    assert digests(tmp_path / "clean") == digests(made / "clean")
    assert main(["synth", *arguments(tmp_path, "clean"), "--force"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"clean", "clean-art"}


def test_one_run_at_a_time_writes_a_data_set(tmp_path: Path) -> None:
    failed: list[Exception] = []

    def other() -> None:
        try:
            write_dataset(SMALL, "clean", tmp_path / "clean", tmp_path / "art")
        except ValueError as error:
            failed.append(error)

    with lock_output(tmp_path / "clean"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(failed) == 1 and "another run" in str(failed[0]) and list(tmp_path.rglob("*.h5")) == []


def test_edges_of_earlier_keypoints_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "art" / "edges").mkdir(parents=True)
    (tmp_path / "art" / "edges" / "train.h5").write_bytes(b"of another seed")
    frames: list[int] = []
    settings = SynthSettings(train_persons=1, test_persons=1, tracks=1, frames=3)
    total = write_dataset(settings, "tiny", tmp_path / "tiny", tmp_path / "art", progress=frames.append)
    assert total == 12 and frames == [3] * 4
    assert "edges/train.h5" in caplog.text and "make them again" in caplog.text
