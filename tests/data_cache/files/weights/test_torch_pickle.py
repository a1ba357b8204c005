"""Files of torch, of its old format too, read without torch: what torch itself reads from them."""

from __future__ import annotations

import argparse
import collections
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from data_cache.files.weights.weights_file import named_tensors, read_weights

ZIPPED = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])


def beside() -> dict[str, Any]:
    """What trainers save beside the tensors, none of which torch lets in by itself."""
    return {
        "best": np.float32(0.75),
        "epochs": np.arange(5),
        "args": argparse.Namespace(lr=0.1, out=Path("runs")),
        "counts": collections.Counter("abca"),
        "kinds": {"a", "b"},
        "time": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
        "loss": HistoryBuffer([0.5, 0.25], [1, 1]),
        "shape": torch.Size([3, 5]),
        "device": torch.device("cpu"),
        "dtype": torch.bfloat16,
    }


@ZIPPED
def test_views_and_number_types_are_read_as_torch_reads_them(tmp_path: Path, zipped: bool) -> None:
    base = torch.arange(60, dtype=torch.float64).reshape(3, 4, 5)
    saved = {
        "view": base[1:, ::2].transpose(0, 2),
        "whole": base,
        "half": base.half(),
        "bfloat16": (base / 7 - 3).bfloat16(),
        "int": torch.arange(7, dtype=torch.int32),
        "flag": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    torch.save(saved, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = named_tensors(read_weights(tmp_path / "a.pth"))
    assert found.keys() == saved.keys()
    for name, value in saved.items():
        wanted = (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
        np.testing.assert_array_equal(found[name], wanted, err_msg=name)
        assert found[name].dtype == wanted.dtype


@ZIPPED
@pytest.mark.parametrize("name", beside())
def test_what_trainers_note_beside_the_tensors_is_read_over(tmp_path: Path, name: str, zipped: bool) -> None:
    saved = {"model": {"a": torch.arange(3.0)}, "epoch": 7, name: beside()[name]}
    torch.save(saved, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    held = read_weights(tmp_path / "a.pth")
    assert isinstance(held, dict) and held["epoch"] == 7
    assert {key: value.tolist() for key, value in named_tensors(held).items()} == {"model.a": [0, 1, 2]}


@ZIPPED
def test_a_file_cut_anywhere_is_one_line(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.arange(11.0), "b": torch.ones(3)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"a\.pth: ") as raised:
            read_weights(path)
        assert "\n" not in str(raised.value)
    path.write_bytes(whole)
    assert named_tensors(read_weights(path))["a"].tolist() == list(range(11))


def test_sparse_and_quantised_tensors_are_refused_by_name(tmp_path: Path) -> None:
    for value in (torch.eye(2).to_sparse(), torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)):
        torch.save({"a": value}, tmp_path / "a.pth")
        with pytest.raises(ValueError, match=r"a\.pth: refused: it asks for torch\..*another kind of tensor; have"):
            read_weights(tmp_path / "a.pth")
