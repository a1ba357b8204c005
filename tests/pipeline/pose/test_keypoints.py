"""The estimator against MMPose's own inference, and its promises: bits, order, sizes, one-line errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.pose.config import official_config, read_pose_config
from pipeline.pose.keypoints import PoseEstimator, check_network
from tests.pipeline.pose.pose_networks import ROOT, SMALL, WEIGHTS, mmpose_keypoints, sample_frames, write_config

PIXELS = 0.05
SCORE = 1e-4


@cache
def estimator(engine: str, flip_test: bool = True, batch: int = 5, threads: int = 1) -> PoseEstimator:
    return PoseEstimator(SMALL, WEIGHTS, flip_test=flip_test, engine=engine, batch=batch, threads=threads)


@cache
def reference(flip_test: bool) -> tuple[Any, Any]:
    return mmpose_keypoints(SMALL, sample_frames(), flip_test)


def assert_close(found: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    keypoints, score = found
    assert keypoints.dtype == np.float32 and score.dtype == np.float32
    assert keypoints.shape == (13, 17, 2) and score.shape == (13, 17)
    np.testing.assert_allclose(keypoints, expected[0], rtol=0, atol=PIXELS)
    np.testing.assert_allclose(score, np.clip(expected[1], 0, 1), rtol=0, atol=SCORE)


@pytest.mark.parametrize("flip_test", [True, False])
@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
def test_keypoints_equal_those_of_mmpose(engine: str, flip_test: bool) -> None:
    assert_close(estimator(engine, flip_test).estimate(sample_frames()), reference(flip_test))


def test_the_flip_test_matters() -> None:
    assert np.abs(reference(True)[0] - reference(False)[0]).max() > 10 * PIXELS


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
def test_official_decoding_equals_that_of_mmpose(tmp_path: Path, engine: str) -> None:
    """The shipped network read as the official configs are: MSRA heatmaps, shifted flip test, input without UDP."""
    official = read_pose_config(official_config("td-hm_hrnet-w32_8xb64-210e_coco-256x192")).to_dict()
    assert official["model"]["test_cfg"]["shift_heatmap"]
    changes = (
        f"model = dict(head=dict(decoder=dict(_delete_=True, **{official['model']['head']['decoder']!r})), "
        f"test_cfg={official['model']['test_cfg']!r})\n"
        f"test_dataloader = dict(dataset=dict(pipeline={official['test_dataloader']['dataset']['pipeline']!r}))"
    )
    config = write_config(tmp_path, changes)
    found = PoseEstimator(config, WEIGHTS, engine=engine, batch=7).estimate(sample_frames())
    assert_close(found, mmpose_keypoints(config, sample_frames(), True))
    assert np.abs(found[0] - reference(True)[0]).max() > 1  # it is another decoder


def test_onnxruntime_gives_the_same_bits_for_any_batch_order_and_number_of_threads() -> None:
    frames = sample_frames()
    keypoints, score = estimator("onnxruntime").estimate(frames)
    for batch, threads in ((1, 1), (7, 2), (16, 2)):
        other = estimator("onnxruntime", batch=batch, threads=threads).estimate(frames)
        np.testing.assert_array_equal(other[0], keypoints)
        np.testing.assert_array_equal(other[1], score)
    backwards = estimator("onnxruntime").estimate(frames[::-1])
    np.testing.assert_array_equal(backwards[0][::-1], keypoints)
    np.testing.assert_array_equal(backwards[1][::-1], score)


def test_torch_gives_the_same_bits_for_any_number_of_threads() -> None:
    frames = sample_frames()
    keypoints, score = estimator("torch", threads=1).estimate(frames)
    torch.set_num_threads(2)  # as other code in the process may do before
    other = PoseEstimator(SMALL, WEIGHTS, engine="torch", batch=5, threads=2).estimate(frames)
    np.testing.assert_array_equal(other[0], keypoints)
    np.testing.assert_array_equal(other[1], score)


def test_no_frames_give_no_rows() -> None:
    keypoints, score = estimator("onnxruntime").estimate([])
    assert keypoints.shape == (0, 17, 2) and score.shape == (0, 17)


def test_scores_are_cut_to_their_range_and_keypoints_kept() -> None:
    """A peak may exceed 1, or a heatmap have none: scores stay in 0…1, and everything finite."""
    loud = {name: value * (100 if "final_layer" in name else 1) for name, value in load_file(WEIGHTS).items()}
    found = estimate_with(loud)
    assert found[1].max() == 1 and found[1].min() >= 0
    silent = {name: value * (-1 if "final_layer" in name else 1) for name, value in load_file(WEIGHTS).items()}
    keypoints, score = estimate_with(silent)
    assert score.min() >= 0 and np.isfinite(keypoints).all()


def estimate_with(tensors: dict[str, torch.Tensor]) -> tuple[Any, Any]:
    made = PoseEstimator(SMALL, WEIGHTS, engine="torch")
    made._model.load_state_dict(tensors)
    return made.estimate(sample_frames()[:3])


def test_results_that_are_not_finite_are_refused() -> None:
    spoilt = {name: value * (1e30 if "conv" in name else 1) for name, value in load_file(WEIGHTS).items()}
    with pytest.raises(ValueError, match="expected finite results"):
        estimate_with(spoilt)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.zeros((7, 5), np.uint8), r"got \(7, 5\) uint8"),
        (np.zeros((7, 5, 4), np.uint8), r"got \(7, 5, 4\) uint8"),
        (np.zeros((7, 5, 3), np.float32), r"got \(7, 5, 3\) float32"),
        (np.zeros((0, 5, 3), np.uint8), r"got \(0, 5, 3\) uint8"),
    ],
)
def test_what_is_no_image_is_refused(image: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        estimator("onnxruntime").estimate([image])


def test_frames_of_a_pixel_are_estimated() -> None:
    keypoints, _ = estimator("onnxruntime").estimate([np.zeros((1, 1, 3), np.uint8)])
    assert np.isfinite(keypoints).all()


def without_last_joint(tmp_path: Path) -> tuple[Path, Path]:
    tensors = load_file(WEIGHTS)
    heads = {name: value[:16].contiguous() for name, value in tensors.items() if "final_layer" in name}
    save_file({**tensors, **heads}, tmp_path / "sixteen.safetensors")
    return SMALL, tmp_path / "sixteen.safetensors"


def other_width(tmp_path: Path) -> tuple[Path, Path]:
    return official_config("td-hm_hrnet-w32_8xb64-210e_coco-256x192"), WEIGHTS


def animals(tmp_path: Path) -> tuple[Path, Path]:
    folder = official_config("x").parents[3] / "animal_2d_keypoint" / "topdown_heatmap" / "ap10k"
    return folder / "td-hm_hrnet-w32_8xb64-210e_ap10k-256x256.py", WEIGHTS


def animal_checkpoint(tmp_path: Path) -> tuple[Path, Path]:
    names = {number: ("L_Eye", "R_Eye", "Nose")[number % 3] for number in range(17)}
    payload = {"state_dict": load_file(WEIGHTS), "meta": {"dataset_meta": {"keypoint_id2name": names}}}
    torch.save(payload, tmp_path / "animals.pth")
    return SMALL, tmp_path / "animals.pth"


def sixteen_heatmaps(tmp_path: Path) -> tuple[Path, Path]:
    _, weights = without_last_joint(tmp_path)
    return write_config(tmp_path, "model = dict(head=dict(out_channels=16))"), weights


def unknown_backbone(tmp_path: Path) -> tuple[Path, Path]:
    return write_config(tmp_path, "model = dict(backbone=dict(_delete_=True, type='HRNot'))"), WEIGHTS


def unknown_transform(tmp_path: Path) -> tuple[Path, Path]:
    extra = "test_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadNothing')]))"
    return write_config(tmp_path, extra), WEIGHTS


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (without_last_joint, ["2 of another shape", "head.final_layer.weight expected (17,", "got (16,"]),
        (other_width, ["missing (", "of another shape (", "td-hm_hrnet-w32", "backbone."]),
        (animals, ["17 COCO joints", "L_Eye"]),
        (animal_checkpoint, ["17 COCO joints", "L_Eye", "animals.pth"]),
        (sixteen_heatmaps, ["heatmaps of 17 joints", "changed.py"]),
        (unknown_backbone, ["cannot build its model", "HRNot"]),
        (unknown_transform, ["cannot build its test pipeline", "LoadNothing"]),
    ],
)
def test_files_that_do_not_fit_are_refused_before_any_frame(
    tmp_path: Path, files: Callable[[Path], tuple[Path, Path]], expected: list[str]
) -> None:
    with pytest.raises(ValueError) as raised:
        check_network(*files(tmp_path))
    message = str(raised.value)
    for part in expected:
        assert part in message
    assert "\n" not in message and len(message) < 1500


def test_the_shipped_files_fit() -> None:
    check_network(SMALL, WEIGHTS)


def test_a_device_that_is_not_there_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match=r"'cuda:3', but torch .* sees none; use --device cpu"):
        PoseEstimator(SMALL, WEIGHTS, engine="torch", device="cuda:3")


def test_a_missing_onnxruntime_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match="onnxruntime is not installed; run `make setup`, or set engine: torch"):
        PoseEstimator(SMALL, WEIGHTS, engine="onnxruntime")


def test_users_see_no_noise() -> None:
    code = (
        "import numpy as np\nfrom pipeline.pose.models import resolve_pose_model\n"
        "from pipeline.settings import PoseSettings\nmodel = resolve_pose_model(PoseSettings())\n"
        "keypoints, _ = model.build(1).estimate([np.zeros((7, 5, 3), np.uint8)])\nassert keypoints.shape[0] == 1\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
