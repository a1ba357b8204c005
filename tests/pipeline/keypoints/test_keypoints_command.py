"""`star keypoints`: what its options and variables come to, with the stub in the network's place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.files.jpeg_damage import NOT_FOUND_HERE
from pipeline.__main__ import main
from pipeline.pose import models as pose_models
from tests.pipeline.datasets.trees import TRAIN, build_tree, lose_a_block, without_simplejpeg
from tests.pipeline.keypoints.stub_estimator import StubSource

FRAMES = sum(row.frames for row in TRAIN)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of the command over a small tree."""
    build_tree(tmp_path / "tree")
    (tmp_path / "tiny.yaml").write_text("pose: {chunk_frames: 11, flip_test: false}\n")
    for name in ("STAR_WORKERS", "STAR_SCHEDULER", "STAR_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    words = f"keypoints --config {tmp_path}/tiny.yaml --root {tmp_path}/tree --dataset tiny --split train"
    return [*words.split(), "--out", str(tmp_path / "out" / "train.h5")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks of the pose models."""
    questions: list[dict[str, Any]] = []

    def resolve(settings: object, **options: Any) -> StubSource:
        questions.append({"settings": settings, **options})
        return StubSource()

    monkeypatch.setattr(pose_models, "resolve_pose_model", resolve)
    return questions


def test_the_command_writes_the_file_and_says_so(
    command: list[str], asked: list[dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert main(command) == 0
    (question,) = asked
    assert (question["settings"].chunk_frames, question["settings"].flip_test) == (11, False)
    assert (question["device"], question["weights_override"]) == ("cpu", None)
    with open_cache(tmp_path / "out" / "train.h5", "keypoints") as cache:
        assert (cache.dataset, cache.split, cache.frames) == ("tiny", "train", FRAMES)
    # 31, 24 and 24 frames of a person, 11 a chunk.
    assert len(list((tmp_path / "out" / "train.chunks").glob("*.h5"))) == 3 + 3 + 3
    said = f"{FRAMES} frames ({FRAMES} ok, 0 unreadable, 0 missing) in 9 chunks, 0 of them taken over"
    assert said in caplog.text


def test_bad_frames_stop_it_unless_the_option_allows_them(
    command: list[str], asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tree" / "Train" / "0002" / "rgb" / "D5" / "3.jpg").unlink()
    assert main(command) == 1
    assert "error: tiny train: 1 of 79 frames cannot be used" in capsys.readouterr().err
    assert main([*command, "--max-bad", "0.02"]) == 0


def test_damaged_frames_are_used_and_told_or_left_out_as_the_settings_say(
    command: list[str], asked: list[dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path, out = "Train/0002/rgb/D5/3.jpg", tmp_path / "out" / "train.h5"
    frame = tmp_path / "tree" / path
    frame.write_bytes(lose_a_block(frame.read_bytes()))
    for reused in (0, 9):  # a chunk that is taken over still says which frames are damaged
        caplog.clear()
        assert main(command) == 0
        assert f"tree: 1 frames were used though libjpeg warns of damage inside; {out.with_suffix('')}" in caplog.text
        assert f"({FRAMES} ok, of which 1 damaged, 0 unreadable, 0 missing) in 9 chunks, {reused} of" in caplog.text
        assert out.with_suffix(".bad-frames.txt").read_text() == f"damaged {path}\n"
    with open_cache(out, "keypoints") as cache:
        assert "damaged" not in cache.recipe
        assert (cache.status == Status.OK).all()
    (tmp_path / "tiny.yaml").write_text("pose: {chunk_frames: 11, damaged: unreadable, max_bad: 0.02}\n")
    caplog.clear()
    assert main(command) == 0
    assert f"({FRAMES - 1} ok, 1 unreadable, 0 missing) in 9 chunks, 0 of" in caplog.text
    assert out.with_suffix(".bad-frames.txt").read_text() == f"unreadable {path}\n"
    with open_cache(out, "keypoints") as cache:
        assert cache.recipe["damaged"] == "unreadable"
        assert [cache.paths[row] for row in (cache.status == Status.UNREADABLE).nonzero()[0]] == [path]


def test_without_simplejpeg_frames_are_kept_and_leaving_them_out_is_refused(
    command: list[str],
    asked: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(command) == 0
    whole = (tmp_path / "out" / "train.h5").read_bytes()
    shutil.rmtree(tmp_path / "out")
    without_simplejpeg(monkeypatch)
    assert main(command) == 0
    assert NOT_FOUND_HERE in caplog.text
    assert (tmp_path / "out" / "train.h5").read_bytes() == whole
    (tmp_path / "tiny.yaml").write_text("pose: {chunk_frames: 11, damaged: unreadable}\n")
    assert main(command) == 1
    assert "error: pose.damaged: expected 'keep' where simplejpeg, which finds" in capsys.readouterr().err
    assert (tmp_path / "out" / "train.h5").read_bytes() == whole


@pytest.mark.parametrize("linked", ["Train/0001/ir", "Train/0002/rgb/D5/3.jpg"])
def test_a_link_out_of_the_root_is_one_error_and_nothing_is_written(
    linked: str, command: list[str], asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "tree" / linked
    outside = inside.rename(tmp_path / "outside")
    inside.symlink_to(outside)
    assert main(command) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    assert str(inside) in message
    assert not (tmp_path / "out").exists()


def test_options_reach_the_pose_model(command: list[str], asked: list[dict[str, Any]]) -> None:
    assert main([*command, "--device", "cuda:1", "--weights", "mine.pth"]) == 0
    assert (asked[0]["device"], asked[0]["weights_override"]) == ("cuda:1", Path("mine.pth"))


def test_variables_stand_for_options_under_dvc(
    command: list[str], asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAR_DEVICE", "cuda:0")
    monkeypatch.setenv("STAR_SCHEDULER", "nowhere")
    assert main(command) == 1
    assert asked[0]["device"] == "cuda:0"
    assert "error: nowhere: no Dask scheduler answers there" in capsys.readouterr().err
    monkeypatch.setenv("STAR_WORKERS", "3")
    assert main(command) == 1
    assert "expected one of them, got 3 local workers and nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--workers", "-1", "argument --workers: expected a whole number of 0 or more, got '-1'"),
        ("--workers", "two", "argument --workers: expected a whole number of 0 or more, got 'two'"),
        ("--max-bad", "1.5", "argument --max-bad: expected a share in 0…1, got '1.5'"),
        ("--max-bad", "nan", "argument --max-bad: expected a share in 0…1, got 'nan'"),
        ("--split", "val", "argument --split: invalid choice: 'val'"),
    ],
)
def test_wrong_usage_is_status_2(
    command: list[str], option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command, f"{option}={value}"])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_wrong_variable_is_wrong_usage_too(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAR_WORKERS", "all")
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2
    assert "argument --workers: expected a whole number of 0 or more, got 'all'" in capsys.readouterr().err
