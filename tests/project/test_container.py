"""The Dockerfile without a container engine: its steps are steps that CI runs, and what it copies is the repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from fnmatch import fnmatchcase
from itertools import accumulate
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def read_instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, arguments) of a Dockerfile, comments left out and continued lines joined; AssertionError else."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    found = [re.fullmatch(r"([A-Z]+) (.+)", " ".join(line.split())) for line in joined]
    assert all(found), text
    return [(match[1], match[2]) for match in found if match]


INSTRUCTIONS = read_instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def arguments(name: str) -> list[str]:
    return [given for instruction, given in INSTRUCTIONS if instruction == name]


def make_steps(target: str, venv: Path) -> list[str]:
    """What `make target` would do where there is no environment yet."""
    command = ["make", "--no-print-directory", "--dry-run", f"VENV={venv}", target]
    outside = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(command, cwd=ROOT, env=outside, text=True, capture_output=True, check=True)
    return done.stdout.replace("\\\n", " ").splitlines()


def is_ignored(path: str) -> bool:
    """Whether the last pattern of .dockerignore that fits `path` or a folder above it leaves it out."""
    places = list(accumulate(path.split("/"), lambda above, name: f"{above}/{name}"))
    left_out = False
    for line in IGNORED:
        pattern = line.removeprefix("!")
        anywhere = pattern.startswith("**/")
        names = [place.rpartition("/")[2] for place in places] if anywhere else places
        if any(fnmatchcase(name, pattern.removeprefix("**/")) for name in names):
            left_out = not line.startswith("!")
    return left_out


def test_after_debian_s_packages_it_runs_the_readme_s_commands_only() -> None:
    machine, *steps = [given.split(" && ") for given in arguments("RUN")]
    assert machine[0] == "apt-get update" and machine[1].startswith("apt-get install ")
    assert [step.split()[0] for made in steps for step in made] == ["git", "git", "make"]
    assert steps[-1][-1] == "make setup"
    assert [json.loads(command) for command in arguments("CMD")] == [["make", "demo"]]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make demo ", readme, re.MULTILINE)


@pytest.mark.parametrize("target", ["setup", "demo"])
def test_make_knows_its_steps_from_the_beginning(target: str, tmp_path: Path) -> None:
    steps = make_steps(target, tmp_path / "none")
    assert any("-m venv" in step for step in steps)
    assert steps[-1].endswith("star demo .") == (target == "demo")


def test_ci_sets_up_by_the_same_steps(tmp_path: Path) -> None:
    called = re.findall(r"^make ([a-z-]+)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert called
    for target in called:
        assert set(make_steps("setup", tmp_path / "none")) <= set(make_steps(target, tmp_path / "none")), target


def test_its_python_is_one_that_the_package_takes() -> None:
    image, *_ = arguments("FROM")
    version = re.match(r"python:(\d+\.\d+)-slim", image)
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert version and version[1] in SpecifierSet(needed)


def test_it_does_not_run_as_root() -> None:
    created = re.search(r"useradd --create-home --uid (\d+) (\w+)", arguments("RUN")[0])
    assert created and int(created[1]) > 0
    assert arguments("USER") == [created[1]]
    assert arguments("COPY") == [f"--chown={created[2]}:{created[2]} . ."]


def test_the_whole_repository_is_copied_and_no_data_set_of_others() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout.splitlines()
    assert {"Makefile", "constraints.txt", ".dvc/config"} <= set(files)
    # What this repository ships, and nothing else, stands by name in .dockerignore.
    shipped = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    assert shipped == {"/".join(file.split("/")[:2]) for file in files if file.startswith("data/")}
    assert [file for file in files if is_ignored(file)] == []
    made = ["data/hitsz-vcm/Train/0001", ".venv/bin/python", "artifacts/sample", "model/__pycache__/x.pyc", ".git/HEAD"]
    assert [path for path in made if not is_ignored(path)] == []


def test_the_devcontainer_stops_before_the_copy_and_sets_up_the_clone() -> None:
    described = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    build = described["build"]
    folder = ROOT / ".devcontainer"
    assert (folder / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (folder / build["context"]).resolve() == ROOT
    stage, last = arguments("FROM")
    assert stage.endswith(f" AS {build['target']}") and last == build["target"]
    assert described["postCreateCommand"] == "make setup"
    assert f" {described['remoteUser']} &&" in arguments("RUN")[0]


@pytest.mark.parametrize("text", ["run make", "RUN", "FROM a\n  b"])
def test_what_is_no_dockerfile_is_not_read(text: str) -> None:
    with pytest.raises(AssertionError):
        read_instructions(text)
