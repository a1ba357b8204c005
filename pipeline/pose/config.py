"""An MMPose config as this project reads it: a top-down estimator of the 17 COCO joints, and its fingerprint.

An MMPose config is Python that MMEngine executes. Only configs that the project or the installed MMPose ships,
or that the user names, are opened.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line.yaml_data import parse_yaml

if TYPE_CHECKING:
    from mmengine.config import Config

COCO_CONFIGS = Path("body_2d_keypoint/topdown_heatmap/coco")


def read_pose_config(path: Path) -> Config:
    """Execute an MMPose config and return it ready for inference: nothing in it asks for a download.

    Raises ``FileNotFoundError``, and ``ValueError`` when it is not a top-down estimator with a test pipeline.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such MMPose config; check the setting pose: config")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mmengine.config import Config
    try:
        config = Config.fromfile(path)
    except Exception as error:  # a config is a program: whatever it raises is its own fault
        raise ValueError(f"{path}: not an MMPose config: {type(error).__name__}: {first_line(error)}") from error
    model = config.get("model")
    kind = str(model.get("type") if model else None).rpartition(".")[2]
    if kind != "TopdownPoseEstimator":
        raise ValueError(f"{path}: model: type: expected TopdownPoseEstimator, got {kind}; use a top-down config")
    if not model.get("head") or not model.head.get("decoder"):
        raise ValueError(f"{path}: model: head: expected a heatmap head with a decoder; use a heatmap config")
    if not config.get("test_dataloader") or not config.test_dataloader.get("dataset", {}).get("pipeline"):
        raise ValueError(f"{path}: expected test_dataloader: dataset: pipeline, got none")
    model.backbone.init_cfg = None
    model.train_cfg = None
    model.test_cfg = dict(model.get("test_cfg") or {}, output_heatmaps=False)
    return config


def config_sha256(config: Config) -> str:
    """A fingerprint of what decides the output: network, decoder and preprocessing; losses and the path do not."""
    text = config.to_dict()
    model: dict[str, Any] = text["model"]
    model["head"].pop("loss", None)
    model["test_cfg"].pop("flip_test", None)  # a setting of its own
    said = {"model": model, "pipeline": text["test_dataloader"]["dataset"]["pipeline"]}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def official_config(name: str) -> Path:
    """The config `name` of the COCO top-down family in the installed MMPose package."""
    return _installed_configs() / COCO_CONFIGS / f"{name}.py"


def official_weights(name: str) -> tuple[str, str]:
    """Address of the checkpoint that belongs to the config `name`, and the first 8 digits of its sha256.

    Both come from MMPose's own model index: OpenMMLab names a published file after its sha256.
    """
    for index in sorted((_installed_configs() / COCO_CONFIGS).glob("*.yml")):
        for entry in parse_yaml(index.read_text(encoding="utf-8")).get("Models", []):
            if entry.get("Name") == name and "Weights" in entry:
                address = str(entry["Weights"])
                if digits := re.search(r"-([0-9a-f]{8})(?:_\d{8})?\.pth$", address):
                    return address, digits[1]
                raise ValueError(f"{index}: {name}: expected a checkpoint named after its sha256, got {address}")
    raise KeyError(f"model index of the installed MMPose: expected an entry {name!r} with weights, got none")


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for messages that must stay on one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]


def _installed_configs() -> Path:
    package = importlib.util.find_spec("mmpose")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("the package mmpose is not installed; run `make setup`")
    return Path(package.submodule_search_locations[0]) / ".mim" / "configs"
