"""Checkpoints as MMEngine writes them load; files that are spoilt or do not fit are one-line errors."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from safetensors.torch import save_file
from torch import nn

from pipeline.pose.checkpoints import load_weights


def small_network(joints: int = 17) -> nn.Sequential:
    torch.manual_seed(7)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Conv2d(5, joints, 1))


def mmengine_checkpoint(model: nn.Module) -> dict[str, Any]:
    """What MMEngine's CheckpointHook saves, its log made with MMEngine's own classes.

    The optimizer's state is written out, since torch takes seconds to import what an optimizer needs.
    """
    moments = {n: {"step": torch.tensor(3.0), "exp_avg": value} for n, value in enumerate(model.parameters())}
    hub = MessageHub.get_instance("checkpoint test")
    for step in range(3):
        hub.update_scalar("train/loss", 0.5 / (step + 1))
        hub.update_scalar("train/acc", np.float64(0.25))
    hub.update_info("best_score", np.float32(0.75))
    hub.update_info("array", np.arange(5))
    assert isinstance(hub.log_scalars["train/loss"], HistoryBuffer)
    described = {
        "keypoint_id2name": {0: "nose", 1: "left_eye"},
        "flip_indices": [0, 1],
        "sigmas": np.full(2, 0.025, np.float32),
    }
    return {
        "meta": {"epoch": 210, "cfg": "model = dict()", "dataset_meta": described, "seed": np.int64(3)},
        "state_dict": model.state_dict(),
        "message_hub": hub.state_dict(),
        "optimizer": {"state": moments, "param_groups": [{"lr": 5e-4, "betas": (0.9, 0.999), "params": [0, 1]}]},
        "param_schedulers": [{"last_step": 3, "_last_value": [np.float64(5e-4)], "milestones": {170: 1}}],
    }


def loaded(path: Path) -> tuple[nn.Sequential, tuple[str, ...] | None]:
    """A network whose weights were zero and now are those of `path`, and the joints' names."""
    fresh = small_network()
    with torch.no_grad():
        for value in fresh.state_dict().values():
            value.zero_()
    joints = load_weights(fresh, path, Path("net.py"))
    return fresh, joints


def assert_same(found: nn.Module, model: nn.Module) -> None:
    expected = model.state_dict()
    assert list(found.state_dict()) == list(expected)
    assert all(torch.equal(value, expected[name]) for name, value in found.state_dict().items())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_checkpoint_of_mmengine_gives_its_tensors(tmp_path: Path, zipped: bool) -> None:
    model = small_network()
    path = tmp_path / "epoch_210.pth"
    torch.save(mmengine_checkpoint(model), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError):  # it does carry more than torch lets in by itself
        torch.load(path, weights_only=True)
    network, joints = loaded(path)
    assert_same(network, model)
    assert joints == ("nose", "left_eye")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth", "weights.bin", "weights.pth.tar"])
@pytest.mark.parametrize("prefix", ["", "module.", "state_dict.model."])
def test_plain_state_dicts_load(tmp_path: Path, name: str, prefix: str) -> None:
    model = small_network()
    state = {prefix + name: value for name, value in model.state_dict().items()}
    (save_file if name.endswith(".safetensors") else torch.save)(state, tmp_path / name)
    network, joints = loaded(tmp_path / name)
    assert_same(network, model)
    assert joints is None


def test_bfloat16_becomes_the_same_numbers(tmp_path: Path) -> None:
    model = small_network().bfloat16()
    torch.save({"model": model.state_dict()}, tmp_path / "a.pth")
    save_file(model.state_dict(), tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        assert_same(loaded(tmp_path / name)[0], model.float())


def test_a_network_of_mmpose_is_found_by_its_backbone(tmp_path: Path) -> None:
    """MMPose 0.x named the head otherwise; hooks of MMPose convert that, which this network has not."""
    named = nn.ModuleDict({"backbone": nn.Conv2d(3, 5, 3), "head": nn.Conv2d(5, 17, 1)})
    old = {name.replace("head.", "keypoint_head."): value for name, value in named.state_dict().items()}
    torch.save({"state_dict": {f"module.{name}": value for name, value in old.items()}}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"2 missing \(head.weight, head.bias\); 2 unexpected \(keypoint_head.weight"):
        load_weights(named, tmp_path / "a.pth", Path("net.py"))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, number: float) -> None:
    state = small_network().state_dict()
    state["2.bias"][3] = number
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    with pytest.raises(
        ValueError, match=r"a\.pth: 2\.bias: expected finite weights, got nan or inf; the training went"
    ):
        loaded(tmp_path / "a.pth")


def test_what_is_no_checkpoint_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_bytes(b"<html>404</html>")
    with pytest.raises(ValueError, match=r"page\.pth: expected weights, got a web page; fetch the file itself"):
        loaded(tmp_path / "page.pth")
    with pytest.raises(FileNotFoundError, match=r"absent\.pth: no such weights file; check the path"):
        loaded(tmp_path / "absent.pth")


def test_differing_tensors_are_listed(tmp_path: Path) -> None:
    state = small_network(joints=16).state_dict()
    del state["0.bias"]
    state["3.extra"] = torch.ones(1)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"net\.py") as raised:
        load_weights(small_network(), tmp_path / "other.pth", Path("configs/net.py"))
    message = str(raised.value)
    assert "1 missing (0.bias)" in message
    assert "1 unexpected (3.extra)" in message
    assert "2 of another shape (2.weight expected (17, 5, 1, 1), got (16, 5, 1, 1), 2.bias" in message
    assert message.endswith("; pass the checkpoint that was trained with this config") and "\n" not in message
    torch.save(small_network().state_dict(), tmp_path / "other.pth")
    load_weights(small_network(), tmp_path / "other.pth", Path("configs/net.py"))


def test_many_differing_tensors_are_counted(tmp_path: Path) -> None:
    torch.save({f"layer{n}.weight": torch.ones(1) for n in range(101)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"101 unexpected \(layer0.weight, .*layer4.weight, …\)") as raised:
        load_weights(small_network(), tmp_path / "other.pth", Path("net.py"))
    assert len(str(raised.value)) < 600


def test_counters_that_only_training_reads_may_lack(tmp_path: Path) -> None:
    state = small_network().state_dict()
    del state["1.num_batches_tracked"]
    torch.save(state, tmp_path / "old.pth")
    load_weights(small_network(), tmp_path / "old.pth", Path("net.py"))
