"""`star export`: what is refused and how, and that no format ever leaves half a file."""

from __future__ import annotations

import errno
import os
import re
import shlex
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.exchange.exports import exported_frames
from data_cache.exchange.exports.export_command import FORMATS
from data_cache.files import partial_file
from tests.data_cache.exchange.stored_frames import read_stored
from tests.factories import random_index, write_cache

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs" / "exchange.md"
PWRITE = os.pwrite


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "train.h5", index=random_index(5), seed=5)


@pytest.fixture(params=list(FORMATS))
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def export(source: Path, form: str, out: Path, *options: object) -> int:
    return main(["export", str(source), "--format", form, "--out", str(out), *map(str, options)])


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The one line that the command ends with."""
    capsys.readouterr()
    assert export(*arguments) == 1
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert printed.out == ""
    return line


def wrong_usage(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """What argparse says."""
    with pytest.raises(SystemExit) as stop:
        export(*arguments)
    assert stop.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def out_of(folder: Path, form: str) -> Path:
    return folder / f"x{FORMATS[form].ending}"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_says_what_it_wrote(keypoints: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = out_of(tmp_path / "new" / "folder", form)
    assert export(keypoints, form, out) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    stored = read_stored(keypoints)
    by_track = form in ("pyskl", "movement")
    rows = stored.track >= 0 if by_track else np.full(len(stored.ok), True)
    assert first == f"{out}: keypoints of {(stored.ok & rows).sum()} frames"
    assert f"  {(~stored.ok & rows).sum()} without keypoints" in rest
    left = (stored.ok & ~rows).sum()
    assert (f"  {left} with keypoints left out: they belong to no track" in rest) == by_track
    names = {out.name} | ({"x.images.json"} if form == "coco" else set())
    assert set(content(out.parent)) == names


def test_one_track(keypoints: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(keypoints, form, out_of(tmp_path, form), "--track", 6) == 0
    stored = read_stored(keypoints)
    ok = stored.ok[stored.tracks[6]["start"] : stored.tracks[6]["stop"]]
    assert f": keypoints of {ok.sum()} frame" in capsys.readouterr().out
    line = refused(capsys, keypoints, form, out_of(tmp_path, form), "--track", 7)
    assert f"{keypoints}: --track 7: expected a row of /tracks, from 0, found 7 tracks" in line
    assert "--track 6: expected every track once" in refused(
        capsys, keypoints, form, out_of(tmp_path, form), "--track", 6, "--track", 6
    )


def test_other_files(keypoints: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, empty = out_of(tmp_path / "out", form), tmp_path / "foreign.h5"
    edges = write_cache(tmp_path / "edges.h5", "edges", index=random_index(5))
    with h5py.File(empty, "w") as file:
        file["tracks"] = [1, 2, 3]
    for source, words in (
        (edges, "star-reid.edges"),
        (empty, "another program's file"),
        (tmp_path / "none.h5", "no such file"),
    ):
        line = refused(capsys, source, form, out)
        assert str(source) in line and words in line
    assert not out.exists()


def test_the_source_is_never_overwritten(keypoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = keypoints.read_bytes()
    (tmp_path / "link.h5").symlink_to(keypoints)
    for out in (keypoints, tmp_path / "link.h5", tmp_path / "." / "train.h5"):
        assert "expected another name than that of the file to export" in refused(capsys, keypoints, "sleap", out)
    assert keypoints.read_bytes() == before


def test_endings_and_options_of_other_formats(
    keypoints: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ending = FORMATS[form].ending
    for name in ("x.txt", "x", ending, f"x{ending}.partial", *(["x.images.json"] if ending == ".json" else [])):
        assert f"got '{tmp_path / name}'" in wrong_usage(capsys, keypoints, form, tmp_path / name)
    for option, value in (("--min-score", 0.5), ("--fps", 25)):
        if option[2:].replace("-", "_") not in FORMATS[form].options:
            line = wrong_usage(capsys, keypoints, form, out_of(tmp_path, form), option, value)
            assert f"argument {option}: expected for " in line and line.endswith(f"only, got --format {form}")
    assert [path.name for path in tmp_path.iterdir()] == ["train.h5"]


@pytest.mark.parametrize("fps", ["0", "-3", "nan", "inf", "1e-320"])
def test_rates_that_are_none(keypoints: Path, tmp_path: Path, fps: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, keypoints, "movement", tmp_path / "x.nc", "--fps", fps)
    assert "--fps: expected a number of frames a second above 0" in line


@pytest.mark.parametrize("damage", ["keypoints", "score", "size"])
def test_a_damaged_frame_stops_it_and_keeps_the_older_file(
    keypoints: Path,
    tmp_path: Path,
    form: str,
    damage: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(exported_frames, "BLOCK_ROWS", 5)
    out = out_of(tmp_path / "out", form)
    assert export(keypoints, form, out) == 0
    before = content(out.parent)
    with h5py.File(keypoints, "r+") as file:
        row = int(np.flatnonzero((file["frames/status"][:] == 0) & (file["frames/track"][:] >= 0))[-1])
        file[f"frames/{damage}"][row, 1] = -7 if damage == "size" else np.inf
    line = refused(capsys, keypoints, form, out)
    assert f"in row {row}, whose status is ok" in line and f"/frames/{damage}" in line and "`check`" in line
    assert content(out.parent) == before


def test_tracks_that_contradict_the_frames_are_refused(
    keypoints: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(keypoints, "r+") as file:
        file["tracks/stop"][1] = 10**6
    line = refused(capsys, keypoints, form, out_of(tmp_path / "out", form), "--track", "1")
    assert "track 1 stops at 1000000" in line and "; make it again" in line


def test_places_that_cannot_be_written(
    keypoints: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    folder = out_of(tmp_path, form)
    folder.mkdir()
    assert "a file stands where a folder is expected" in refused(
        capsys, keypoints, form, out_of(tmp_path / "file", form)
    )
    assert "a folder has this name" in refused(capsys, keypoints, form, folder)
    assert sorted(content(folder)) == []
    assert (tmp_path / "file").read_text() == "kept"


def test_an_output_that_links_to_itself_is_replaced(keypoints: Path, tmp_path: Path, form: str) -> None:
    out = out_of(tmp_path, form)
    out.symlink_to(out.name)
    assert export(keypoints, form, out) == 0
    assert out.is_file() and not out.is_symlink()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("last", [False, True])
def test_a_full_disk_and_ctrl_c_keep_the_older_file(
    keypoints: Path,
    tmp_path: Path,
    form: str,
    last: bool,
    failure: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = out_of(tmp_path / "out", form)
    written: list[int] = []
    fail_at = 0

    def pwrite(file: int, data: Any, offset: int) -> int:
        if Path(f"/proc/self/fd/{file}").readlink().suffix == ".partial":
            written.append(len(data))
            if len(written) == fail_at:
                raise failure
        return PWRITE(file, data, offset)

    monkeypatch.setattr(partial_file.os, "pwrite", pwrite)
    assert export(keypoints, form, out) == 0
    before = content(out.parent)
    with h5py.File(keypoints, "r+") as file:
        file["frames/score"][0, 0] = 0.125
    fail_at = len(written) if last else 1
    written.clear()
    assert export(keypoints, form, out) == (1 if isinstance(failure, OSError) else 130)
    (line,) = capsys.readouterr().err.splitlines()
    assert ("the disk is full" if isinstance(failure, OSError) else f"interrupted: {out} is as it was before") in line
    assert len(written) >= fail_at
    assert content(out.parent) == before


def test_the_commands_and_the_python_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## Export\n")[2].partition("\n## ")[0]
    commands = [
        line for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL) for line in block.splitlines()
    ]
    snippets = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    write_cache(tmp_path / "artifacts/sample/keypoints/test.h5", index=random_index(5, split="test"), seed=5)
    monkeypatch.chdir(tmp_path)
    for command in commands:
        words = shlex.split(command)
        assert words[:2] == ["star", "export"]
        assert main(words[1:]) == 0
    assert {shlex.split(command)[4] for command in commands} == set(FORMATS)
    assert len(snippets) >= len(FORMATS)
    for snippet in snippets:
        exec(compile(snippet, str(PAGE), "exec"), {})
