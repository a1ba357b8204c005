"""What commands take from params.yaml where options are left out, and what is said where it cannot be had."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from command_line.params_file import Params, fill_from_params, read_params
from command_line.shipped_files import shipped_file
from model.run.run_options import add_run_options, chosen_run
from star.__main__ import main

TEXT = "dataset: walkers\nroot: 'a $HOME \"folder\" with `ticks`'\nruns: [full, baseline]\nclip_lengths: 1…12\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text(TEXT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_only_what_was_left_out_is_filled_in() -> None:
    args = argparse.Namespace(root=Path("named"), dataset=None, out=None)
    fill_from_params(
        args,
        root=lambda params: Path(params.root),
        dataset=lambda params: params.dataset,
        out=lambda params: params.cache("edges", "test"),
    )
    assert vars(args) == {"root": Path("named"), "dataset": "walkers", "out": Path("artifacts/walkers/edges/test.h5")}


def test_a_root_reaches_the_program_as_it_is_written() -> None:
    assert read_params("--root").root == 'a $HOME "folder" with `ticks`'
    (Path("configs/runs/walkers")).mkdir(parents=True)
    Path("configs/runs/walkers/full.yaml").write_text("train: {epochs: 7}\n")
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    run = chosen_run(parser.parse_args(["--run", "full", "--set", "train.seed=5"]))
    assert (run.name, run.dataset, run.root) == ("full", "walkers", 'a $HOME "folder" with `ticks`')
    assert (run.train.epochs, run.train.seed) == (7, 5)


def test_own_settings_come_before_those_that_are_shipped(here: Path) -> None:
    params = Params("sample", "data/sample")
    assert params.config == shipped_file("configs/sample.yaml")
    assert params.run_config("full") == shipped_file("configs/runs/sample/full.yaml")
    (here / "configs").mkdir()
    (here / "configs" / "sample.yaml").touch()
    assert params.config == Path("configs/sample.yaml")
    assert Params("mine", ".").config == Path("configs/mine.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "--config: expected the option, or a params.yaml in this folder, got neither; give --config"),
        ("dataset: sample\n", "params.yaml: expected the key 'root', which has no default, got none; or give --config"),
        ("dataset: sample\nroot: 7\n", "params.yaml: root: expected"),
        (
            "dataset: sample\nroot: x\nrooms: []\n",
            "params.yaml: unknown key 'rooms', nearest is 'root'; known keys are dataset, root,",
        ),
    ],
)
def test_what_is_wrong_is_one_line(text: str | None, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").unlink()
    if text is not None:
        Path("params.yaml").write_text(text)
    assert main(["keypoints", "--split", "train"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {says}")


@pytest.mark.parametrize(
    "words", [["edges"], ["graphs", "--out", "x.h5"], ["train"], ["train", "--run", "a", "--config", "b"]]
)
def test_too_little_or_too_much_is_wrong_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
