"""The run that a report compares with: named, or the baseline beside the run where there is a finished one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.report.reported_run import missing_parts, read_reported_run

if TYPE_CHECKING:
    from pathlib import Path

    from model.report.reported_run import ReportedRun

DEFAULT_NAME = "baseline"


def find_baseline(run: ReportedRun, named: str | None) -> tuple[ReportedRun | None, str]:
    """The run to compare with, or none and a sentence that says why and what to do.

    Raises FileNotFoundError or ValueError only for a `named` run: one that is missing, unfinished, or was tested on
    other tracks.
    """
    if named is None:
        return _default_baseline(run)
    if not named or set(named) & set("/\\\0") or named in (".", ".."):
        raise ValueError(f"--baseline: expected the plain name of a run in {run.folder.parent}, got {named!r}")
    if named == run.name:
        raise ValueError(f"--baseline: expected another run than {run.name} itself; name one of {run.folder.parent}")
    folder = run.folder.parent / named
    missing = missing_parts(folder)
    if missing:
        raise FileNotFoundError(
            f"--baseline: {folder}: expected a finished run, but it has no {', '.join(missing)};"
            f" {how_to_make(run, named)}"
        )
    baseline = read_reported_run(folder)
    other = _other_tracks(run, baseline)
    if other:
        raise ValueError(f"--baseline: {other}; {how_to_make(run, named)}")
    return baseline, ""


def how_to_make(run: ReportedRun, name: str) -> str:
    """The commands that make a run beside this one."""
    config = f"configs/runs/{run.trained.dataset}/{name}.yaml"
    return f"`star train --config {config}`, then `star evaluate --config {config}`"


def _default_baseline(run: ReportedRun) -> tuple[ReportedRun | None, str]:
    folder = run.folder.parent / DEFAULT_NAME
    if run.name == DEFAULT_NAME:
        return None, "This run is the baseline itself; name another run to compare with by --baseline NAME."
    missing = missing_parts(folder)
    if missing:
        return None, f"There is no finished baseline in {folder}; to make one: {how_to_make(run, DEFAULT_NAME)}."
    try:
        baseline = read_reported_run(folder)
    except (ValueError, OSError) as error:
        return None, f"The baseline is left out: {error}."
    other = _other_tracks(run, baseline)
    return (None, f"The baseline is left out: {other}.") if other else (baseline, "")


def _other_tracks(run: ReportedRun, baseline: ReportedRun) -> str:
    """What is wrong where the two were tested on different tracks; empty where not."""
    for name in ("infrared", "visible"):
        own, theirs = getattr(run, name), getattr(baseline, name)
        if not np.array_equal(own.track, theirs.track):
            return _tracks_text(baseline.folder, run.folder, len(own), len(theirs), name)
    return ""


def _tracks_text(folder: Path, own: Path, wanted: int, got: int, name: str) -> str:
    return f"{folder}: expected the {wanted} {name} tracks that {own} was tested on, got {got}, not the same"
