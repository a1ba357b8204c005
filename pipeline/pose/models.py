"""Which network estimates the joints: settings become a `PoseModel`, a few strings that any process can build."""

from __future__ import annotations

import importlib.metadata
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from command_line.digests import file_sha256
from command_line.shipped_files import HOME
from pipeline.pose.config import config_sha256, official_config, official_weights, read_pose_config
from pipeline.pose.download import Progress, fetch_weights, weights_folder
from pipeline.settings import PoseSettings

if TYPE_CHECKING:
    from pipeline.pose.estimator import Estimator

POSE_CONFIGS = HOME / "configs" / "pose"
SHIPPED = {"sample": "hrnet-small_256x192"}
OFFICIAL = {
    "hrnet-w32": "td-hm_hrnet-w32_8xb64-210e_coco-256x192",
    "hrnet-w48": "td-hm_hrnet-w48_8xb32-210e_coco-256x192",
}


@dataclass(frozen=True)
class PoseModel:
    """A network, its weights and how it is run (`pipeline.pose.estimator.EstimatorSource`).

    name: preset, or `custom`.
    config, weights: paths of the MMPose config and of the checkpoint, with their fingerprints.
    engine: `onnxruntime` or `torch`; device: `cpu`, `cuda` or `cuda:<number>`; batch: frames a forward pass.
    """

    name: str
    config: str
    config_sha256: str
    weights: str
    weights_sha256: str
    flip_test: bool
    engine: str
    device: str
    batch: int

    def recipe(self) -> dict[str, Any]:
        """Everything that decides the keypoints; paths, GPU numbers and thread counts do not."""
        return {
            "name": self.name,
            "config": Path(self.config).name,
            "config_sha256": self.config_sha256,
            "weights_sha256": self.weights_sha256,
            "flip_test": self.flip_test,
            "batch": self.batch,
            "device": self.device.partition(":")[0],
            "engine": self.engine,
            "versions": {name: importlib.metadata.version(name) for name in sorted({"mmpose", self.engine})},
        }

    def build(self, threads: int | None = None) -> Estimator:
        """The network in memory; threads: CPU threads of onnxruntime (None: all cores), without effect on results.

        ``ValueError`` when a file changed since, files do not fit, or the device is not there.
        """
        keypoints = _import_keypoints()
        found = file_sha256(Path(self.weights))
        if found != self.weights_sha256:
            raise ValueError(
                f"{self.weights}: changed since the run began: expected sha256 {self.weights_sha256[:16]}…, "
                f"got {found[:16]}…; start again"
            )
        estimator: Estimator = keypoints.PoseEstimator(
            Path(self.config),
            Path(self.weights),
            flip_test=self.flip_test,
            engine=self.engine,
            device=self.device,
            batch=self.batch,
            threads=threads,
        )
        return estimator


def resolve_pose_model(
    settings: PoseSettings,
    *,
    device: str = "cpu",
    weights_override: Path | None = None,
    progress: Progress | None = None,
) -> PoseModel:
    """Find config and weights (downloading an official checkpoint once) and check that they fit each other.

    device: where the network will run; whether it exists is asked where the network is built, which may be
        another machine.
    weights_override: a checkpoint in place of the preset's own; without one, no estimator comes into being.
    Raises ``FileNotFoundError``, ``ConnectionError`` (a checkpoint that cannot be fetched) and ``ValueError``
    (files that do not fit, listing the tensors that differ).
    """
    engine = _choose_engine(settings.engine, device)
    config = _find_config(settings)
    fingerprint = config_sha256(read_pose_config(config))
    weights = _find_weights(settings, weights_override, progress)
    _import_keypoints().check_network(config, weights, flip_test=settings.flip_test)
    return PoseModel(
        name=settings.preset,
        config=str(config),
        config_sha256=fingerprint,
        weights=str(weights),
        weights_sha256=file_sha256(weights),
        flip_test=settings.flip_test,
        engine=engine,
        device=device,
        batch=settings.batch,
    )


def _import_keypoints() -> ModuleType:
    """Import the estimator, and with it torch, only where one is needed, and without what torch says of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pipeline.pose import keypoints
    return keypoints


def _choose_engine(engine: str, device: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", device):
        raise ValueError(f"device: expected cpu, cuda or cuda:<number>, got {device!r}")
    if engine == "auto":
        return "onnxruntime" if device == "cpu" else "torch"
    if engine == "onnxruntime" and device != "cpu":
        raise ValueError(f"engine: onnxruntime runs on the CPU, got device {device!r}; set engine: torch")
    return engine


def _find_config(settings: PoseSettings) -> Path:
    if settings.config is not None:
        return Path(settings.config).resolve()
    if settings.preset in SHIPPED:
        return POSE_CONFIGS / f"{SHIPPED[settings.preset]}.py"
    return official_config(OFFICIAL[settings.preset])


def _find_weights(settings: PoseSettings, override: Path | None, progress: Progress | None) -> Path:
    named = override or (Path(settings.weights) if settings.weights is not None else None)
    if named is None and settings.preset in OFFICIAL:
        address, digits = official_weights(OFFICIAL[settings.preset])
        return fetch_weights(address, weights_folder(), digits, progress=progress)
    path = named.resolve() if named else POSE_CONFIGS / f"{SHIPPED[settings.preset]}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such weights for preset {settings.preset!r}, and none are made up; "
            "restore the file or name a checkpoint with --weights FILE"
        )
    return path
