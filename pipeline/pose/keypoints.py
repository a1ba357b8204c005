"""Frames to joints: MMPose's own preprocessing, flip test and decoder around an exchangeable engine for the network.

The whole frame is the person's box, as in `mmpose.apis.inference_topdown` without boxes; the results equal it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from data_cache.contract.skeleton import JOINTS
from pipeline.pose.checkpoints import load_weights
from pipeline.pose.config import first_line, read_pose_config
from pipeline.pose.engines import install_engine

if TYPE_CHECKING:
    from mmengine.config import Config

Image = NDArray[np.uint8]  # (height, width, bgr)


class PoseEstimator:
    """A network in memory (`pipeline.pose.estimator.Estimator`)."""

    def __init__(
        self,
        config: Path,
        weights: Path,
        *,
        flip_test: bool = True,
        engine: str = "onnxruntime",
        device: str = "cpu",
        batch: int = 16,
        threads: int | None = None,
    ) -> None:
        """Read config and weights and build the network.

        engine: `onnxruntime` (CPU only) or `torch`; batch: most frames of one forward pass;
        threads: CPU threads of onnxruntime (None: all cores), without effect on the results; torch takes one.
        Raises ``FileNotFoundError``; ``ValueError`` when the files do not fit each other, the device is not
        there, or the network is not one of 17 COCO joints.
        """
        _use_one_thread()
        _require_device(device)
        settings = read_pose_config(config)
        self._batch = batch
        self._described = _describe_joints(settings, config)
        self._pipeline = _build_pipeline(settings, config)
        self._model = _build_network(settings, config)
        _require_joints(load_weights(self._model, weights, config), weights)
        self._model.test_cfg["flip_test"] = flip_test
        self._model.to(device)
        inputs = self._prepare(np.zeros((64, 32, 3), np.uint8))["inputs"]
        install_engine(self._model, engine, (inputs.shape[2], inputs.shape[1]), threads)

    def estimate(self, images: Sequence[Image]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Estimate the joints of n frames of any size, in order, `batch` at a time.

        images: n arrays (height, width, bgr) uint8.
        Returns keypoints (frame, joint, xy) float32, pixels of the original frames (which a joint may lie outside
        of), and score (frame, joint) float32, the height of the heatmap's peak cut to 0…1.
        ``ValueError`` for what is not an image and for results that are not finite.
        """
        keypoints = np.empty((len(images), len(JOINTS), 2), np.float32)
        score = np.empty((len(images), len(JOINTS)), np.float32)
        for start in range(0, len(images), self._batch):
            rows = slice(start, start + self._batch)
            keypoints[rows], score[rows] = self._estimate_batch(images[rows])
        if not (np.isfinite(keypoints).all() and np.isfinite(score).all()):
            raise ValueError("keypoints: expected finite results, got nan or inf; the weights are not sound")
        return keypoints, np.clip(score, 0.0, 1.0)

    def _estimate_batch(self, images: Sequence[Image]) -> tuple[NDArray[Any], NDArray[Any]]:
        from mmengine.dataset import pseudo_collate

        with torch.inference_mode():
            samples = self._model.test_step(pseudo_collate([self._prepare(image) for image in images]))
        found = [sample.pred_instances for sample in samples]
        return (
            np.concatenate([instances.keypoints for instances in found]),
            np.concatenate([instances.keypoint_scores for instances in found]),
        )

    def _prepare(self, image: Image) -> dict[str, Any]:
        """One frame through the config's test pipeline, as `inference_topdown` feeds it."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ValueError(f"image: expected (height, width, 3) uint8, got {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        prepared: dict[str, Any] = self._pipeline(
            {
                "img": image,
                "bbox": np.array([[0, 0, width, height]], np.float32),
                "bbox_score": np.ones(1, np.float32),
                **self._described,
            }
        )
        return prepared


def check_network(config: Path, weights: Path, *, flip_test: bool = True) -> None:
    """``ValueError`` unless `weights` are those of the network of `config` and it finds the 17 COCO joints.

    Lists the tensors that differ; decodes one empty frame, so that a decoder of another kind is met here too.
    """
    estimator = PoseEstimator(config, weights, flip_test=flip_test, engine="torch", batch=1)
    try:
        estimator.estimate([np.zeros((64, 32, 3), np.uint8)])
    except Exception as error:  # MMPose asserts and NumPy refuses in many ways what is of another kind
        raise ValueError(
            f"{config}: expected a network that ends in heatmaps of {len(JOINTS)} joints: {first_line(error)}"
        ) from error


def _use_one_thread() -> None:
    """Keep torch and OpenCV on one thread of the CPU; onnxruntime has threads of its own.

    Torch's convolutions give other last bits with another number of threads, and preparing and decoding a frame
    is too little work to share: on a busy machine, waiting for the other thread costs more than it does.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _require_device(device: str) -> None:
    if device == "cpu":
        return
    if not torch.cuda.is_available():
        raise ValueError(
            f"device: expected a GPU for {device!r}, but torch {torch.__version__} sees none; use --device cpu, "
            "or install a CUDA build of torch and its driver"
        )
    number = torch.device(device).index or 0
    if number >= torch.cuda.device_count():
        raise ValueError(f"device: expected one of {torch.cuda.device_count()} GPUs, got {device!r}")
    # Same bits from run to run, and full float32: TF32 convolutions move keypoints.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


@contextmanager
def _blame(config: Path, part: str) -> Iterator[None]:
    """Whatever MMPose raises while it builds `part` from the config is the config's fault."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{config}: MMPose cannot build its {part}: {first_line(error)}") from error


def _import_mmpose() -> None:
    """Import MMPose's models, transforms and data sets (three seconds) without their warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mmpose.datasets
        import mmpose.models  # noqa: F401
        from mmengine.registry import init_default_scope
    init_default_scope("mmpose")


def _build_network(settings: Config, config: Path) -> Any:
    """The config's `TopdownPoseEstimator`, on the CPU, to predict only; its weights are still to come."""
    _import_mmpose()
    from mmengine.model.utils import revert_sync_batchnorm
    from mmpose.models.builder import build_pose_estimator

    with _blame(config, "model"):
        return revert_sync_batchnorm(build_pose_estimator(settings.model)).eval()


def _build_pipeline(settings: Config, config: Path) -> Any:
    _import_mmpose()
    from mmengine.dataset import Compose

    with _blame(config, "test pipeline"):
        return Compose(settings.test_dataloader.dataset.pipeline)


def _describe_joints(settings: Config, config: Path) -> dict[str, Any]:
    """What MMPose knows of the config's data set (joint names, mirror pairs); refuses other joints than COCO's 17."""
    _import_mmpose()
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    from mmpose.registry import DATASETS

    dataset = settings.test_dataloader.dataset
    with _blame(config, "data set description"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MMPose announces that it looks the description up in its own package
        described: dict[str, Any] = parse_pose_metainfo(
            dict(dataset.get("metainfo") or DATASETS.get(dataset.type).METAINFO)
        )
        names = described["keypoint_id2name"]
    _require_joints(tuple(names[number] for number in sorted(names)), config)
    return described


def _require_joints(names: tuple[str, ...] | None, source: Path) -> None:
    """``ValueError`` unless `names` (None: not said) are the 17 COCO joints in order: AP-10K has 17 too, of animals."""
    if names is None or names == JOINTS:
        return
    other = next((name for name, known in zip(names, JOINTS, strict=False) if name != known), names[-1])
    raise ValueError(
        f"{source}: expected the {len(JOINTS)} COCO joints, got {len(names)} joints (first to differ: {other}); "
        "use a network trained for COCO keypoints"
    )
