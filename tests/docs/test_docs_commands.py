"""Every command in README.md and docs/*.md is run, or stands here with the reason why not and is understood."""

from __future__ import annotations

import argparse
import os
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from dvc.cli import parse_args as dvc_arguments

from data_cache.viewer.page_server import PageServer
from star.__main__ import main as star
from tests.docs.documented_commands import ROOT, Command, build_project, documented_commands, named_commands

# What is not run, by its pattern, and why.
NOT_RUN = {
    r"star import (predictions|poses\.npz|alphapose-results\.json) .*": "others make them; see test_import_*.py",
    r"make [a-z-]+": "makes the environment, or is what runs this test",
    r"docker .*": "there is no container engine here; tests/project/test_container.py holds the Dockerfile's steps",
    r"(STAR_\w+=\S+ )*dvc repro.*": "tests/project/test_dvc*.py run the stages under DVC",
    r"(star|msrun) .*--device Ascend.*": "there is no Ascend here",
    r"(CUDA_VISIBLE_DEVICES=\d )?dask (scheduler|worker) .*": "test_workers.py runs a scheduler and workers",
    r"pip install .*": "takes the network; benchmarks/base_install.py does it",
    r"star completion .*": "its output goes to a file of the reader's shell; test_base_install.py prints it",
    r"export [A-Z]+=.*": "sets a variable of the reader's shell",
    r"(time )?star inspect artifacts/generated/.*": "its file is made by a benchmark of minutes",
    r"python -m benchmarks\.[\w.]+.*": "takes minutes; test_benchmarks.py runs them at a size of seconds",
    r"python -m pipeline\.pose_training .*": "trains for hours; test_pose_training_*.py do it small",
    r"for data in .*": "its data sets are too large; the commands in it are run for the sample",
}
# Options that make a command small.
ADDED = {
    r"star synth .*": "--train-persons 2 --test-persons 2 --tracks 1 --frames 5 --force",
    r"star report .*": "--queries 1 --clips 1",
    r"star train .* --set train\.epochs=30": "--set train.epochs=3",
}
COMMANDS = documented_commands()
PAGES = sorted({command.page for command in COMMANDS})


def reason(command: Command) -> str | None:
    """Why a command is not run; none where it is."""
    (*reasons,) = [why for pattern, why in NOT_RUN.items() if re.fullmatch(pattern, command.text, re.DOTALL)]
    assert len(reasons) <= 1, command
    return reasons[0] if reasons else None


LISTED = [command for command in COMMANDS if reason(command)]
PARSED = [command for command in LISTED if re.search(r"python -m|^star [^>$]*$", command.text)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that all pages start from."""
    folder = tmp_path_factory.mktemp("documented")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("mindspore.jit", lambda function: function)  # compiled runs are tested elsewhere
        build_project(folder)
    return folder


@pytest.fixture
def inside(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project as the current folder."""
    shutil.copytree(project, tmp_path / "project", copy_function=os.link)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr("mindspore.jit", lambda function: function)
    monkeypatch.setattr(PageServer, "serve_forever", stop_at_once)
    for name in [name for name in os.environ if name.startswith("STAR_")]:
        monkeypatch.delenv(name)
    return tmp_path / "project"


def stop_at_once(server: PageServer) -> None:
    """In place of waiting for requests; the viewer's own tests ask it."""
    assert server.address.startswith("http://127.0.0.1:")
    raise KeyboardInterrupt


def added(command: Command) -> list[str]:
    """Options that make it small."""
    return [word for pattern, words in ADDED.items() if re.fullmatch(pattern, command.text) for word in words.split()]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_they_say_one_after_another(
    page: str, inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in COMMANDS:
        if command.page == page and reason(command) is None:
            program, *words = shlex.split(command.text)
            assert program == "star", command
            assert star([*words, *added(command)]) == 0, command.text


class Understood(BaseException):
    """Raised when the options have been read, before anything is done."""


@pytest.mark.parametrize("command", PARSED, ids=str)
def test_the_options_of_what_is_not_run_are_known(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = re.sub(r"^star ", "python -m star.__main__ ", command.text)
    _, module, *words = shlex.split(typed[typed.index("python -m") :])[1:]
    real = argparse.ArgumentParser.parse_args

    def stop_after(*given: object, **named: object) -> None:
        real(*given, **named)  # type: ignore[call-overload]
        raise Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop_after)
    monkeypatch.setattr(sys, "argv", [module, *words])
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(Understood):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def test_targets_of_make_and_dvc_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    drawings = {"dvc.yaml", "walkers/dvc.yaml"}
    stages = set(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]) | drawings
    seen = {"make": 0, "dvc": 0}
    for command in LISTED:
        words = [word for word in command.text.split() if not word.startswith("STAR_")]
        if words[0] == "make":
            assert set(words[1:]) <= targets, command
        elif words[0] == "dvc":
            assert set(dvc_arguments(words[1:]).targets) <= stages, command
        seen[words[0]] = seen.get(words[0], 0) + 1
    assert seen["make"] >= 2 and seen["dvc"] >= 5


@pytest.mark.parametrize("command", named_commands(), ids=str)
def test_commands_that_are_only_named_are_there(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    name = command.text.split()[1]
    with pytest.raises(SystemExit) as left:
        star([name, "--help"])
    assert left.value.code == 0
    known = capsys.readouterr().out
    assert [option for option in re.findall(r"--[a-z-]+", command.text) if option not in known] == []


def test_no_reason_is_left_over() -> None:
    patterns = [*NOT_RUN, *ADDED]
    unused = [p for p in patterns if not any(re.fullmatch(p, c.text, re.DOTALL) for c in COMMANDS)]
    assert unused == []
    assert len(COMMANDS) > 60 and len(COMMANDS) - len(LISTED) > 40
