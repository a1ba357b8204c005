"""The command line: every bad input is one line and exit status 1, wrong usage is 2, nothing heavy is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.contract.records import Status
from data_cache.inspection.sheets import contact_sheet
from tests.factories import random_index, write_cache

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def keypoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache") / "train.h5", index=random_index(5), seed=5)


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache") / "edges.h5", "edges", index=random_index(5), seed=5)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must fail with exit status 1 and one line; return the line."""
    assert main([str(argument) for argument in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


def test_no_such_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nowhere.h5"
    for command in (("inspect", path), ("check", path), ("export", path, "--format", "coco", "--out", "x.json")):
        assert "nowhere.h5" in refused(capsys, *command)


@pytest.mark.parametrize("command", [("inspect",), ("export", "--format", "coco", "--out")])
def test_files_that_are_none_of_ours(
    keypoints: Path, tmp_path: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    out = [tmp_path / "x.json"] if command[0] == "export" else []
    text, foreign, cut, newer, less = (tmp_path / f"{name}.h5" for name in ("text", "foreign", "cut", "newer", "less"))
    text.write_text("no HDF5 at all")
    with h5py.File(foreign, "w") as file:
        file["x"] = [1, 2, 3]
    cut.write_bytes(keypoints.read_bytes()[:5000])
    for path in (newer, less):
        path.write_bytes(keypoints.read_bytes())
    with h5py.File(newer, "r+") as file:
        file.attrs.modify("version", 99)
    with h5py.File(less, "r+") as file:
        del file["frames/score"]
    for path, words in (
        (text, ["another kind of file"]),
        (foreign, ["attribute format", "expected", "found"]),
        (cut, ["truncated"]),
        (newer, ["version 1 to 3", "newer version 99", "update"]),
        (less, ["/frames/score", "expected a dataset", "found none"]),
        (tmp_path, ["a folder"]),
    ):
        line = refused(capsys, command[0], path, *command[1:], *out)
        assert str(path) in line
        for word in words:
            assert word in line
    assert not (tmp_path / "x.json").exists()


def test_rows_and_paths_that_are_not_there(keypoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "/tracks: expected a row in 0…6, got 7" in refused(capsys, "inspect", keypoints, "--track", 7)
    with h5py.File(keypoints) as file:
        path = file["frames/path"].asstr()[8]
    line = refused(capsys, "inspect", keypoints, "--frame", path.replace(".jpg", ".jpeg"))
    assert f"near: {path}" in line
    assert "near" not in refused(capsys, "inspect", keypoints, "--frame", "")


def test_a_threshold_that_is_fixed_in_the_file(edges: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "inspect", edges, "--min-score", "0.4")
    assert "expected --min-score for a keypoints file only, got it for one of edges" in line


def test_export_of_another_kind(edges: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "export", edges, "--format", "coco", "--out", tmp_path / "x.json")
    assert "star-reid.keypoints" in line
    assert "star-reid.edges" in line


def test_outputs_that_cannot_be_written(keypoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "folder.png").mkdir()
    write_pictures(keypoints, tmp_path)
    for out in (tmp_path / "file" / "x.json", tmp_path / "folder.json"):
        assert str(out) in refused(capsys, "export", keypoints, "--format", "coco", "--out", out)
    plot = ("inspect", keypoints, "--root", tmp_path, "--track", "0", "--plot")
    for out in (tmp_path / "file" / "x.png", tmp_path / "folder.png"):
        assert str(out) in refused(capsys, *plot, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Train", "file", "folder.json", "folder.png"]


def write_pictures(keypoints: Path, root: Path, *, every: int = 1) -> None:
    with h5py.File(keypoints) as file:
        for row, name in enumerate(file["frames/path"].asstr()[:]):
            if file["frames/status"][row] == Status.OK and row % every == 0:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / name), np.zeros((*file["frames/size"][row], 3), np.uint8))


def test_plots_without_a_root_a_wrong_one_or_another_kind(
    keypoints: Path, edges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "--root DIR" in refused(capsys, "inspect", keypoints, "--plot", "x.png")
    (tmp_path / "params.yaml").write_text("dataset: other\nroot: frames\n")
    assert "expected dataset 'sample'" in refused(capsys, "inspect", keypoints, "--plot", "x.png")
    (tmp_path / "params.yaml").write_text("dataset: sample\nroot: frames\n")
    assert "frames: no such folder" in refused(capsys, "inspect", keypoints, "--plot", "x.png")
    (tmp_path / "frames").mkdir()
    assert "found none of the" in refused(capsys, "inspect", keypoints, "--plot", "x.png")
    assert "expected a keypoints file" in refused(capsys, "inspect", edges, "--plot", "x.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "params.yaml"]


def test_a_plot_with_absent_frames_is_drawn_counted_and_at_fault(
    keypoints: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in (("SPREAD_COLUMNS", 3), ("WORST_COLUMNS", 1), ("ROWS", 1)):
        monkeypatch.setattr(contact_sheet, name, value)
    monkeypatch.chdir(tmp_path)
    write_pictures(keypoints, tmp_path / "frames", every=2)
    (tmp_path / "params.yaml").write_text("dataset: sample\nroot: frames\n")
    assert main(["inspect", str(keypoints), "--plot", "sheets/x.png"]) == 1
    assert capsys.readouterr().out == "sheets/x.png: 8 frames drawn\n"
    (record,) = caplog.records
    assert "of the 8 frames on sheets/x.png" in record.getMessage()
    assert "not below frames" in record.getMessage()
    assert cv2.imread("sheets/x.png") is not None
    write_pictures(keypoints, tmp_path / "frames")
    assert main(["inspect", str(keypoints), "--plot", "sheets/x.png"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["inspect"],
        ["look", "FILE"],
        ["inspect", "FILE", "--track", "-1"],
        ["inspect", "FILE", "--track", "x"],
        ["inspect", "FILE", "--track", "1", "--frame", "x"],
        ["inspect", "FILE", "--min-score", "1.5"],
        ["inspect", "FILE", "--min-score", "nan"],
        ["inspect", "FILE", "--plot", "x.pdf"],
        ["inspect", "FILE", "--plot", "x.png", "--json"],
        ["inspect", "FILE", "--plot", "x.png", "--frame", "x"],
        ["inspect", "FILE", "--root", "x"],
        ["check"],
        ["export", "FILE", "--out", "x.json"],
        ["export", "FILE", "--format", "mpii", "--out", "x.json"],
        ["export", "FILE", "--format", "coco"],
        ["export", "FILE", "--format", "coco", "--out", "x.h5"],
        ["export", "FILE", "--format", "coco", "--out", "x.images.json"],
    ],
)
def test_wrong_usage_is_status_2(keypoints: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(keypoints) if word == "FILE" else word for word in arguments])
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def run(*arguments: object, code: str = "") -> subprocess.CompletedProcess[str]:
    start = ["-c", code] if code else ["-m", "data_cache"]
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_the_real_command_line(keypoints: Path, tmp_path: Path) -> None:
    good = run("inspect", keypoints, "--json")
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["format"] == "star-reid.keypoints"
    bad = run("inspect", tmp_path / "nowhere.h5")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("error: ")
    assert bad.stderr.count("\n") == 1
    debug = run("inspect", tmp_path / "nowhere.h5", "--debug")
    assert "Traceback" in debug.stderr
    assert run("inspect").returncode == 2


def test_nothing_heavy_is_loaded_to_answer(keypoints: Path) -> None:
    code = (
        "import sys\n"
        "from data_cache.__main__ import main\n"
        "heavy = {'torch', 'mindspore', 'matplotlib', 'cv2', 'PIL', 'scipy', 'dask', 'mmpose', 'tqdm'}\n"
        "heavy |= {'yaml', 'ruamel', 'pydantic'}\n"
        "for extra in ([], ['--json'], ['--track', '0'], ['--frame', sys.argv[2]]):\n"
        "    assert main(['inspect', sys.argv[1], *extra]) == 0\n"
        "    assert not heavy & set(sys.modules), (extra, heavy & set(sys.modules))\n"
        "assert main(['check', sys.argv[1]]) == 0\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    with h5py.File(keypoints) as file:
        path = file["frames/path"].asstr()[0]
    result = run(keypoints, path, code=code)
    assert result.returncode == 0, result.stderr


def test_a_plot_loads_neither_torch_nor_a_window_system(keypoints: Path, tmp_path: Path) -> None:
    write_pictures(keypoints, tmp_path / "frames")
    code = (
        "import sys\n"
        "from data_cache.__main__ import main\n"
        "assert main(['inspect', *sys.argv[1:]]) == 0\n"
        "heavy = {'torch', 'mindspore', 'matplotlib.pyplot', 'tkinter', 'scipy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    result = run(keypoints, "--track", 0, "--root", tmp_path / "frames", "--plot", tmp_path / "x.png", code=code)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "x.png").stat().st_size > 1000
