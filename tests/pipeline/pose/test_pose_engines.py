"""The engine is exchanged under MMPose's predict: an export that went wrong is met before any frame."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.pose.engines import Heatmaps, cpu_threads, export_onnx, install_engine, onnxruntime_forward

ROOT = Path(__file__).resolve().parents[3]
SIZE = (11, 13)  # width, height


class Backbone(nn.Module):
    """A network that behaves otherwise in training mode, and whose result `fault` spoils when it is traced."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 7, 3)
        self.dropout = nn.Dropout(0.5)
        self.fault = fault

    def forward(self, inputs: Tensor) -> Tensor:
        if self.fault == "constant" and torch.jit.is_tracing():
            return torch.ones(inputs.shape[0], 7, 11, 9) + 0 * inputs.mean()
        if self.fault == "frames":
            return self.dropout(self.convolution(inputs)).reshape(int(inputs.shape[0]), 7, 11, 9)
        if self.fault == "unknown":
            return torch.special.bessel_j0(self.convolution(inputs))
        return self.dropout(self.convolution(inputs))


class Head(nn.Module):
    def __init__(self, dims: int = 4) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, features: Tensor) -> Tensor:
        return features if self.dims == 4 else features.flatten(1)


class Pose(nn.Module):
    def __init__(self, fault: str = "", dims: int = 4) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.backbone = Backbone(fault)
        self.head = Head(dims)
        self.eval()

    def extract_feat(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.backbone(inputs)
        return features


def inputs(frames: int) -> Tensor:
    generator = torch.Generator().manual_seed(frames)
    return torch.randn(frames, 3, SIZE[1], SIZE[0], generator=generator)


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_the_engine_stands_for_the_whole_forward_pass(engine: str, frames: int) -> None:
    model = Pose()
    with torch.inference_mode():
        expected = model.head(model.extract_feat(inputs(frames))).numpy()
        install_engine(model, engine, SIZE, 1)
        found = model.head.forward(model.extract_feat(inputs(frames)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-5)


def test_the_export_leaves_the_network_in_evaluation_mode() -> None:
    model = Pose()
    export_onnx(Heatmaps(model), inputs(2))
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Pose("constant"), "as torch gives them"),
        (Pose("unknown"), "cannot run this network"),
        (Pose(dims=2), "expected one heatmap tensor"),
    ],
)
def test_a_network_that_cannot_be_exported_is_refused(model: Pose, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as raised:
        onnxruntime_forward(Heatmaps(model), SIZE, 1)
    assert "set engine: torch" in str(raised.value) and "\n" not in str(raised.value)


def test_a_network_fixed_to_the_traced_number_of_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="set engine: torch"):
        onnxruntime_forward(Heatmaps(Pose("frames")), SIZE, 1)


def test_all_cores_are_those_this_process_may_use() -> None:
    assert cpu_threads(3) == 3
    assert cpu_threads(None) >= 1


def test_onnxruntime_notes_and_tells_nothing_of_the_machine(tmp_path: Path) -> None:
    """Left alone, its packages write an identifier and a list of events to send below the user's cache folder."""
    code = "from tests.pipeline.pose.test_pose_engines import *\nonnxruntime_forward(Heatmaps(Pose()), SIZE, 1)"
    places = ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    kept = {name: text for name, text in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment = {**kept, **{name: str(tmp_path / name) for name in places}}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True)
    assert [str(file) for file in tmp_path.rglob("*") if "onnxruntime" in str(file) or file.name == "deviceid"] == []
