"""The wheel, built from the project, unpacked beside some of the libraries of this environment, and run from there."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
STAR = "import sys; sys.path.insert(0, sys.argv.pop(1)); from star.__main__ import main; sys.exit(main())"


@dataclass(frozen=True)
class Installed:
    """A folder like the site-packages of a fresh environment, and the names of the distributions in it."""

    site: Path
    distributions: tuple[str, ...]

    def command(self, *words: str | Path) -> list[str]:
        """`star words` by the interpreter alone: no environment variable, no other folder of packages."""
        return [str(Path(sys.executable).resolve()), "-I", "-S", "-c", STAR, str(self.site), *map(str, words)]

    def star(self, *words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run `star words` in `folder`."""
        return subprocess.run(self.command(*words), cwd=folder, capture_output=True, text=True, check=False)

    def size(self) -> int:
        """Bytes of all files."""
        tops = [top.resolve() for top in self.site.iterdir()]
        files = [file for top in tops for file in (top.rglob("*") if top.is_dir() else (top,)) if file.is_file()]
        return sum(file.stat().st_size for file in files if file.suffix != ".pyc")


def build_wheel(folder: Path) -> Path:
    """Build the wheel into `folder`."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, site: Path, *extras: str) -> Installed:
    """Unpack the wheel to `site`, and link what it and `extras` require from this environment beside it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (own,) = importlib.metadata.distributions(path=[str(site)])
    names = _required(own, ("", *extras))
    for name in names:
        for top in _tops(importlib.metadata.distribution(name)):
            target = site / top.name
            if not target.exists():
                shutil.copytree(top, target, copy_function=os.link) if top.is_dir() else os.link(top, target)
    return Installed(site, tuple(sorted(names)))


def _tops(distribution: importlib.metadata.Distribution) -> set[Path]:
    """The files and folders of a distribution at the top of the folder of packages."""
    home = Path(str(distribution.locate_file("")))
    tops = {home / file.parts[0] for file in distribution.files or ()}
    return {top for top in tops if top.name not in ("..", "__pycache__", "bin")}


def _required(distribution: importlib.metadata.Distribution, extras: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = [(distribution, extras)]
    while waiting:
        current, wanted = waiting.pop()
        for line in current.requires or ():
            need = Requirement(line)
            name = re.sub(r"[-_.]+", "-", need.name).lower()
            if name in found or not any(need.marker is None or need.marker.evaluate({"extra": e}) for e in wanted):
                continue
            found.add(name)
            waiting.append((importlib.metadata.distribution(name), ("", *need.extras)))
    return found
