"""Kills and scarcity, on small planted commands and on the real export: what is left behind is counted."""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.campaign.command_run import CommandRun, run_command
from benchmarks.campaign.figures_file import FiguresFile
from benchmarks.campaign.kills import KILLS, moment, try_command, try_kill
from benchmarks.campaign.scarcity import RESOURCES
from benchmarks.campaign.starved import starve
from benchmarks.campaign.tried_commands import BY_NAME, TriedCommand
from benchmarks.campaign.tried_project import MANY
from benchmarks.exchange import write_random_keypoints

# Writes half of its file and waits to be killed: under its own name, under a private one, or to end in other bytes.
# Run again, or `at once`, it writes all.
WRITER = """
import os, signal, sys
how, again = sys.argv[1], os.path.exists("begun")
open("begun", "w").close()
place = "out" if how == "openly" else "out.partial"
with open(place, "w") as file:
    file.write("other" if again and how == "otherwise" else "first")
    file.flush()
    if how != "at once" and not again:
        signal.pause()
    file.write("last" * 100)
os.replace(place, "out")
"""
CONTENT = "first" + "last" * 100


def planted(how: str) -> TriedCommand:
    return TriedCommand(how, [sys.executable, "-c", WRITER, how], ("out",), ("out*",))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("how", "left", "differing"), [("privately", [], []), ("openly", ["out"], []), ("otherwise", [], ["out"])]
)
def test_what_a_kill_leaves_and_what_comes_of_it_is_counted(
    how: str, left: list[str], differing: list[str], project: Path
) -> None:
    whole = {"out": hashlib.sha256(CONTENT.encode()).hexdigest()}
    seconds = 4 if left else 1  # of which the start of Python takes a part
    step = try_kill(planted(how), project, project.parent / "copy", whole, seconds, 0.5)
    assert step == {"share": 0.5, "left": left, "ending": "done", "differing": differing, "words": ""}


def test_a_stopped_campaign_goes_on_with_the_kills_that_are_missing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BY_NAME, "edges", planted("at once"))
    file, end = tmp_path / "kills.json", time.monotonic() + 100
    try_command(FiguresFile(file, {"seed": 1}, KILLS), project, 1, end, "edges", [1])
    try_command(FiguresFile(file, {"seed": 1}, KILLS), project, 1, end, "edges", range(3))
    figures = FiguresFile(file, {"seed": 1}, KILLS)
    assert [step["number"] for step in figures.steps] == [0, 1, 2] and figures.has("edges", 2)
    before = file.read_bytes()
    try_command(figures, project, 1, end, "edges", range(3))
    try_command(figures, project, 1, time.monotonic() - 1, "edges", [7])
    assert file.read_bytes() == before
    assert FiguresFile(file, {"seed": 2}, KILLS).steps == []


def test_kills_come_at_a_hundred_moments_drawn_from_the_seed() -> None:
    assert sum(KILLS.values()) == 100
    moments = [moment(3, command, number) for command, count in KILLS.items() for number in range(count)]
    assert len(set(moments)) == 100 and min(moments) < 0.1 and max(moments) > 0.9
    assert moment(3, "edges", 5) == moment(3, "edges", 5) != moment(4, "edges", 5)


@pytest.mark.parametrize(
    ("status", "errors", "ending"),
    [
        (0, "INFO wrote", "done"),
        (1, "INFO begun\nerror: x: expected y, got z; mend it\n", "one line"),
        (1, "error: one\nerror: two\n", "other"),
        (1, "", "other"),
        (2, "error: wrong usage\n", "other"),
        (1, "Traceback (most recent call last):\n  File\nMemoryError\n", "traceback"),
        (-11, "", "crash"),
        (134, "", "crash"),
    ],
)
def test_an_ending_is_named_by_status_and_stderr(status: int, errors: str, ending: str) -> None:
    assert CommandRun(status, 1.0, errors).ending == ending
    assert CommandRun(status, 301.0, errors).ending == ("done" if status == 0 else "hang")


def test_a_killed_export_ends_in_the_same_bytes_and_a_starved_one_in_one_line(project: Path) -> None:
    (project / "many").mkdir()
    write_random_keypoints(project / MANY, 3000)
    command, folder = BY_NAME["export coco"], project.parent / "copy"
    whole, seconds = command.undisturbed(project, folder)
    assert sorted(whole) == ["campaign/results.images.json", "campaign/results.json"]
    step = try_kill(command, project, folder, whole, seconds, 0.7)
    assert (step["left"], step["differing"], step["ending"]) == ([], [], "done")
    (size,) = [resource for resource in RESOURCES if resource.name == "file size"]
    need = (folder / "campaign/results.json").stat().st_size
    step = starve(command, size, 0.5, command.begin(project, folder), whole, need)
    assert (step["ending"], step["left"], step["differing"]) == ("one line", [], [])
    step = starve(command, size, 1.1, command.begin(project, folder), whole, need)
    assert step == {"ending": "done", "left": [], "again": "done", "differing": []}


def test_a_starved_command_that_leaves_a_part_under_the_final_name_is_counted(project: Path) -> None:
    (size,) = [resource for resource in RESOURCES if resource.name == "file size"]
    (project / "begun").touch()
    command, folder = planted("openly"), project.parent / "copy"
    whole, _ = command.undisturbed(project, folder)
    step = starve(command, size, 0.5, command.begin(project, folder), whole, len(CONTENT))
    assert (step["ending"], step["left"], step["again"], step["differing"]) == ("traceback", ["out"], "done", [])
    assert "File too large" in step["words"]


def test_a_process_that_outlives_its_command_is_ended_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('child', 'w').write(str(child.pid))\n"
    )
    assert run_command([sys.executable, "-c", code], tmp_path).ending == "done"
    state = Path("/proc") / (tmp_path / "child").read_text() / "stat"
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_copies_have_everything_but_what_the_command_makes(project: Path) -> None:
    for name in ("out", "kept", "folder/out"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(name)
    copy = replace(planted("openly"), removed=("out", "absent")).begin(project, project.parent / "copy")
    assert sorted(file.relative_to(copy).as_posix() for file in copy.rglob("*")) == ["folder", "folder/out", "kept"]
