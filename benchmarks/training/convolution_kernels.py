"""Which kernel a convolution gets, and its time: MindSpore as it comes, MindSpore as we start it, and torch.

    python -m benchmarks.training.convolution_kernels [--frames 4] [--rounds 3]

MindSpore 2.10 brings oneDNN 3.10.1, which on CPUs with AVX-512 answers some of its convolutions with a reference
kernel (`ref:any`); `model.run.devices` therefore sets ONEDNN_MAX_CPU_ISA=AVX2 unless the user has set it. The kernels
named are those that oneDNN itself logs (ONEDNN_VERBOSE=1). One 3×3 convolution of 64 channels over the 72×36 cells
of layer1, the stem's size for 288×144 pixels; forward, and forward with both gradients.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from command_line.text_table import align_columns

CHANNELS, HEIGHT, WIDTH = 64, 72, 36
WAYS = {
    "MindSpore as it comes": ("mindspore", None),
    "MindSpore, AVX2": ("mindspore", "AVX2"),
    "torch": ("torch", None),
}
_MARK = "figures "


def main(argv: list[str] | None = None) -> int:
    """Measure every way in a process of its own and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.convolution_kernels", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--library", choices=("mindspore", "torch"), help="measure only this, in this process")
    arguments = parser.parse_args(argv)
    if arguments.library:
        print(_MARK + json.dumps(measure(arguments.library, arguments.frames, arguments.rounds)), flush=True)
        return 0
    found = {name: in_process(*way, arguments.frames, arguments.rounds) for name, way in WAYS.items()}
    print("\n".join(describe(found)))
    return 0


def in_process(library: str, instructions: str | None, frames: int, rounds: int) -> dict[str, Any]:
    """Seconds and kernels of `library` with ONEDNN_MAX_CPU_ISA set to `instructions`, or not set."""
    surroundings = {k: v for k, v in os.environ.items() if k != "ONEDNN_MAX_CPU_ISA"}
    surroundings |= {"ONEDNN_VERBOSE": "1"} | ({"ONEDNN_MAX_CPU_ISA": instructions} if instructions else {})
    command = [sys.executable, "-m", "benchmarks.training.convolution_kernels", "--library", library]
    command += ["--frames", str(frames), "--rounds", str(rounds)]
    top = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=top, env=surroundings, capture_output=True, text=True, check=False)
    figures = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not figures:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return {**json.loads(figures[0].removeprefix(_MARK)), "kernels": kernels(done.stdout)}


def kernels(log: str) -> dict[str, str]:
    """Which implementation oneDNN's log names for each direction of the convolution."""
    found = {}
    for line in log.splitlines():
        fields = line.split(",")
        if "convolution" in fields and "exec" in fields:
            at = fields.index("convolution")
            found[fields[at + 2]] = fields[at + 1]
    return found


def measure(library: str, frames: int, rounds: int) -> dict[str, float]:
    """Median seconds of the forward pass, and of it with both gradients."""
    forward, backward = (mindspore_convolution if library == "mindspore" else torch_convolution)(frames)
    return {"forward": _median_time(forward, rounds), "backward": _median_time(backward, rounds)}


def _median_time(run: Callable[[], object], rounds: int) -> float:
    run()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return median(times)


def _arrays(frames: int) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    images = random.standard_normal((frames, CHANNELS, HEIGHT, WIDTH), np.float32)
    return images, random.standard_normal((CHANNELS, CHANNELS, 3, 3), np.float32)


def mindspore_convolution(frames: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """The convolution and its gradients in MindSpore, as compiled graphs."""
    import mindspore as ms
    from mindspore import ops

    images, weight = map(ms.Tensor, _arrays(frames))

    def convolve(x: Any, w: Any) -> Any:
        return ops.conv2d(x, w, pad_mode="pad", padding=1)

    def total(x: Any, w: Any) -> Any:
        return ops.sum(convolve(x, w))

    forward, gradients = ms.jit(convolve), ms.jit(ms.grad(total, (0, 1)))
    return lambda: forward(images, weight).asnumpy(), lambda: [g.asnumpy() for g in gradients(images, weight)]


def torch_convolution(frames: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """The same in torch."""
    import torch

    images, weight = (torch.from_numpy(array).requires_grad_() for array in _arrays(frames))

    def forward() -> object:
        return torch.nn.functional.conv2d(images, weight, padding=1)

    return forward, lambda: torch.autograd.grad(
        torch.nn.functional.conv2d(images, weight, padding=1).sum(), (images, weight)
    )


def describe(found: dict[str, dict[str, Any]]) -> list[str]:
    """The figures as a table, times in milliseconds and as multiples of torch's."""
    rows = [("", "forward ms", "x torch", "with gradients ms", "x torch", "kernels")]
    for name, values in found.items():
        times = [(f"{values[p] * 1e3:.1f}", f"{values[p] / found['torch'][p]:.1f}") for p in ("forward", "backward")]
        named = "; ".join(f"{direction} {kernel}" for direction, kernel in sorted(values["kernels"].items()))
        rows.append((name, *times[0], *times[1], named))
    return align_columns(rows)


if __name__ == "__main__":
    sys.exit(main())
