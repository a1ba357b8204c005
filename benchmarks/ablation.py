"""The four variants on the generated walkers: every seed trained, evaluated clean and occluded, and put into a table.

    python -m benchmarks.ablation                         true joints
    python -m benchmarks.ablation --joint-noise 0.02      joints with an error of 2 % of the crop's height

What is finished is not done again, so an interrupted ablation goes on. Prints the rows of docs/results.md. One run at
a time: two, with a core each, made some 45 frames/s each, where one with both cores makes 600.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from itertools import product
from pathlib import Path

from model.retrieval.ranking import DIRECTIONS
from model.run.config import load_run
from model.training.checkpoints import checkpoint_files

VARIANTS = ("baseline", "frame", "sequence", "full")
CONFIGS = Path("configs/runs/synth")
SPLITS = ("train", "test")
TRAIN_PERSONS = 64


def data_name(noise: float, occluded: bool) -> str:
    """Name of the data set with this error of the joints."""
    return "synth" + (f"-noise-{noise:g}" if noise else "") + ("-occluded" if occluded else "")


def python(*arguments: str) -> None:
    """Run a module of this project; what it says is shown only when it fails."""
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}\n{done.stderr}")


def make_data(noise: float) -> None:
    """Both generated data sets with their caches; existing ones are kept."""
    for occluded in (False, True):
        name = data_name(noise, occluded)
        kept = Path("artifacts") / name
        if not (kept / "keypoints" / "test.h5").is_file():
            options = ["--out", f"data/{name}", "--artifacts", str(kept), "--dataset", name]
            options += ["--train-persons", str(TRAIN_PERSONS), "--joint-noise", str(noise)]
            python("pipeline", "synth", *options, "--test-occluded", str(int(occluded)))
        for kind, split in product(("edges", "graphs"), SPLITS):
            out = kept / kind / f"{split}.h5"
            if not out.is_file():
                cache = ["--keypoints", str(kept / "keypoints" / out.name), "--out", str(out)]
                python("pipeline", kind, "--config", "configs/synth.yaml", *cache)


def run_options(variant: str, seed: int, noise: float) -> list[str]:
    """What names a run on the command line."""
    data = data_name(noise, False)
    settings = {"name": f"{variant}-seed-{seed}", "train.seed": seed, "dataset": data, "root": f"data/{data}"}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return ["--config", str(CONFIGS / f"{variant}.yaml"), *options]


def run_folder(variant: str, seed: int, noise: float) -> Path:
    """Where its results are."""
    return Path("artifacts") / data_name(noise, False) / "runs" / f"{variant}-seed-{seed}"


def make_run(variant: str, seed: int, noise: float) -> None:
    """Train, and evaluate on both test splits and on the training tracks."""
    options, folder = run_options(variant, seed, noise), run_folder(variant, seed, noise)
    hidden = data_name(noise, True)
    if not (folder / "metrics.json").is_file():
        python("model", "train", *options, "--resume")
        python("model", "evaluate", *options)
    if not (folder / "protocols" / f"on-{hidden}" / "metrics.json").is_file():
        last = str(checkpoint_files(folder / "checkpoints")[-1])
        there = ["--set", f"dataset={hidden}", "--set", f"root=data/{hidden}", "--checkpoint", last]
        python("model", "evaluate", *options, *there)
    if not (folder / "protocols" / "split-train" / "metrics.json").is_file():
        python("model", "evaluate", *options, "--split", "train")
    print(f"done: {variant}, seed {seed}", file=sys.stderr, flush=True)


def results(variant: str, seeds: list[int], noise: float, protocol: str) -> dict[str, list[tuple[float, float]]]:
    """For every direction the rank-1 and mAP of each seed, in %."""
    found: dict[str, list[tuple[float, float]]] = {direction: [] for direction in DIRECTIONS}
    for seed in seeds:
        metrics = json.loads((run_folder(variant, seed, noise) / protocol / "metrics.json").read_text())
        for direction in DIRECTIONS:
            found[direction].append((100 * metrics[direction]["rank-1"], 100 * metrics[direction]["mAP"]))
    return found


def table_rows(variants: list[str], seeds: list[int], noise: float) -> list[str]:
    """Rows of the table in docs/results.md: mean ± sample standard deviation over the seeds."""
    rows = []
    hidden = f"protocols/on-{data_name(noise, True)}"
    for label, protocol in (("clean", "."), ("occluded", hidden), ("training tracks", "protocols/split-train")):
        for variant in variants:
            cells = []
            for pairs in results(variant, seeds, noise, protocol).values():
                for values in zip(*pairs, strict=True):
                    spread = statistics.stdev(values) if len(values) > 1 else 0.0
                    cells.append(f"{statistics.mean(values):.1f} ± {spread:.1f}")
            rows.append(f"| {label} | `{variant}` | " + " | ".join(cells) + " |")
    return rows


def main() -> None:
    """Make what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--joint-noise", type=float, default=0.0, metavar="SHARE", help="of the crop's height")
    args = parser.parse_args()
    make_data(args.joint_noise)
    for seed, variant in product(args.seeds, args.variants):
        make_run(variant, seed, args.joint_noise)
    epochs = load_run(CONFIGS / "full.yaml").train.epochs
    print(f"seeds {args.seeds}, {epochs} epochs, joint noise {args.joint_noise:g}; rank-1 and mAP in % each direction")
    print("\n".join(table_rows(args.variants, args.seeds, args.joint_noise)))


if __name__ == "__main__":
    main()
