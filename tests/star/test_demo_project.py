"""`star demo`: what it unpacks, what it leaves alone, and when stages run again in what it unpacked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from data_cache.contract.reader import open_cache
from star import demo_project
from star.__main__ import main
from star.demo_project import code_digests, installed_stages, unpack_project
from tests.pipeline.datasets.trees import build_tree
from tests.same_files import content

ROOT = Path(__file__).resolve().parents[2]
EXCLUDE = "configs/exclude"


def test_the_folder_has_the_sample_and_what_the_stages_read(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "new folder"
    assert unpack_project(folder)
    assert content(folder / "data" / "sample") == content(ROOT / "data" / "sample")
    assert {name for name in content(ROOT / "configs") if not name.startswith("pose/")} == content(
        folder / "configs"
    ).keys()
    assert (folder / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
    assert (folder / demo_project.WALKERS).is_file()
    before = content(folder)
    assert not unpack_project(folder)
    assert content(folder) == before


@pytest.mark.parametrize("name", ["dvc.yaml", demo_project.WALKERS])
def test_the_stages_are_the_checkout_s_but_for_the_code(name: str) -> None:
    drawing = (ROOT / name).read_text(encoding="utf-8")
    ours, theirs = yaml.safe_load(drawing)["stages"], yaml.safe_load(installed_stages(drawing))["stages"]
    assert ours.keys() == theirs.keys()
    for name, stage in theirs.items():
        inner, whole = stage.get("do", stage), ours[name].get("do", ours[name])
        deps, code_and_data = inner.pop("deps", None), whole.pop("deps", None)
        assert inner == whole
        if name == "frames":
            assert deps is code_and_data is None  # it runs always
            continue
        data = [dep for dep in code_and_data if dep.partition("/")[0] in ("${root}", "artifacts") or dep == EXCLUDE]
        assert deps == [*data, "installed.json"]


def test_other_code_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in demo_project.CODE:
        shutil.copytree(ROOT / name, tmp_path / "code" / name)
    monkeypatch.setattr(demo_project, "__file__", str(tmp_path / "code" / "star" / "demo_project.py"))
    before = code_digests()
    unpack_project(tmp_path / "demo")
    assert json.loads((tmp_path / "demo" / "installed.json").read_text()) == before
    (tmp_path / "code" / "model" / "network" / "losses.py").write_text("another = 1\n")
    assert not unpack_project(tmp_path / "demo")
    after = json.loads((tmp_path / "demo" / "installed.json").read_text())
    assert {name for name in before if before[name] != after[name]} == {"model"}


def test_what_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(shutil, "copytree", full_disk)
        unpack_project(tmp_path / "demo")
    assert not (tmp_path / "demo" / "dvc.yaml").exists()
    assert unpack_project(tmp_path / "demo")
    assert (tmp_path / "demo" / "dvc.yaml").exists()


def test_a_folder_of_other_things_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").touch()
    for place in (tmp_path, tmp_path / "mine.txt"):
        assert main(["demo", str(place), "--unpack-only"]) == 1
        line = f"error: {place}: expected a new or empty folder, or a project, got other things; name another\n"
        assert capsys.readouterr().err == line
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.txt"]


def test_stages_run_there_and_not_twice(tmp_path: Path) -> None:
    """A small tree in the sample's place, a few small walkers, stage one only, by DVC itself."""
    folder = tmp_path / "demo"
    unpack_project(folder)
    shutil.rmtree(folder / "data")
    build_tree(folder / "data" / "sample")
    drawings = [folder / "dvc.yaml", folder / demo_project.WALKERS]
    for drawing in drawings:
        stages = yaml.safe_load(drawing.read_text(encoding="utf-8"))["stages"]
        kept = {name: stages[name] for name in stages if name in ("frames", "keypoints", "draw", "edges", "graphs")}
        if "draw" in kept:
            del kept["graphs"]
            kept["draw"]["do"]["cmd"] += " --train-persons 1 --test-persons 2 --tracks 1 --frames 1"
        drawing.write_text(yaml.safe_dump({"stages": kept}))
    assert demo_project.reproduce(folder) == 0
    command = [sys.executable, "-m", "star", "verify", "artifacts/sample/graphs/test.h5"]
    assert subprocess.run(command, cwd=folder, check=False).returncode == 0
    with open_cache(folder / "artifacts" / "walkers-clean" / "edges" / "test.h5") as cache:
        assert (cache.dataset, cache.frames) == ("walkers-clean", 4)
    locks = [drawing.with_suffix(".lock") for drawing in drawings]
    before = [lock.read_bytes() for lock in locks]
    assert demo_project.reproduce(folder) == 0
    assert [lock.read_bytes() for lock in locks] == before


def test_an_archive_of_a_checkout_needs_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    shutil.copyfile(ROOT / ".dvc" / "config", tmp_path / ".dvc" / "config")
    (tmp_path / "dvc.yaml").write_text("stages: {one: {cmd: 'echo 1 > made.txt', outs: [made.txt]}}\n")
    assert demo_project.reproduce(tmp_path) == 0
    assert (tmp_path / "made.txt").read_text() == "1\n"
