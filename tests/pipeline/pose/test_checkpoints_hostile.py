"""Checkpoints from outside never execute code: whatever a pickle calls is refused on one line, or read over."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from pipeline.pose.checkpoints import load_state_dict

SHOUT = "echo executed > {mark}"
TENSOR = torch.arange(7.0)


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
    payload = {"state_dict": {"weight": TENSOR}, "meta": attacks(mark)[attack]}
    path = tmp_path / "hostile.pth"
    try:
        torch.save(payload, path, _use_new_zipfile_serialization=zipped)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        pytest.fail(f"the attack itself is no pickle: {error}")
    try:
        assert torch.equal(load_state_dict(path)["weight"], TENSOR)  # read over: inert, and gone
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
        load_state_dict(path)
    assert named in str(raised.value) and "\n" not in str(raised.value)
    assert not mark.exists()


def save_raw_pickle(path: Path, pickled: bytes) -> None:
    """A zip checkpoint whose pickle is `pickled`."""
    writer = torch._C.PyTorchFileWriter(str(path))
    writer.write_record("data.pkl", pickled, len(pickled))
    writer.write_end_of_file()


def test_names_added_by_other_code_stay_out_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pth"
    mark = tmp_path / "mark"
    torch.save({"state_dict": {}, "meta": Calls(eval, f"open({str(mark)!r}, 'w')")}, path)
    with torch.serialization.safe_globals([eval]):
        before = set(torch.serialization.get_safe_globals())
        assert eval in before
        with pytest.raises(ValueError, match="eval, which is code"):
            load_state_dict(path)
        assert set(torch.serialization.get_safe_globals()) == before
    assert not mark.exists()
