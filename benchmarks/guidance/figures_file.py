"""The experiment's figures as they are kept in the repository: one JSON file, a run each under its name."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from command_line.json_data import parse_json
from data_cache.files.published_file import publish_files

FIGURES = Path(__file__).resolve().parent / "figures.json"


def read_figures(path: Path = FIGURES) -> dict[str, Any]:
    """`machine` and `runs`, by the runs' names; without a file both are empty."""
    if not path.is_file():
        return {"machine": {}, "runs": {}}
    found = parse_json(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def keep_figures(figures: dict[str, Any], path: Path = FIGURES) -> None:
    """Write them, whole or not at all; what they were measured on is noted."""
    machine = {"processor": _processor(), "cpus": os.cpu_count(), "torch": torch.__version__}
    text = json.dumps({"machine": machine, "runs": dict(sorted(figures["runs"].items()))}, indent=1)
    with publish_files(path) as (file,):
        file.write(f"{text}\n".encode())


def _processor() -> str:
    names = [line for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.processor()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
