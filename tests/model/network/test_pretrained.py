"""Weights from files: every format gives the same backbone; what does not fit is listed; nothing in a file runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
import torch
from mindspore import Tensor
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_halved

from model.network.backbone import ARCHITECTURES, SadBackbone
from model.network.pretrained import load_pretrained, read_resnet
from tests.model.network.torch_resnet import random_resnet

Weights = dict[str, torch.Tensor]


@pytest.fixture
def weights() -> Weights:
    plan = ARCHITECTURES["narrow"]
    return dict(random_resnet(plan.blocks, plan.stem_width, plan.expansion).state_dict())


def write_safetensors(weights: Weights, path: Path) -> None:
    save_file({name: value.numpy() for name, value in weights.items()}, path)


def write_mindspore(weights: Weights, path: Path) -> None:
    """As mindcv names them."""
    parts = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    rows = []
    for name, value in weights.items():
        place, _, part = name.rpartition(".")
        norm = "bn" in place.split(".")[-1] or place.endswith("downsample.1")
        if part != "num_batches_tracked":
            key = f"{place}.{parts[part] if norm else part}".replace("downsample", "down_sample")
            rows.append({"name": key, "data": Tensor(value.numpy())})
    ms.save_checkpoint(rows, str(path))


def loaded(path: Path) -> dict[str, np.ndarray]:
    backbone = SadBackbone("narrow")
    load_pretrained(backbone, path)
    return {name: p.asnumpy() for name, p in backbone.parameters_and_names()}


def test_every_format_fills_both_stems_and_all_layers(weights: Weights, tmp_path: Path) -> None:
    write_safetensors(weights, tmp_path / "a.safetensors")
    torch.save(weights, tmp_path / "b.pth")
    torch.save({"state_dict": {f"module.{k}": v for k, v in weights.items()}, "epoch": 3}, tmp_path / "c.pt")
    write_mindspore(weights, tmp_path / "d.ckpt")
    first = loaded(tmp_path / "a.safetensors")
    for stem in ("infrared_stem", "visible_stem"):
        np.testing.assert_array_equal(first[f"{stem}.conv1.weight"], weights["conv1.weight"].numpy())
        np.testing.assert_array_equal(first[f"{stem}.bn1.moving_variance"], weights["bn1.running_var"].numpy())
    shortcut = weights["layer3.0.downsample.1.running_mean"].numpy()
    np.testing.assert_array_equal(first["layer3.0.downsample.1.moving_mean"], shortcut)
    torch.save(weights, tmp_path / "resnet50-19c8e357.pth", _use_new_zipfile_serialization=False)
    others = {f"base.{k}": v for k, v in weights.items()} | {"bottleneck.weight": torch.ones(7)}
    torch.save({"model": others, "best": np.float64(0.5), "epoch": 3}, tmp_path / "e.pth.tar")
    torch.save({"state_dict": {f"backbone.{k}": v for k, v in weights.items()}}, tmp_path / "lightning.ckpt")
    for other in ("b.pth", "c.pt", "d.ckpt", "resnet50-19c8e357.pth", "e.pth.tar", "lightning.ckpt"):
        second = loaded(tmp_path / other)
        assert first.keys() == second.keys()
        for name, value in first.items():
            np.testing.assert_array_equal(value, second[name], err_msg=f"{other}: {name}")


def test_without_a_file_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    load_pretrained(SadBackbone("narrow"), None)
    assert "random" in caplog.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: w.pop("layer1.0.conv2.weight"), ["1 missing (layer1.0.conv2.weight)"]),
        (lambda w: w.update({"layer5.0.conv1.weight": torch.ones(2)}), ["1 unexpected (layer5.0.conv1.weight)"]),
        (lambda w: w.update({"bn1.bias": torch.ones(3)}), ["1 of another shape (bn1.beta expected (16,), got (3,))"]),
        (lambda w: w.update({"bn1.bias": torch.full((16,), torch.nan)}), ["1 not finite (bn1.beta)"]),
        (lambda w: w.clear() or w.update({"a": torch.ones(1)}), [" missing (conv1.weight", ", …)", "1 unexpected (a)"]),
    ],
)
def test_what_does_not_fit_is_listed_and_nothing_changes(
    change: Any, expected: list[str], weights: Weights, tmp_path: Path
) -> None:
    change(weights)
    write_safetensors(weights, tmp_path / "a.safetensors")
    backbone = SadBackbone("narrow")
    before = {name: p.asnumpy().copy() for name, p in backbone.parameters_and_names()}
    with pytest.raises(ValueError, match=r"a\.safetensors: not the weights of this backbone") as caught:
        load_pretrained(backbone, tmp_path / "a.safetensors")
    assert all(part in str(caught.value) for part in expected), caught.value
    for name, parameter in backbone.parameters_and_names():
        np.testing.assert_array_equal(parameter.asnumpy(), before[name])


def test_bfloat16_becomes_the_same_numbers(weights: Weights, tmp_path: Path) -> None:
    halved = {name: value.bfloat16() if value.is_floating_point() else value for name, value in weights.items()}
    torch.save(halved, tmp_path / "a.pth")
    save_halved(halved, tmp_path / "b.safetensors")
    write_safetensors({name: value.float() for name, value in halved.items()}, tmp_path / "c.safetensors")
    wanted = loaded(tmp_path / "c.safetensors")
    ms.save_checkpoint(
        [{"name": "conv1.weight", "data": Tensor(weights["conv1.weight"].numpy()).astype(ms.bfloat16)}],
        str(tmp_path / "d.ckpt"),
    )
    found = read_resnet(tmp_path / "d.ckpt", {"conv1.weight"})
    np.testing.assert_array_equal(found["conv1.weight"], wanted["visible_stem.conv1.weight"])
    for name in ("a.pth", "b.safetensors"):
        for key, value in loaded(tmp_path / name).items():
            np.testing.assert_array_equal(value, wanted[key], err_msg=key)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def page(path: Path) -> None:
    path.write_bytes(b"<!doctype html><title>Sign in</title>")


def lacking(path: Path) -> None:
    ms.save_checkpoint([{"name": "conv1.weight", "data": Tensor(np.ones((16, 3, 7, 7), np.float32))}], str(path))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (cut, r"not a whole MindSpore checkpoint: .*; fetch it again$"),
        (page, r"expected weights, got a web page; fetch the file itself, which its download link leads to$"),
        (
            lacking,
            r"not the weights of this backbone: 59 missing \(.*; name a file of the ResNet that model\.backbone says$",
        ),
        (Path.unlink, r"no such file; name a torchvision or timm ResNet's state dict$"),
    ],
)
def test_what_a_refusal_advises_makes_the_file_readable(
    make: Any, expected: str, weights: Weights, tmp_path: Path
) -> None:
    path = tmp_path / "a.ckpt"
    write_mindspore(weights, path)
    wanted = loaded(path)
    make(path)
    with pytest.raises((ValueError, FileNotFoundError), match=rf"pretrained: {path}: {expected}") as raised:
        loaded(path)
    assert "\n" not in str(raised.value)
    torch.save(weights, path)  # a torchvision ResNet's state dict, the file itself
    for name, value in loaded(path).items():
        np.testing.assert_array_equal(value, wanted[name])


def test_two_networks_in_one_file_are_not_guessed_between(weights: Weights, tmp_path: Path) -> None:
    torch.save({f"{part}.{k}": v for k, v in weights.items() for part in ("query", "key")}, tmp_path / "moco.pth")
    with pytest.raises(ValueError, match=r"pretrained: .*moco\.pth: expected one .* under 'query', 'key'; keep one"):
        loaded(tmp_path / "moco.pth")


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(weights: Weights, tmp_path: Path) -> None:
    torch.save({**weights, "conv1.weight": Attack(tmp_path / "ran")}, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match=r"pretrained: .*bad\.pth: refused: it asks for io\.open, which is code"):
        loaded(tmp_path / "bad.pth")
    assert not (tmp_path / "ran").exists()


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))
