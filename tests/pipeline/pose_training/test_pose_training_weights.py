"""The shipped network: config, weights, figures and model card agree, and it finds joints on held-out crops."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model

from pipeline.pose_training.accuracy import correct_keypoints
from pipeline.pose_training.weights import load_weights, save_weights

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "configs/pose/hrnet-small_256x192.py"
WEIGHTS = CONFIG.with_suffix(".safetensors")
LABELS = ROOT / "data/pose-labels"


@pytest.fixture(scope="module")
def shipped() -> Any:
    model = init_model(str(CONFIG), None, device="cpu")
    load_weights(model, WEIGHTS)
    return model


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return dict(json.loads(CONFIG.with_suffix(".json").read_text()))


def test_shipped_network_has_the_promised_size(shipped: Any) -> None:
    assert 1_000_000 <= sum(p.numel() for p in shipped.parameters()) <= 2_000_000
    assert WEIGHTS.stat().st_size <= 8_000_000
    assert all(t.dtype.is_floating_point or n.endswith("num_batches_tracked") for n, t in shipped.state_dict().items())


def test_shipped_network_finds_joints_on_held_out_crops(shipped: Any) -> None:
    labels = json.loads((LABELS / "annotations/val.json").read_text())
    files = {image["id"]: image["file_name"] for image in labels["images"]}
    chosen = labels["annotations"][:: len(labels["annotations"]) // 13][:13]
    correct, seen = [], []
    for annotation in chosen:
        box = np.array([annotation["bbox"]], np.float32)
        found = inference_topdown(shipped, str(LABELS / "images" / files[annotation["image_id"]]), box, "xywh")
        joints = np.array(annotation["keypoints"]).reshape(1, 17, 3)
        height = np.array([annotation["bbox"][3]])
        correct.append(correct_keypoints(found[0].pred_instances.keypoints, joints[:, :, :2], height))
        seen.append(joints[:, :, 2] > 0)
    assert len(correct) == 13 and np.concatenate(correct)[np.concatenate(seen)].mean() >= 0.8


def test_no_joint_shares_its_map_with_another(shipped: Any) -> None:
    # Sixteen channels and a linear layer cannot make 17 maps: the left and the right ankle once became one.
    weight = shipped.head.final_layer.weight.detach().flatten(1).double()
    assert np.linalg.matrix_rank(weight.numpy()) == 17
    cosine = torch.nn.functional.cosine_similarity(weight[:, None], weight[None], dim=2) - torch.eye(17)
    assert cosine.max() < 0.95


def test_flip_test_and_decoder_are_those_of_udp(shipped: Any) -> None:
    assert shipped.test_cfg == {"flip_test": True, "flip_mode": "heatmap", "shift_heatmap": False}
    steps = {step["type"]: step for step in shipped.cfg.test_dataloader.dataset.pipeline}
    assert list(steps) == ["LoadImage", "GetBBoxCenterScale", "TopdownAffine", "PackPoseInputs"]
    assert steps["TopdownAffine"]["use_udp"] and tuple(steps["TopdownAffine"]["input_size"]) == (192, 256)
    assert type(shipped.head.decoder).__name__ == "UDPHeatmap"


def test_config_imports_nothing_and_names_no_place() -> None:
    config = Config.fromfile(CONFIG)
    assert "custom_imports" not in config
    assert not Path(config.data_root).is_absolute()
    assert Path(ROOT, config.data_root, config.train_dataloader.dataset.ann_file).is_file()


def test_figures_and_weights_belong_together(report: dict[str, Any]) -> None:
    assert report["weights_sha256"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert report["labels_sha256"] == hashlib.sha256((LABELS / "annotations/val.json").read_bytes()).hexdigest()
    trained_on = hashlib.sha256((LABELS / "annotations/train.json").read_bytes()).hexdigest()
    assert report["training"]["train_labels_sha256"] == trained_on
    assert report["training"]["config"] == CONFIG.name
    done, planned = re.fullmatch(r"(\d+) of (\d+)", report["training"]["epochs"]).groups()  # type: ignore[union-attr]
    assert done == planned == str(sum(stage["epochs"] for stage in Config.fromfile(CONFIG).training.stages))


def test_aims_of_the_issue_are_met(report: dict[str, Any]) -> None:
    assert report["visible"]["mean_oks"] >= 0.85 and report["visible"]["pck"] >= 0.93
    assert report["simulated_infrared"]["mean_oks"] >= 0.80 and report["simulated_infrared"]["pck"] >= 0.80


def test_model_card_says_what_was_measured(report: dict[str, Any]) -> None:
    rows = dict(re.findall(r"^\| ([\w ,.@]+) \| ([\d. |]+) \|$", (ROOT / "docs/model-card.md").read_text(), re.M))
    visible, infrared = report["visible"], report["simulated_infrared"]
    names = {"mean OKS": "mean_oks", "PCK@0.1": "pck", "AP": "AP", "AP50": "AP50", "AP75": "AP75", "AR": "AR"}
    for row, name in names.items():
        assert rows[row] == f"{visible[name]:.3f} | {infrared[name]:.3f}", row
    for joint, share in visible["pck_by_joint"].items():
        assert rows[joint] == f"{share:.3f} | {infrared['pck_by_joint'][joint]:.3f}", joint


def test_weights_are_written_the_same_twice_and_read_back(shipped: Any, tmp_path: Path) -> None:
    metadata = load_weights(shipped, WEIGHTS)
    for name in ("one", "two"):
        save_weights(shipped, tmp_path / name, metadata)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == WEIGHTS.read_bytes()


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    other = Config.fromfile(CONFIG)
    other.model.head.out_channels = 14
    model = init_model(other, None, device="cpu")
    with pytest.raises(ValueError, match=r"head\.final_layer\.bias"):
        load_weights(model, WEIGHTS)


def test_weights_that_were_cut_are_one_line_and_those_written_again_are_read(shipped: Any, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(WEIGHTS.read_bytes()[:-7])
    with pytest.raises(ValueError, match=r"cut\.safetensors: not a whole safetensors file: .*; export it again"):
        load_weights(shipped, path)
    save_weights(shipped, path, {})
    assert load_weights(shipped, path) == {}
