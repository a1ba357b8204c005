"""Checkpoints: what comes back, and what is refused, byte by byte."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from command_line.digests import file_sha256
from model.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint
from model.training.checkpoints.checkpoint_folder import checkpoint_files, keep_checkpoint, newest_intact, put_aside
from tests.model.training.checkpoint_records import whole_facts


def random_checkpoint(steps: int = 3) -> Checkpoint:
    random = np.random.default_rng(steps)
    tensors = {
        "network.weight": random.normal(size=(3, 5)).astype(np.float32),
        "network.gamma": random.normal(size=(7,)).astype(np.float32),
        "optimizer.accum.weight": random.normal(size=(3, 5)).astype(np.float32),
        "scaler.counter": np.array(11, np.int32),
        "epoch_sums": random.normal(size=6),
    }
    return Checkpoint(tensors, whole_facts(steps, config={"name": "ä", "exponents": [0.7, 1.0]}))


def test_everything_comes_back(tmp_path: Path) -> None:
    written = random_checkpoint()
    write_checkpoint(tmp_path / "a.safetensors", written)
    read = read_checkpoint(tmp_path / "a.safetensors")
    assert read.facts == written.facts
    assert read.tensors.keys() == written.tensors.keys()
    for name, array in written.tensors.items():
        assert (read.tensors[name].dtype, read.tensors[name].shape) == (array.dtype, array.shape)
        assert read.tensors[name].tobytes() == array.tobytes()
    assert set(read.part("network")) == {"weight", "gamma"}


def test_equal_checkpoints_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_checkpoint(tmp_path / name, random_checkpoint())
    assert file_sha256(tmp_path / "a") == file_sha256(tmp_path / "b")


def test_other_tools_read_the_tensors(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.safetensors", random_checkpoint())
    assert load_file(tmp_path / "a.safetensors")["network.weight"].shape == (3, 5)


def test_every_truncation_and_every_changed_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, random_checkpoint())
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for size in {0, 1, 7, 8, 100, len(whole) - 1, *random.integers(0, len(whole), 23).tolist()}:
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"damaged|expected a star-checkpoint"):
            read_checkpoint(path)
    for place in random.integers(0, len(whole), 101).tolist():
        changed = bytearray(whole)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        try:
            read = read_checkpoint(path)
        except ValueError:
            continue
        # A blank of the JSON header may become another blank; the content is what was written.
        assert all(read.tensors[n].tobytes() == a.tobytes() for n, a in random_checkpoint().tensors.items())
        assert read.facts == random_checkpoint().facts


def test_foreign_files_are_named_as_such(tmp_path: Path) -> None:
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "foreign.safetensors")
    with pytest.raises(
        ValueError, match=r"foreign.safetensors: expected a star-checkpoint of version 1, got another kind of file"
    ):
        read_checkpoint(tmp_path / "foreign.safetensors")
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none")


def test_the_newest_intact_one_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "checkpoints"
    assert newest_intact(folder) is None
    paths = [keep_checkpoint(folder, random_checkpoint(steps), keep=3) for steps in (2, 13, 101)]
    paths[2].write_bytes(paths[2].read_bytes()[:-1])
    (folder / "step-00000999.safetensors.partial").write_bytes(b"cut")
    with caplog.at_level(logging.WARNING):
        found = newest_intact(folder)
    assert found is not None
    assert (found[0], found[1].facts["position"]["total_steps"]) == (paths[1], 13)
    assert str(paths[2]) in caplog.text


def test_the_last_few_are_kept(tmp_path: Path) -> None:
    for steps in (2, 3, 5, 7):
        keep_checkpoint(tmp_path, random_checkpoint(steps), keep=2)
    assert [path.name for path in checkpoint_files(tmp_path)] == [
        "step-00000005.safetensors",
        "step-00000007.safetensors",
    ]


def test_what_is_put_aside_is_never_written_over(tmp_path: Path) -> None:
    for number in (1, 2):
        keep_checkpoint(tmp_path / "checkpoints", random_checkpoint(number), keep=2)
        assert put_aside(tmp_path / "checkpoints") == tmp_path / f"checkpoints.before-{number}"
    assert (tmp_path / "checkpoints.before-1" / "step-00000001.safetensors").is_file()
