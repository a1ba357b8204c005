"""The shipped network, sample frames, and small changed configs for the tests of the estimator."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
SMALL = ROOT / "configs" / "pose" / "hrnet-small_256x192.py"
WEIGHTS = SMALL.with_suffix(".safetensors")


@cache
def sample_frames(count: int = 13) -> tuple[NDArray[np.uint8], ...]:
    """`count` frames spread over the sample: persons, cameras, visible and infrared; (height, width, bgr) each."""
    paths = sorted((ROOT / "data" / "sample").glob("*/*/*/*/*.jpg"))
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, count).round().astype(int)]
    assert {path.parts[-3] for path in chosen} == {"ir", "rgb"}
    frames = [cv2.imread(str(path)) for path in chosen]
    assert len({frame.shape for frame in frames}) > count // 2
    return tuple(frames)


def write_config(folder: Path, extra: str, base: Path = SMALL) -> Path:
    """A config that inherits from `base` and says `extra` on top."""
    path = folder / "changed.py"
    path.write_text(f"_base_ = [{str(base)!r}]\n{extra}\n", encoding="utf-8")
    return path


def mmpose_keypoints(
    config: Path, frames: tuple[NDArray[np.uint8], ...], flip_test: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Keypoints and scores as MMPose's own `inference_topdown` gives them, one frame at a time, the shipped weights."""
    from mmpose.apis import inference_topdown, init_model
    from safetensors.torch import load_file

    model = init_model(str(config), None, device="cpu")
    model.load_state_dict(load_file(WEIGHTS))
    model.test_cfg["flip_test"] = flip_test
    found = [inference_topdown(model, frame)[0].pred_instances for frame in frames]
    return np.concatenate([f.keypoints for f in found]), np.concatenate([f.keypoint_scores for f in found])
