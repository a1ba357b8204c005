"""Settings become a description of the network that any process can build: presets, overrides, recipes, errors."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.pose import config as pose_config
from pipeline.pose import models as pose_models
from pipeline.pose.config import config_sha256, official_config, official_weights, read_pose_config
from pipeline.pose.models import OFFICIAL, PoseModel, resolve_pose_model
from pipeline.settings import PoseSettings
from tests.pipeline.pose.pose_networks import SMALL, WEIGHTS, sample_frames, write_config

COCO = "https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty weights folder, and nobody at the other end."""

    def unreachable(*_arguments: Any, **_options: Any) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("STAR_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_the_sample_preset_is_the_shipped_network() -> None:
    model = resolve_pose_model(PoseSettings())
    assert (model.name, model.config, model.weights) == ("sample", str(SMALL), str(WEIGHTS))
    assert model.weights_sha256 == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert (model.engine, model.device, model.batch, model.flip_test) == ("onnxruntime", "cpu", 16, True)


@pytest.mark.parametrize(
    ("preset", "name", "published"),
    [
        ("hrnet-w32", "td-hm_hrnet-w32_8xb64-210e_coco-256x192", "81c58e40_20220909"),
        ("hrnet-w48", "td-hm_hrnet-w48_8xb32-210e_coco-256x192", "0e67c616_20220913"),
    ],
)
def test_official_presets_are_those_of_the_installed_mmpose(preset: str, name: str, published: str) -> None:
    assert OFFICIAL[preset] == name
    config = read_pose_config(official_config(OFFICIAL[preset]))
    assert config.model.backbone.type == "HRNet" and config.model.head.out_channels == 17
    assert config.model.backbone.init_cfg is None  # or building it would download
    assert official_weights(OFFICIAL[preset]) == (f"{COCO}{name}-{published}.pth", published[:8])


@pytest.mark.parametrize("preset", ["hrnet-w32", "hrnet-w48"])
def test_offline_one_sentence_says_what_to_fetch_and_where_to_put_it(preset: str, no_network: Path) -> None:
    address, _ = official_weights(OFFICIAL[preset])
    with pytest.raises(ConnectionError) as raised:
        resolve_pose_model(PoseSettings(preset=preset))
    message = str(raised.value)
    for part in ("Name or service not known", address, str(no_network / Path(address).name), "--weights FILE"):
        assert part in message
    assert "\n" not in message


def test_official_weights_put_in_place_are_checked(no_network: Path) -> None:
    address, digits = official_weights(OFFICIAL["hrnet-w32"])
    no_network.mkdir()
    shutil.copy(WEIGHTS, no_network / Path(address).name)
    with pytest.raises(ValueError, match=f"begins with {digits}"):
        resolve_pose_model(PoseSettings(preset="hrnet-w32"))


def test_official_weights_in_place_are_used(no_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the network's width: the shipped weights under the name that an index gives them."""
    name = f"net-{hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:8]}.safetensors"
    no_network.mkdir()
    shutil.copy(WEIGHTS, no_network / name)
    monkeypatch.setattr(pose_models, "official_config", lambda _name: SMALL)
    monkeypatch.setattr(pose_models, "official_weights", lambda _name: (f"https://host/{name}", name[4:12]))
    model = resolve_pose_model(PoseSettings(preset="hrnet-w48"))
    assert (model.name, model.weights) == ("hrnet-w48", str(no_network / name))


def test_weights_named_by_hand_replace_those_of_the_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = load_file(WEIGHTS)
    torch.save({"state_dict": {f"module.{name}": value for name, value in tensors.items()}}, tmp_path / "own.pth")
    monkeypatch.chdir(tmp_path)
    for model in (
        resolve_pose_model(PoseSettings(), weights_override=Path("own.pth")),
        resolve_pose_model(PoseSettings(weights="own.pth")),
        resolve_pose_model(PoseSettings(weights="absent.pth"), weights_override=tmp_path / "own.pth"),
        resolve_pose_model(PoseSettings(preset="custom", config=str(SMALL), weights="own.pth")),
    ):
        assert (model.config, model.weights) == (str(SMALL), str(tmp_path / "own.pth"))
        assert Path(model.weights).is_absolute()
    with pytest.raises(ValueError, match=r"not the weights of td-hm_hrnet-w32.* missing .* of another shape"):
        resolve_pose_model(PoseSettings(preset="hrnet-w32"), weights_override=Path("own.pth"))


def test_without_weights_there_is_no_estimator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="none are made up"):
        resolve_pose_model(PoseSettings(), weights_override=tmp_path / "absent.pth")
    monkeypatch.setattr(pose_models, "POSE_CONFIGS", tmp_path)
    shutil.copy(SMALL, tmp_path / SMALL.name)
    with pytest.raises(FileNotFoundError, match=r"hrnet-small_256x192\.safetensors: no such weights.*'sample'"):
        resolve_pose_model(PoseSettings())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("this is not Python", "not an MMPose config: "),
        ("raise RuntimeError('no\\nway')", "RuntimeError: no"),
        ("model = dict(type='BottomupPoseEstimator')", "expected TopdownPoseEstimator, got BottomupPoseEstimator"),
        ("x = 1", "expected TopdownPoseEstimator, got None"),
        ("model = dict(type='TopdownPoseEstimator', backbone=dict(type='HRNet'))", "heatmap head with a decoder"),
        ("model = dict(type='TopdownPoseEstimator', backbone=dict(), head=dict(decoder=dict(type='x')))", "pipeline"),
    ],
)
def test_what_is_no_top_down_config_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "odd.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=expected) as raised:
        resolve_pose_model(PoseSettings(preset="custom", config=str(path), weights=str(WEIGHTS)))
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_missing_config_or_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.py: no such MMPose config"):
        read_pose_config(tmp_path / "absent.py")
    monkeypatch.setattr(pose_config.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(FileNotFoundError, match="mmpose is not installed; run `make setup`"):
        official_config("any")


@pytest.mark.parametrize(
    ("engine", "device", "chosen"),
    [
        ("auto", "cpu", "onnxruntime"),
        ("auto", "cuda:1", "torch"),
        ("auto", "cuda", "torch"),
        ("torch", "cpu", "torch"),
        ("onnxruntime", "cpu", "onnxruntime"),
    ],
)
def test_the_engine_follows_the_device(engine: Any, device: str, chosen: str) -> None:
    model = resolve_pose_model(PoseSettings(engine=engine), device=device)
    assert (model.engine, model.device) == (chosen, device)
    assert model.recipe()["device"] == device.split(":", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("engine", "device", "expected"),
    [
        ("auto", "gpu", "device: expected cpu, cuda or cuda:<number>, got 'gpu'"),
        ("auto", "cuda:x", "got 'cuda:x'"),
        ("onnxruntime", "cuda:0", "onnxruntime runs on the CPU, got device 'cuda:0'; set engine: torch"),
    ],
)
def test_a_device_that_cannot_be_is_refused(engine: Any, device: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        resolve_pose_model(PoseSettings(engine=engine), device=device)


def test_the_recipe_says_what_decides_the_keypoints_and_nothing_else(tmp_path: Path) -> None:
    model = resolve_pose_model(PoseSettings())
    recipe = model.recipe()
    assert json.loads(json.dumps(recipe)) == recipe
    assert str(SMALL.parent) not in json.dumps(recipe)
    assert recipe["weights_sha256"] == model.weights_sha256
    assert set(recipe["versions"]) == {"mmpose", "onnxruntime"}
    shutil.copy(WEIGHTS, tmp_path / "elsewhere.safetensors")
    assert resolve_pose_model(PoseSettings(), weights_override=tmp_path / "elsewhere.safetensors").recipe() == recipe
    others = [PoseSettings(flip_test=False), PoseSettings(batch=7), PoseSettings(engine="torch")]
    recipes = [resolve_pose_model(other).recipe() for other in others]
    recipes.append(resolve_pose_model(PoseSettings(), weights_override=changed_weights(tmp_path)).recipe())
    assert len({json.dumps(each) for each in [recipe, *recipes]}) == 5


def changed_weights(tmp_path: Path) -> Path:
    tensors = load_file(WEIGHTS)
    tensors["head.final_layer.bias"] = tensors["head.final_layer.bias"] + 0.125
    save_file(tensors, tmp_path / "changed.safetensors")
    return tmp_path / "changed.safetensors"


def test_the_config_fingerprint_follows_its_meaning(tmp_path: Path) -> None:
    def fingerprint(extra: str) -> str:
        return config_sha256(read_pose_config(write_config(tmp_path, extra)))

    same = config_sha256(read_pose_config(SMALL))
    assert fingerprint("") == same  # another path
    assert fingerprint("model = dict(head=dict(loss=dict(type='other')), test_cfg=dict(flip_test=False))") == same
    assert fingerprint("training = dict(seed=1)") == same
    assert fingerprint("model = dict(head=dict(decoder=dict(sigma=3)))") != same
    assert fingerprint("model = dict(data_preprocessor=dict(bgr_to_rgb=False))") != same
    assert fingerprint("model = dict(test_cfg=dict(shift_heatmap=True))") != same


def test_a_model_travels_to_other_processes_as_strings() -> None:
    model = resolve_pose_model(PoseSettings(batch=5))
    copy: PoseModel = pickle.loads(pickle.dumps(model))
    assert copy == model and hash(copy) == hash(model)
    assert len(pickle.dumps(model)) < 2000
    frames = sample_frames()[:3]
    for found, expected in zip(copy.build(1).estimate(frames), model.build(2).estimate(frames), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_weights_that_change_during_a_run_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    shutil.copy(WEIGHTS, path)
    model = resolve_pose_model(PoseSettings(), weights_override=path)
    shutil.copy(changed_weights(tmp_path), path)
    with pytest.raises(ValueError, match=r"weights\.safetensors: changed since the run began"):
        model.build(1)
