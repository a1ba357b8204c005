"""Frames a second of the extraction, against MMPose's own loop and plain batches through torch, on this CPU.

    python -m benchmarks.keypoints_speed

The network is HRNet-W32 (official config) with random weights, for speed only; they are made here and thrown away.
Every way reads the same JPEG files, runs the same flip test and takes its turn in every round, so that the ratios
hold on a busy machine where frames a second do not; a ratio is the median over the rounds. The matrix product
is the fastest of NumPy's, torch's and onnxruntime's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from command_line.text_table import align_columns
from data_cache.files.decoded_frame import decode_frame
from pipeline.pose.config import official_config
from pipeline.pose.keypoints import PoseEstimator

CONFIG = "td-hm_hrnet-w32_8xb64-210e_coco-256x192"
BATCH = 16
MATRIX = 2048
LOOP, BATCHED = "loop over inference_topdown", "plain batches in torch"
PROCESSES = "ours, a process a core"
ONE = "ours, one process"
AIMS = {LOOP: 2.5, BATCHED: 1.3}

Keypoints = NDArray[np.float32]  # (frame, joint, xy)
Way = Callable[[Sequence[Path]], Keypoints]


def reference_model(config: Path) -> Any:
    """MMPose's own model of the config with random weights whose activations stay in range, flip test on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mmpose.apis import init_model

        torch.manual_seed(20260)
        model = init_model(str(config), None, device="cpu")
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.5)
            torch.nn.init.constant_(module.running_var, 2.0)
    model.test_cfg["flip_test"] = True
    return model


def loop(model: Any, threads: int) -> Way:
    """What MMPose's documentation shows: `inference_topdown` for one file after the other."""
    from mmpose.apis import inference_topdown

    def estimate(paths: Sequence[Path]) -> Keypoints:
        torch.set_num_threads(threads)
        found = [inference_topdown(model, str(path))[0].pred_instances.keypoints for path in paths]
        return np.concatenate(found)

    return estimate


def batched(model: Any, threads: int) -> Way:
    """The same in batches: the test pipeline built once, a batch a forward pass."""
    from mmengine.dataset import Compose, pseudo_collate

    pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)

    def prepare(path: Path) -> Any:
        image = read(path)
        box = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        return pipeline({"img": image, "bbox": box, "bbox_score": np.ones(1, np.float32), **model.dataset_meta})

    def estimate(paths: Sequence[Path]) -> Keypoints:
        torch.set_num_threads(threads)
        found: list[Any] = []
        with torch.no_grad():
            for start in range(0, len(paths), BATCH):
                found += model.test_step(pseudo_collate([prepare(path) for path in paths[start : start + BATCH]]))
        return np.concatenate([sample.pred_instances.keypoints for sample in found])

    return estimate


def ours(config: Path, weights: Path, threads: int) -> Way:
    """The project's estimator in this process."""
    estimator = PoseEstimator(config, weights, batch=BATCH, threads=threads)

    def estimate(paths: Sequence[Path]) -> Keypoints:
        torch.set_num_threads(1)  # as PoseEstimator sets it; the other ways change it
        return estimator.estimate([read(path) for path in paths])[0]

    return estimate


@contextmanager
def our_processes(config: Path, weights: Path, processes: int) -> Iterator[Way]:
    """The project's estimator in several processes of one thread, as `--workers` runs it."""
    context = get_context("spawn")
    initial = (config, weights)
    with ProcessPoolExecutor(processes, context, initializer=_start_process, initargs=initial) as pool:

        def estimate(paths: Sequence[Path]) -> Keypoints:
            bounds = np.linspace(0, len(paths), processes + 1).astype(int)  # equal shares: none waits for another
            shares = [paths[start:stop] for start, stop in pairwise(bounds)]
            return np.concatenate(list(pool.map(_estimate_share, shares)))

        yield estimate


_started: list[Way] = []


def _start_process(config: Path, weights: Path) -> None:
    _started.append(ours(config, weights, 1))


def _estimate_share(paths: Sequence[Path]) -> Keypoints:
    return _started[0](paths)


def read(path: Path) -> NDArray[np.uint8]:
    """One frame as the extraction reads it."""
    image = decode_frame(path.read_bytes())
    assert image is not None, path
    return image


def matrix_products(threads: int) -> dict[str, Callable[[], object]]:
    """The same float32 matrix product by the libraries at hand."""
    import onnx

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as pipeline/pose/engines.py
    import onnxruntime
    from onnx import TensorProto, helper

    torch.set_num_threads(threads)
    a, b = np.random.default_rng(3).standard_normal((2, MATRIX, MATRIX), np.float32)
    shape = [MATRIX, MATRIX]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "abc"]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", values[:2], values[2:])
    model = onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    first, second = torch.from_numpy(a), torch.from_numpy(b)

    def by_torch() -> object:
        torch.set_num_threads(threads)
        return first @ second

    return {"NumPy": lambda: a @ b, "torch": by_torch, "onnxruntime": lambda: session.run(None, {"a": a, "b": b})}


