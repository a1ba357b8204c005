"""What runs the network of an MMPose model: torch, or onnxruntime, which is about twice as fast on a CPU.

Either takes the place of the model's forward pass only; flip test and decoding stay MMPose's own.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.pose.config import first_line

# input (frame, channel, y, x) float32, normalised → heatmaps (frame, channel, y, x) float32
Forward = Callable[[Tensor], Tensor]

# onnxruntime and torch differ by rounding, about 1e-6 of the largest value; a network traced wrongly, by far more.
AGREEMENT = 1e-3
OPSET = 17


class Heatmaps(nn.Module):
    """Backbone, neck and head of an MMPose estimator as one function of the input."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.eval()  # the exporter gives the model back in the mode this module is in

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs (frame, channel, y, x) → heatmaps (frame, channel, y, x)."""
        heatmaps = self.model.head.forward(self.model.extract_feat(inputs))
        if not isinstance(heatmaps, Tensor) or heatmaps.dim() != 4:
            raise ValueError("head: expected one heatmap tensor (frame, channel, y, x); use a heatmap config")
        return heatmaps


def cpu_threads(threads: int | None) -> int:
    """`threads`, or the number of cores this process may use."""
    return threads if threads is not None else len(os.sched_getaffinity(0))


def install_engine(model: Any, engine: str, input_size: tuple[int, int], threads: int | None) -> None:
    """Let `engine` stand for the model's forward pass, under MMPose's own `predict`.

    model: a `TopdownPoseEstimator` in evaluation mode, on its device; input_size: width, height of its input;
    threads: CPU threads of onnxruntime (None: all cores).
    """
    if engine == "onnxruntime":
        forward = onnxruntime_forward(Heatmaps(model), input_size, cpu_threads(threads))
        model.backbone = nn.Identity()  # its weights live on in the session
    else:
        forward = torch_forward(model)
    model.extract_feat = forward
    model.head.forward = _as_it_is


def torch_forward(model: Any) -> Forward:
    """The network in torch, with channels innermost in memory: a third faster than torch's default on a CPU.

    On a CPU the last bits depend on the number of threads and of frames in the batch.
    """
    model.to(memory_format=torch.channels_last)
    extract_feat, head = model.extract_feat, model.head.forward

    def forward(inputs: Tensor) -> Tensor:
        heatmaps: Tensor = head(extract_feat(inputs.to(memory_format=torch.channels_last)))
        return heatmaps

    return forward


def onnxruntime_forward(network: Heatmaps, input_size: tuple[int, int], threads: int) -> Forward:
    """The network exported to ONNX in memory and run by onnxruntime on the CPU; checked against torch once.

    Its results do not depend on `threads`, nor on how frames are put into batches.
    """
    # Its packages of 2026 note an identifier of the machine and send what they do to their maker, unless this is set
    # before they are loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError("engine: onnxruntime is not installed; run `make setup`, or set engine: torch") from error
    width, height = input_size
    example = torch.linspace(-2.0, 2.0, 2 * 3 * height * width).reshape(2, 3, height, width)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors come as exceptions
    try:
        exported = export_onnx(network, example)
        session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])

        def forward(inputs: Tensor) -> Tensor:
            return torch.from_numpy(session.run(None, {"input": np.ascontiguousarray(inputs.numpy())})[0])

        found = forward(example[1:])  # fewer frames than were traced
    except Exception as error:  # exporter and runtime raise many kinds for what they do not know
        raise ValueError(
            f"engine: onnxruntime cannot run this network ({type(error).__name__}: {first_line(error)}); "
            "set engine: torch"
        ) from error
    _require_agreement(found, network, example[1:])
    return forward


def export_onnx(network: nn.Module, example: Tensor) -> bytes:
    """The network as an ONNX model for any number of frames; example: (frame, channel, y, x) float32."""
    buffer: Any = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # torch announces its next exporter, which needs one more package
        torch.onnx.export(
            network,
            (example,),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["heatmaps"],
            dynamic_axes={"input": {0: "frame"}, "heatmaps": {0: "frame"}},
        )
    exported: bytes = buffer.getvalue()
    return exported


def _require_agreement(found: Tensor, network: nn.Module, inputs: Tensor) -> None:
    """``ValueError`` when a traced network found other heatmaps than torch finds."""
    with torch.inference_mode():
        expected = network(inputs)
    largest = float(expected.abs().max())
    apart = float((found - expected).abs().max()) if found.shape == expected.shape else math.inf
    if not apart <= AGREEMENT * max(largest, 1e-6):
        raise ValueError(
            f"engine: expected heatmaps as torch gives them, got {apart:.2g} apart (largest value {largest:.2g}); "
            "set engine: torch"
        )


def _as_it_is(heatmaps: Tensor) -> Tensor:
    return heatmaps
