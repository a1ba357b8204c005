"""python -m pipeline.pose_training train | export | evaluate: the small HRNet from crops to figures."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from command_line.run_command import AT_FAULT, DONE, add_debug_option, run


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a step."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.pose_training", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train the network of a config; a checkpoint after each epoch")
    train.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and log.jsonl")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    train.add_argument("--workers", type=int, help="processes that augment (default: the config's num_workers)")
    train.set_defaults(run=run_train)
    export = commands.add_parser("export", help="write the averaged weights of a checkpoint as safetensors")
    export.add_argument("--out", type=Path, required=True, help="folder that train wrote")
    export.add_argument("--weights", type=Path, required=True, help="file to write")
    export.set_defaults(run=run_export)
    evaluate = commands.add_parser("evaluate", help="figures on the held-out crops, visible and infrared")
    evaluate.add_argument("--weights", type=Path, required=True, help="safetensors file of the config's model")
    evaluate.add_argument("--json", type=Path, help="write the figures here too")
    evaluate.set_defaults(run=run_evaluate)
    for command in (train, export, evaluate):
        command.add_argument("--config", type=Path, required=True, help="MMPose config with a `training` part")
        command.add_argument("--data", type=Path, help="folder of the labels (default: the config's data_root)")
        add_debug_option(command)
    return parser


def read_config(path: Path, data: Path | None) -> Any:
    """Read an MMPose config; `data` replaces the folder of its labels."""
    from mmengine.config import Config

    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected an MMPose config, got no such file; see configs/pose")
    config = Config.fromfile(path)
    for loader in (config.train_dataloader, config.val_dataloader):
        if data is not None:
            loader.dataset.data_root = str(data)
        labels = Path(loader.dataset.data_root, loader.dataset.ann_file)
        if not labels.is_file():
            raise FileNotFoundError(f"{labels}: expected COCO keypoint labels, got no such file; pass --data")
    return config


def run_train(arguments: argparse.Namespace) -> int:
    """Train, or go on with a training."""
    from pipeline.pose_training.train import train

    config = read_config(arguments.config, arguments.data)
    workers = config.train_dataloader.num_workers if arguments.workers is None else arguments.workers
    train(config, arguments.out, arguments.resume, workers)
    return DONE


def run_export(arguments: argparse.Namespace) -> int:
    """Write the averaged weights of a training's last checkpoint."""
    from pipeline.pose_training.recipe import read_recipe
    from pipeline.pose_training.train import CHECKPOINT, load_checkpoint, start_training
    from pipeline.pose_training.weights import save_weights

    config = read_config(arguments.config, arguments.data)
    recipe = read_recipe(config)
    state = start_training(config, recipe)
    load_checkpoint(state, arguments.out / CHECKPOINT, config)
    dataset = config.train_dataloader.dataset
    labels = Path(dataset.data_root, dataset.ann_file).read_bytes()
    metadata = {
        "config": arguments.config.name,
        "seed": str(recipe.seed),
        "epochs": f"{state.epoch} of {recipe.epochs}",
        "train_labels_sha256": hashlib.sha256(labels).hexdigest(),
    }
    save_weights(state.averaged, arguments.weights, metadata)
    print(f"{arguments.weights}: averaged weights after {state.epoch} of {recipe.epochs} epochs")
    return DONE if state.epoch == recipe.epochs else AT_FAULT


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Print the held-out figures, and write them if asked to."""
    from pipeline.pose_training.evaluate import MODALITIES, evaluate, write_report

    report = evaluate(read_config(arguments.config, arguments.data), arguments.weights)
    for modality in MODALITIES:
        print(modality, json.dumps({name: v for name, v in report[modality].items() if name != "pck_by_joint"}))
    if arguments.json is not None:
        write_report(report, arguments.json)
    return DONE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
