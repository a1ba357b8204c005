"""One training step, phase by phase, beside an equal network in PyTorch: the ratio of their times.

    python -m benchmarks.training.training_step [--rounds 5] [--json FILE]
    python -m benchmarks.training.training_step --paper --persons 2

Both networks have the same weights and read the same clips of data/sample; that their losses agree is checked before
anything is timed. Each runs in a process of its own, and they take turns phase by phase; a ratio is the median over the
rounds. `--paper` makes one step of the paper's own configuration in each, one after the other, and measures memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.training.step_process import OURS, PHASES, TORCH, Timing, started
from benchmarks.training.step_workload import BATCHES, Workload, prepare
from command_line.text_table import align_columns
from model.run.config import RunConfig, load_run

SAMPLE = Path("configs/runs/sample/full.yaml")
# The same batches again and again: weights should stay near where they began.
RATE = 1e-4
AGREE = 1e-3  # of the loss terms, relative

Times = dict[str, dict[str, list[Timing]]]  # side, phase, round


def side_by_side(workload: Workload, rounds: int) -> Times:
    """Every phase on both sides in turn, `rounds` times after a round that compiles, and reads every batch once.

    Raises ValueError where the two networks' loss terms differ: then they are not equal.
    """
    times: Times = {name: {phase: [] for phase in PHASES} for name in (OURS, TORCH)}
    warm = ["load"] * BATCHES + [phase for phase in PHASES if phase != "load"]
    with ExitStack() as stack:
        sides = {name: stack.enter_context(started(name, workload)) for name in (OURS, TORCH)}
        check_equal(*(side.time("forward").terms for side in sides.values()))
        for phase in warm:
            for side in sides.values():
                side.time(phase)
        for phase in PHASES * rounds:
            for name, side in sides.items():
                times[name][phase].append(side.time(phase))
    return times


def one_step(workload: Workload) -> Times:
    """One step on each side, one after the other, so that each has all the memory; graphs are compiled within it."""
    times: Times = {}
    for name in (OURS, TORCH):
        with started(name, workload) as side:
            times[name] = {"step": [side.time("step")]}
    return times


def check_equal(ours: list[float] | None, theirs: list[float] | None) -> None:
    """Raises ValueError where loss terms differ."""
    assert ours is not None and theirs is not None
    for a, b in zip(ours, theirs, strict=True):
        if not abs(a - b) <= AGREE * max(abs(b), 1e-3):
            raise ValueError(f"loss terms: expected the same of both networks, got {ours} and {theirs}")


def summarize(times: Times, workload: Workload) -> dict[str, Any]:
    """Medians in seconds, and the median over the rounds of ours / torch."""
    run = workload.run
    frames = len(workload.requests[0]) * run.model.frames
    phases = {}
    for phase, ours in times[OURS].items():
        theirs = times[TORCH][phase]
        phases[phase] = {
            OURS: median(t.seconds for t in ours),
            TORCH: median(t.seconds for t in theirs),
            "ratio": median(a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True)),
        }
    return {
        "backbone": run.model.backbone,
        "variant": run.model.variant,
        "pixels": [run.model.image_height, run.model.image_width],
        "batch": [run.data.persons, run.data.tracks_per_modality, 2, run.model.frames],
        "frames": frames,
        "rounds": len(times[OURS]["step"]),
        "cores": len(os.sched_getaffinity(0)),
        "phases": phases,
        "peak_bytes": {name: max(t.peak for found in phases.values() for t in found) for name, phases in times.items()},
        "terms": {name: found["step"][-1].terms for name, found in times.items()},
    }


def describe(figures: dict[str, Any]) -> list[str]:
    """The figures as a table."""
    rows = [("phase", f"{OURS} s", f"{TORCH} s", f"{OURS} / {TORCH}")]
    for phase, values in figures["phases"].items():
        rows.append((phase, f"{values[OURS]:.3f}", f"{values[TORCH]:.3f}", f"{values['ratio']:.2f}"))
    batch = " x ".join(map(str, figures["batch"]))
    pixels = "x".join(map(str, figures["pixels"]))
    memory = ", ".join(f"{name} {peak / 1e9:.1f} GB" for name, peak in figures["peak_bytes"].items())
    return [
        *align_columns(rows),
        "",
        f"{figures['backbone']}, {figures['variant']}, {pixels} pixels, batch {batch} = {figures['frames']} frames, "
        f"{figures['rounds']} rounds, {figures['cores']} cores; peak memory: {memory}",
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, and with --json also write the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.training_step", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--root", type=Path, default=Path("data/sample"), help="folder of the sample")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--persons", type=int, default=8, help="of a batch")
    parser.add_argument("--config", type=Path, default=SAMPLE, help="the run whose network and losses are measured")
    parser.add_argument("--paper", action="store_true", help="one step of the paper's own configuration")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args(argv)
    run = RunConfig() if arguments.paper else load_run(arguments.config)
    run = replace(
        run,
        data=replace(run.data, persons=arguments.persons),
        train=replace(run.train, learning_rate=RATE),
    )
    try:
        figures = measure(run, arguments.root, arguments.rounds, arguments.paper)
    except (ValueError, ChildProcessError) as error:
        parser.exit(1, f"{error}\n")
    print("\n".join(describe(figures)))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(run: RunConfig, root: Path, rounds: int, single: bool) -> dict[str, Any]:
    """Time `run` on both sides: `rounds` rounds of all phases in turn, or a single step each."""
    with tempfile.TemporaryDirectory() as folder:
        workload = prepare(run, root, Path(folder))
        return summarize(one_step(workload) if single else side_by_side(workload, rounds), workload)


if __name__ == "__main__":
    sys.exit(main())
