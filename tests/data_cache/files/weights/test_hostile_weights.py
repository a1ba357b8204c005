"""Weights from outside never execute code: whatever a pickle calls is refused on one line, or read over."""

from __future__ import annotations

import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from data_cache.files.weights.torch_pickle import ReadOver
from data_cache.files.weights.weights_file import named_tensors, read_weights

SHOUT = "echo executed > {mark}"
TENSOR = np.arange(7, dtype=np.float32)


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __call__(self) -> None:
        """Pickle wants what is called to be callable."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def by_name(module: str, name: str, *texts: str) -> bytes:
    """A pickle, written by hand, that calls `module.name` with texts."""
    arguments = b"".join(b"X" + len(text).to_bytes(4, "little") + text.encode() for text in texts)
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + arguments + b"tR."


def attacks(mark: Path) -> dict[str, Any]:
    shout = SHOUT.format(mark=mark)
    write = f"open({str(mark)!r}, 'w').write('executed')"
    return {
        "os.system": Calls(os.system, shout),
        "subprocess": Calls(subprocess.call, shout, None),
        "eval": Calls(eval, write),
        "exec": Calls(exec, write),
        "import by getattr": Calls(getattr, Calls(__import__, "os"), "system"),
        "call what getattr gives": {"state_dict": Calls(Calls, shout)},
        "method of an allowed class": Calls(Calls(getattr, HistoryBuffer, "__init__"), shout),
        "globals of an allowed function": Calls(getattr, Calls(getattr, HistoryBuffer.mean, "__globals__"), "os"),
        "numpy loader": Calls(np.load, str(mark)),
        "runpy": Calls(__import__("runpy").run_path, str(mark)),
        "torch.load": Calls(torch.load, str(mark)),
    }


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize("attack", list(attacks(Path())))
def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path, attack: str, zipped: bool) -> None:
    mark = tmp_path / "mark"
    payload = {"state_dict": {"weight": torch.from_numpy(TENSOR)}, "meta": attacks(mark)[attack]}
    path = tmp_path / "hostile.pth"
    try:
        torch.save(payload, path, _use_new_zipfile_serialization=zipped)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        pytest.fail(f"the attack itself is no pickle: {error}")
    try:
        found = named_tensors(read_weights(path))  # read over: inert, and gone
        np.testing.assert_array_equal(found["state_dict.weight"], TENSOR)
    except ValueError as error:
        message = str(error)
        assert message.startswith(f"{path}: refused: ") and "\n" not in message
    assert not mark.exists()


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """Torch without its weights-only reader does execute them, so the test above can fail."""
    mark = tmp_path / "mark"
    path = tmp_path / "hostile.pth"
    for attack in ("os.system", "eval", "exec"):
        torch.save({"meta": attacks(mark)[attack]}, path)
        torch.load(path, weights_only=False)
        assert mark.read_text().strip() == "executed"
        mark.unlink()


@pytest.mark.parametrize(
    ("module", "name", "named"),
    [
        ("os", "system", "os.system"),
        ("posix", "system", "posix.system"),
        ("builtins", "eval", "eval"),
        ("__builtin__", "exec", "exec"),
        ("mmengine.config", "Config.fromfile", "mmengine.config.Config.fromfile"),
        ("numpy", "load", "numpy.load"),
    ],
)
def test_the_refusal_names_the_code(tmp_path: Path, module: str, name: str, named: str) -> None:
    path = tmp_path / "hostile.pth"
    mark = tmp_path / "mark"
    save_raw_pickle(path, by_name(module, name, SHOUT.format(mark=mark)))
    with pytest.raises(ValueError, match="which is code") as raised:
        read_weights(path)
    assert named in str(raised.value) and "\n" not in str(raised.value)
    assert not mark.exists()


def save_raw_pickle(path: Path, pickled: bytes) -> None:
    """A zip checkpoint whose pickle is `pickled`."""
    writer = torch._C.PyTorchFileWriter(str(path))
    writer.write_record("data.pkl", pickled, len(pickled))
    writer.write_end_of_file()


def test_what_is_read_over_keeps_nothing() -> None:
    stand_in = ReadOver(1, "two", three=3)
    stand_in.__setstate__({"x": 3})
    stand_in["x"] = 3
    stand_in.append(3)
    stand_in.extend([3])
    assert vars(stand_in) == {}


def test_the_classes_that_are_read_over_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A HistoryBuffer is read over by its name: nothing of it runs."""
    path = tmp_path / "epoch.pth"
    torch.save({"weight": torch.from_numpy(TENSOR), "loss": HistoryBuffer([1.0], [1])}, path)

    def refuse(*_arguments: object) -> None:
        raise AssertionError("code of the checkpoint's class was called")

    monkeypatch.setattr(HistoryBuffer, "__setstate__", refuse)
    monkeypatch.setattr(HistoryBuffer, "__init__", refuse)
    with pytest.raises(AssertionError):
        torch.load(path, weights_only=False)
    assert list(named_tensors(read_weights(path))) == ["weight"]


def test_a_mapping_that_holds_itself_ends(tmp_path: Path) -> None:
    held: dict[str, Any] = {"a": torch.from_numpy(TENSOR)}
    held["again"] = [held]
    held["self"] = held
    torch.save(held, tmp_path / "self.pth")
    assert list(named_tensors(read_weights(tmp_path / "self.pth"))) == ["a"]


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
    with pytest.raises(ValueError, match=r"b\.pth: refused: .*a tensor reaches beyond its storage"):
        read_weights(tmp_path / "b.pth")


def test_a_member_that_unpacks_to_more_than_the_file_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(1 << 20))
    with pytest.raises(ValueError, match=r"bomb\.pth: refused: .*data\.pkl claims 1048576 bytes of a file of \d{4}\)"):
        read_weights(tmp_path / "bomb.pth")
