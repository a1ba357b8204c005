"""What an install without extras can do, and what it says of the rest; from a wheel, far from the project."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import shutil
import signal
import subprocess
import urllib.request
from itertools import takewhile
from pathlib import Path

import pytest

from tests.factories import random_index, write_cache
from tests.pipeline.datasets.trees import build_tree
from tests.same_files import content
from tests.star.installed_wheel import ROOT, Installed, build_wheel, install

MEGABYTES = 150


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("base")
    return install(build_wheel(folder), folder / "site")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "keypoints" / "train.h5", index=random_index(3), seed=3)


def test_it_brings_the_settings_that_are_ours_and_no_user_s(base: Installed) -> None:
    listed = subprocess.run(["git", "ls-files", "configs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shipped = content(base.site / "command_line" / "shipped" / "configs")
    assert {f"configs/{name}" for name in shipped} == set(listed.split())


def test_it_is_small(base: Installed) -> None:
    assert {"numpy", "h5py"} <= set(base.distributions)
    assert not {"torch", "mindspore", "matplotlib", "dvc", "dask", "scipy"} & set(base.distributions)
    assert base.size() < MEGABYTES * 10**6


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("inspect {file}", "keypoints"),
        ("inspect {file} --track 1 --json", '"frames"'),
        ("verify {file}", "intact"),
        ("export {file} --format coco --out {out}.json", "frames"),
        ("export {file} --format coco-dataset --out {out}.json", "frames"),
        ("export {file} --format pyskl --out {out}.pkl", "frames"),
        ("export {file} --format sleap --out {out}.h5", "frames"),
        ("check --root tree --workers 0", "0 errors, 0 warnings"),
        ("index --root tree --split train", "tracks"),
        ("frames --root tree --dataset tree --split train --workers 0", ""),
        ("completion bash", "complete"),
        ("--version", f"star {importlib.metadata.version('star-reid')}"),
    ],
)
def test_what_it_does(base: Installed, file: Path, tmp_path: Path, words: str, says: str) -> None:
    build_tree(tmp_path / "tree")
    done = base.star(*words.format(file=file, out=tmp_path / "out").split(), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_it_takes_back_what_it_gave(base: Installed, file: Path, tmp_path: Path) -> None:
    out = ("--format", "pyskl", "--out", "given.pkl")
    assert base.star("export", file, *out, folder=tmp_path).returncode == 0
    back = ("--format", "pyskl", "--frames", file, "--out", "back.h5", "--max-bad", "1")
    done = base.star("import", "given.pkl", *back, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert base.star("verify", "back.h5", folder=tmp_path).returncode == 0


def test_it_shows_the_viewer(base: Installed, file: Path, tmp_path: Path) -> None:
    command = base.command("view", file, "--port", "0")
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as viewer:
        assert viewer.stdout
        (address,) = [line.strip() for line in takewhile(not_last, viewer.stdout) if line.startswith("http")]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as page:
            assert b"<html" in page.read()
        viewer.send_signal(signal.SIGINT)
        rest = viewer.stdout.read()
    assert (viewer.returncode, "stopped" in rest) == (0, True)


def not_last(line: str) -> bool:
    return not line.startswith("open this address")


@pytest.mark.parametrize(
    ("words", "library", "extra"),
    [
        ("inspect {file} --plot sheet.png --root frames", "cv2", "plot"),
        ("export {file} --format movement --out out.nc --fps 25", "scipy", "exchange"),
        ("keypoints --split train --root tree --dataset sample", "mmengine", "extract"),
        ("train --run full", "mindspore", "train"),
        ("demo new", "dvc", "flow"),
    ],
)
def test_a_missing_layer_is_one_sentence_with_the_command_that_adds_it(
    base: Installed, file: Path, tmp_path: Path, words: str, library: str, extra: str
) -> None:
    build_tree(tmp_path / "tree")
    (tmp_path / "params.yaml").write_text("dataset: sample\nroot: tree\nruns: [full]\n")
    picture = next((ROOT / "data" / "sample" / "Train").rglob("*.jpg"))
    for path in random_index(3).paths:
        (tmp_path / "frames" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, tmp_path / "frames" / path)
    done = base.star(*words.format(file=file).split(), folder=tmp_path)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
    start = f"error: {library} is not installed: this command needs the layer [{extra}]; add it with: pip install "
    assert line.startswith(start)
    words_of_pip = shlex.split(line.split("add it with: ")[1].split(" && ")[0])
    assert words_of_pip[2] == "--constraint" and Path(words_of_pip[3]).is_file()
    assert re.fullmatch(rf"star-reid\[{extra}\].*", words_of_pip[4])
    assert not (tmp_path / "new").exists()


def test_the_sample_is_unpacked_anywhere(base: Installed, tmp_path: Path) -> None:
    done = base.star("demo", "there", "--unpack-only", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert base.star("check", "--root", "there/data/sample", "--quick", folder=tmp_path).returncode == 0
