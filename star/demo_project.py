"""A folder in which DVC makes everything from the embedded sample, and from drawn walkers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from command_line.shipped_files import HOME, shipped_file
from data_cache.__main__ import main as look_into
from data_cache.files.published_file import publish_files
from model.__main__ import main as show_run
from star.walkers_table import walkers_table

PROJECT = ("params.yaml", "dvc.yaml")
WALKERS = "walkers/dvc.yaml"
UNPACKED = ("params.yaml", "configs", "data/sample")
CODE = ("command_line", "data_cache", "pipeline", "model")
# In place of the code that a checkout's stages depend on: which code is installed.
INSTALLED = "installed.json"
_NOT_CODE = {"__pycache__", "shipped"}


def unpack_project(folder: Path) -> bool:
    """Unpack sample, settings and stages into `folder`; whether there was something to unpack.

    A folder that has `params.yaml` and `dvc.yaml` is a project already, whose files stay as they are; if this
    command made it, it is told which code is installed now. Raises ValueError for a folder with anything else in it.
    """
    begun = (folder / INSTALLED).exists()
    if all((folder / name).is_file() for name in PROJECT):
        if begun:
            _note_code(folder)
        return False
    if folder.exists() and not begun and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: expected a new or empty folder, or a project, got other things; name another")
    folder.mkdir(parents=True, exist_ok=True)
    _note_code(folder)  # first, so that what is stopped here is known and goes on
    for name in UNPACKED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = shipped_file(name)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "pose"), dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    for drawing in (WALKERS, "dvc.yaml"):  # this one last: a folder with it is a project
        stages = installed_stages(shipped_file(drawing).read_text(encoding="utf-8"))
        (folder / drawing).parent.mkdir(exist_ok=True)
        (folder / drawing).write_text(stages, encoding="utf-8")
    return True


def installed_stages(drawing: str) -> str:
    """The stages of `drawing` (a dvc.yaml of a checkout) for installed code: it stands in one file, not in folders."""
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.sort_base_mapping_type_on_output, yaml.width = False, False, 120
    stages = yaml.load(drawing)
    for stage in stages["stages"].values():
        inner = stage.get("do", stage)
        if "deps" not in inner:  # runs always, whatever its code
            continue
        kept = [dep for dep in inner["deps"] if dep.partition("/")[0] not in CODE and dep != "configs/pose"]
        inner["deps"] = [*kept, INSTALLED]
    head = f"# The stages of STAR's dvc.yaml; the code that they ran is noted in {INSTALLED}.\n"
    text = io.StringIO(head)
    text.seek(0, io.SEEK_END)
    yaml.dump(stages, text)
    return text.getvalue()


def code_digests() -> dict[str, str]:
    """sha256 of the code of every room that is installed, by the room's name, and of the shipped pose network."""
    top = Path(__file__).resolve().parents[1]
    places = {name: top / name for name in CODE} | {"configs/pose": HOME / "configs" / "pose"}
    return {name: _folder_digest(place) for name, place in places.items()}


def _folder_digest(folder: Path) -> str:
    """sha256 in hexadecimal digits of names and bytes of all files below `folder`, compiled modules left out."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if file.is_file() and not _NOT_CODE & set(name.parts):
            digest.update(f"{name.as_posix()}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _note_code(folder: Path) -> None:
    text = (json.dumps(code_digests(), indent=1) + "\n").encode()
    file = folder / INSTALLED
    if not file.exists() or file.read_bytes() != text:
        with publish_files(file) as (out,):
            out.write(text)


def reproduce(folder: Path) -> int:
    """Run `dvc repro` of all drawings in `folder`, which becomes DVC's if it is not yet; the exit status."""
    prepare: tuple[str, ...] = ()
    if not (folder / ".dvc").exists():
        prepare = ("init", "--no-scm", "--quiet")
    elif not any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents)):
        # An unpacked archive of a checkout: DVC would ask for the repository that its settings take for granted.
        prepare = ("config", "--local", "core.no_scm", "true")
    if prepare and (status := _dvc(folder, *prepare)):
        return status
    return _dvc(folder, "repro", *(name for name in ("dvc.yaml", WALKERS) if (folder / name).is_file()))


def _dvc(folder: Path, *words: str) -> int:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    command = [sys.executable, "-m", "dvc", *words]
    # A folder of its own has no settings yet in which a checkout says that DVC reports nothing to its maker.
    quiet = {"DVC_NO_ANALYTICS": "1", **os.environ, "PATH": programs}
    return subprocess.run(command, cwd=folder, env=quiet, check=False).returncode


def show_results(folder: Path) -> None:
    """Print what was made in `folder`, and what to do with it."""
    results = [f"artifacts/sample/runs/full/{part}metrics.json" for part in ("protocols/split-train/", "")]
    look_into(["inspect", str(folder / "artifacts/sample/keypoints/train.h5")])
    sys.stdout.write("\n\n")
    show_run(["results", *(str(folder / name) for name in results)])
    if (folder / WALKERS).is_file():  # a folder that an earlier version unpacked has none
        sys.stdout.write(f"\n{walkers_table(folder / 'artifacts/walkers/runs')}\n")
    reports = [folder / "artifacts" / name / "reports" / "full.html" for name in ("sample", "walkers")]
    star = shlex.quote(str(Path(sys.executable).with_name("star")))
    test = shlex.quote(str(folder / "artifacts/sample/keypoints/test.h5"))
    lines = (
        f"Results:      {folder / results[1]}, features.h5; caches in {folder / 'artifacts/sample'}",
        f"Look inside:  {star} view {test}",
        f"Hand on:      {star} export {test} --format coco --out results.json",
        "Your data:    name it in params.yaml (docs/quickstart.md, 'Your own data'), then dvc repro",
        *(f"Report:       {report.resolve()}" for report in reports if report.is_file()),
    )
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
