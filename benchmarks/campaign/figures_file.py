"""A part's figures as JSON in the repository, written anew after every step, so that a stopped campaign goes on."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data_cache.files.published_file import publish_files

FOLDER = Path(__file__).resolve().parent / "figures"


class FiguresFile:
    """The figures of a part in `file`: `settings`, `cores` of the machine, and `steps`; used by several threads.

    What `file` holds of other settings is begun anew.
    """

    def __init__(self, file: Path, settings: dict[str, Any], order: Iterable[str] = ()) -> None:
        """order: names of the steps' `of`, in which they stand in the file."""
        self.file, self._order, self._lock = file, list(order), threading.Lock()
        self._head: dict[str, Any] = {"settings": settings, "cores": os.cpu_count()}
        self.steps: list[dict[str, Any]] = []
        if file.is_file():
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            self.steps = found["steps"] if found["settings"] == settings else []

    def has(self, of: str, number: int) -> bool:
        """Whether step `number` of a kind or command is there."""
        return any(step["of"] == of and step["number"] == number for step in self.steps)

    def add(self, of: str, number: int, figures: dict[str, Any]) -> None:
        """Add a step and write the file."""
        with self._lock:
            self.steps.append({"of": of, "number": number, **figures})
            self.steps.sort(key=lambda step: (self._order.index(step["of"]), step["number"]))
            self._write()

    def _write(self) -> None:
        """One step a line, so that a change of one is a change of a line."""
        head = json.dumps(self._head)[1:-1]
        steps = ",\n".join(json.dumps(step, ensure_ascii=False) for step in self.steps)
        with publish_files(self.file) as (out,):
            out.write(f'{{{head}, "steps": [\n{steps}\n]}}\n'.encode())
