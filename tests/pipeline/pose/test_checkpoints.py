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

from pipeline.pose.checkpoints import ReadOver, load_state_dict, load_weights, read_checkpoint


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


def assert_same(found: dict[str, torch.Tensor], model: nn.Module) -> None:
    expected = model.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_checkpoint_of_mmengine_gives_its_tensors(tmp_path: Path, zipped: bool) -> None:
    model = small_network()
    path = tmp_path / "epoch_210.pth"
    torch.save(mmengine_checkpoint(model), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError):  # it does carry more than torch lets in by itself
        torch.load(path, weights_only=True)
    checkpoint = read_checkpoint(path)
    assert_same(checkpoint.tensors, model)
    assert checkpoint.joints == ("nose", "left_eye")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_plain_state_dicts_load(tmp_path: Path, suffix: str, prefix: str) -> None:
    model = small_network()
    state = {prefix + name: value for name, value in model.state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    found = load_state_dict(path)
    assert set(found) == set(model.state_dict())
    fresh = small_network(17)
    with torch.no_grad():
        for value in fresh.parameters():
            value.zero_()
    assert load_weights(fresh, path, Path("net.py")) is None
    assert_same(dict(fresh.state_dict()), model)


def test_what_is_read_over_keeps_nothing() -> None:
    stand_in = ReadOver(1, "two")
    stand_in.__setstate__({"x": 3})
    assert vars(stand_in) == {}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.pth", b"", "not a whole torch checkpoint"),
        ("text.pth", b"<html>404</html>", "text.pth: "),
        ("cut.pth", "half", "not a whole torch checkpoint"),
        ("empty.safetensors", b"", "not a whole safetensors file"),
        ("cut.safetensors", "half", "not a whole safetensors file"),
        ("weights.onnx", b"x", "expected .safetensors or .pth"),
        ("weights", b"x", "no suffix"),
    ],
)
def test_spoilt_files_are_one_line(tmp_path: Path, name: str, content: bytes | str, expected: str) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save = torch.save if path.suffix == ".pth" else save_file
        save(small_network().state_dict(), path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=expected) as raised:
        load_state_dict(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ([torch.ones(2)], "expected a mapping"),
        ({"state_dict": 3}, "'state_dict', got int"),
        ({}, "tensors by name"),
        ({"epoch": 3, "weight": torch.ones(2)}, "epoch: expected a dense tensor, got int"),
        ({"a": torch.ones(2, 2).to_sparse()}, "a: expected a dense tensor"),
        ({5: torch.ones(2)}, "the key 5"),
        ({"a": torch.tensor([1.0, float("nan")])}, "a: expected finite weights"),
        ({"state_dict": {"a": torch.tensor([float("inf")])}}, "a: expected finite weights"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, payload: object, expected: str) -> None:
    path = tmp_path / "odd.pth"
    torch.save(payload, path)
    with pytest.raises(ValueError, match=expected):
        load_state_dict(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.pth"):
        load_state_dict(tmp_path / "absent.pth")


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
    assert "\n" not in message


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


def test_the_classes_of_mmengine_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A HistoryBuffer is read over by its name: nothing of it runs."""
    path = tmp_path / "epoch.pth"
    torch.save(mmengine_checkpoint(small_network()), path)

    def refuse(*_arguments: object) -> None:
        raise AssertionError("code of the checkpoint's class was called")

    monkeypatch.setattr(HistoryBuffer, "__setstate__", refuse)
    monkeypatch.setattr(HistoryBuffer, "__init__", refuse)
    with pytest.raises(AssertionError):
        torch.load(path, weights_only=False)
    assert len(load_state_dict(path)) == 9
