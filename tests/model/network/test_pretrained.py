"""Weights from files: every format gives the same backbone; what does not fit is listed; nothing in a file runs."""

from __future__ import annotations

import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import mindspore as ms
import numpy as np
import pytest
import torch
from mindspore import Tensor
from safetensors.numpy import save_file

from model.network.backbone import ARCHITECTURES, SadBackbone
from model.network.pretrained import load_pretrained, read_weights
from model.network.torch_archive import read_torch_archive
from tests.model.network.torch_resnet import random_resnet

if TYPE_CHECKING:
    from pathlib import Path

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
    for other in ("b.pth", "c.pt", "d.ckpt"):
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


def test_missing_foreign_and_broken_files_are_named(weights: Weights, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pth: no such file"):
        read_weights(tmp_path / "none.pth")
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"expected one of \.safetensors, .*got '\.onnx'"):
        read_weights(tmp_path / "a.onnx")
    write_safetensors(weights, tmp_path / "a.safetensors")
    write_mindspore(weights, tmp_path / "a.ckpt")
    torch.save(weights, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.ckpt", "a.pth"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=name.replace(".", r"\.")) as caught:
            read_weights(tmp_path / name)
        assert "\n" not in str(caught.value)


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(weights: Weights, tmp_path: Path) -> None:
    torch.save({**weights, "conv1.weight": Attack(tmp_path / "ran")}, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match=r"bad\.pth: refused: it asks for .*open, which is not a tensor; convert it"):
        read_torch_archive(tmp_path / "bad.pth")
    assert not (tmp_path / "ran").exists()


def test_files_of_old_torch_say_how_to_convert(weights: Weights, tmp_path: Path) -> None:
    torch.save(weights, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(
        ValueError, match=r"old\.pth: not a torch file of version 1\.6 or later; convert it .*torch\.save"
    ):
        read_torch_archive(tmp_path / "old.pth")


def test_views_and_number_types_are_read_as_torch_reads_them(tmp_path: Path) -> None:
    base = torch.arange(60, dtype=torch.float64).reshape(3, 4, 5)
    saved = {
        "view": base[1:, ::2].transpose(0, 2),
        "half": base.half(),
        "int": torch.arange(7, dtype=torch.int32),
        "flag": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    torch.save(saved, tmp_path / "a.pth")
    found = read_torch_archive(tmp_path / "a.pth")
    assert found.keys() == saved.keys()
    for name, value in saved.items():
        np.testing.assert_array_equal(found[name], value.detach().numpy(), err_msg=name)
        assert found[name].dtype == value.detach().numpy().dtype


@pytest.mark.parametrize("content", [[1, 2], {"a": 3}, {}, {"state_dict": 5}, {1: torch.ones(1)}])
def test_what_is_not_a_state_dict_is_named(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a\.pth: .*expected (a tensor|tensors by name)"):
        read_torch_archive(tmp_path / "a.pth")


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in members if name.endswith("data.pkl"))
    members[pickled] = members[pickled].replace(b"K\x03\x85", b"K\x63\x85")  # size (3,) becomes (99,)
    assert pickle.BININT1 + b"\x63\x85" in members[pickled]
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    with pytest.raises(ValueError, match=r"b\.pth: refused: a tensor reaches beyond its storage"):
        read_torch_archive(tmp_path / "b.pth")