def network_flop(model: Any) -> int:
    """Floating-point operations of one frame with its flip test, two for each multiply-add of the convolutions."""
    from torch.utils.flop_counter import FlopCounterMode

    width, height = model.head.decoder.input_size
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.head.forward(model.extract_feat(torch.zeros(1, 3, height, width)))
    return 2 * int(counter.get_total_flops())


def measure(ways: dict[str, Way], paths: Sequence[Path], rounds: int, threads: int) -> dict[str, Any]:
    """Seconds of every way and FLOP a second of the matrix product, a value a round, after one round to warm up."""
    products = matrix_products(threads)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    rates: dict[str, list[float]] = {name: [] for name in products}
    keypoints: dict[str, Keypoints] = {}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            keypoints[name] = way(paths)
            seconds[name].append(time.perf_counter() - began)
        for name, product in products.items():
            began = time.perf_counter()
            for _ in range(3):
                product()
            rates[name].append(3 * 2 * MATRIX**3 / (time.perf_counter() - began))
        if not number:
            for values in (*seconds.values(), *rates.values()):
                values.clear()
    return {"seconds": seconds, "rates": rates, "keypoints": keypoints}


def summarize(measured: dict[str, Any], frames: int, flop: int) -> dict[str, Any]:
    """Medians over the rounds; ratios and shares are taken within a round."""
    seconds, rates = measured["seconds"], measured["rates"]
    best = [max(values) for values in zip(*rates.values(), strict=True)]
    agreeing = np.abs(measured["keypoints"][PROCESSES] - measured["keypoints"][LOOP]).max(axis=-1) <= 0.05
    return {
        "frames": frames,
        "rounds": len(best),
        "cores": len(os.sched_getaffinity(0)),
        "gflop_a_frame": flop / 1e9,
        "matrix_product_gflop_s": median(best) / 1e9,
        "joints_within_0.05_px_of_mmpose": float(agreeing.mean()),
        "ways": {
            name: {
                "frames_s": frames / median(values),
                **{f"times_{other}": _ratio(seconds[other], values) for other in AIMS},
                "share_of_matrix_product": median(flop * frames / t / r for t, r in zip(values, best, strict=True)),
            }
            for name, values in seconds.items()
        },
    }


def _ratio(slow: list[float], fast: list[float]) -> float:
    return median(s / f for s, f in zip(slow, fast, strict=True))


def describe(figures: dict[str, Any]) -> list[str]:
    """The figures as a table."""
    rows = [("", "frames/s", "x loop", "x batches", "of matrix product")]
    for name, values in figures["ways"].items():
        ratios = [f"{values[f'times_{other}']:.2f}" for other in AIMS]
        rows.append((name, f"{values['frames_s']:.2f}", *ratios, f"{values['share_of_matrix_product']:.0%}"))
    lines = align_columns(rows)
    lines.append("")
    lines.append(
        f"{figures['frames']} frames, {figures['rounds']} rounds, {figures['cores']} cores; "
        f"{figures['gflop_a_frame']:.1f} GFLOP a frame with its flip test; "
        f"matrix product {figures['matrix_product_gflop_s']:.0f} GFLOP/s"
    )
    lines.append(f"aims: {AIMS[LOOP]} x the loop, {AIMS[BATCHED]} x the batches")
    lines.append(f"joints within 0.05 px of the loop: {figures['joints_within_0.05_px_of_mmpose']:.2%}")
    return lines


def compare(paths: Sequence[Path], rounds: int) -> dict[str, Any]:
    """Run every way in turn on the same files."""
    from safetensors.torch import save_file

    threads = len(os.sched_getaffinity(0))
    config = official_config(CONFIG)
    model = reference_model(config)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.safetensors"
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, weights)
        with our_processes(config, weights, threads) as processes:
            ways = {
                LOOP: loop(model, threads),
                BATCHED: batched(model, threads),
                ONE: ours(config, weights, threads),
                PROCESSES: processes,
            }
            measured = measure(ways, paths, rounds, threads)
    return summarize(measured, len(paths), network_flop(model))


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, and with --json also write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keypoints_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("data/sample"), help="folder with JPEG frames")
    parser.add_argument("--frames", type=int, default=64, help="frames a round, spread over the folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args(argv)
    found = sorted(arguments.root.rglob("*.jpg"))
    if not found:
        parser.error(f"{arguments.root}: expected JPEG frames, found none")
    chosen = np.linspace(0, len(found) - 1, arguments.frames).round().astype(int)
    figures = compare([found[row] for row in chosen], arguments.rounds)
    print("\n".join(describe(figures)))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
