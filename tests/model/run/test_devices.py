"""Devices: one line for what is not there, the user's environment kept, MindSpore's own log quiet but for errors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model.__main__ import build_parser
from model.run.config import RunConfig, load_run
from model.run.devices import DEVICES, DeviceGroup, choose_device, join_devices

ROOT = Path(__file__).resolve().parents[3]
READ = ("ONEDNN_MAX_CPU_ISA", "GLOG_v")


def run_python(folder: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, with nothing set of what `choose_device` sets but `environment`."""
    (folder / "script.py").write_text(code, encoding="utf-8")  # MindSpore compiles nothing that is not in a file
    kept = {name: value for name, value in os.environ.items() if name not in READ}
    environment = {**kept, **environment, "PYTHONPATH": str(ROOT)}
    call = [sys.executable, str(folder / "script.py")]
    return subprocess.run(call, env=environment, cwd=folder, text=True, capture_output=True, check=False)


@pytest.mark.parametrize("name", ["cpu", "NPU", ""])
def test_an_unknown_device_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=f"--device: expected one of CPU, Ascend, GPU, got '{name}'"):
        choose_device(name)


@pytest.mark.parametrize("name", [name for name in DEVICES if name != "CPU"])
def test_a_device_that_is_not_there_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("name: run\n", encoding="utf-8")
    command = ["train", "--config", str(tmp_path / "run.yaml"), "--device", name]
    done = run_python(tmp_path, f"import sys\nfrom model.__main__ import main\nsys.exit(main({command!r}))")
    if f"--device {name}" not in done.stderr:
        pytest.skip(f"this machine has {name}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: --device {name}: this MindSpore cannot use it (Unsupported device target {name}.")
    assert last.endswith("); --device CPU works")
    assert "Traceback" not in done.stderr


SHOW = f"""
import os
from model.run.devices import choose_device
choose_device("CPU")
print(*(os.environ[name] for name in {READ}))
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "AVX2 3"), ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, "AVX512_CORE 3"), ({"GLOG_v": "1"}, "AVX2 1")],
)
def test_what_the_user_has_set_is_kept(environment: dict[str, str], expected: str, tmp_path: Path) -> None:
    done = run_python(tmp_path, SHOW, **environment)
    assert done.stdout.splitlines()[-1] == expected, done.stderr


MISMATCH = """
from model.run.devices import choose_device
choose_device("CPU")
import mindspore as ms
from mindspore import log, ops
log.warning("a warning of theirs")
@ms.jit
def multiply(a, b):
    return ops.matmul(a, b)
multiply(ops.ones((2, 3), ms.float16), ops.ones((3, 5), ms.float32))
"""


def test_their_errors_are_shown_and_their_warnings_are_not(tmp_path: Path) -> None:
    done = run_python(tmp_path, MISMATCH)
    assert done.returncode != 0
    assert "[ERROR] ANALYZER" in done.stderr
    assert "input type must be same" in done.stderr
    assert "WARNING" not in done.stderr
    assert "a warning of theirs" in run_python(tmp_path, MISMATCH, GLOG_v="2").stderr


def test_a_process_that_msrun_did_not_start_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MS_WORKER_NUM", raising=False)
    assert join_devices("CPU") == DeviceGroup(rank=0, size=1)
    assert DeviceGroup().leads
    assert not DeviceGroup(rank=1, size=2).leads


def test_processes_that_cannot_be_joined_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(backend: Any) -> None:
        raise RuntimeError(f"{backend}: no answer\n\n-----\nC++ Call Stack")

    monkeypatch.setenv("MS_WORKER_NUM", "2")
    monkeypatch.setattr("mindspore.communication.init", fail)
    with pytest.raises(ValueError, match=r"^msrun: the other processes [^\n]*\(mccl: no answer\); see [^\n]*$"):
        join_devices("CPU")


def test_the_documented_commands_are_understood() -> None:
    text = (ROOT / "docs" / "ascend.md").read_text("utf-8").replace("\\\n", " ")
    started = re.findall(r"^ *msrun (.+?) python -m model (.+)$", text, re.MULTILINE)
    assert len(started) == 2
    for options, command in started:
        assert dict(re.findall(r"--(\w+)=(\S+)", options))["local_worker_num"] == "8"
        arguments = build_parser().parse_args(command.split())
        assert arguments.device == "Ascend"
        run = load_run(ROOT / arguments.config)
        assert (run.name, run.dataset, run.root) == ("full-8-ascend", "hitsz-vcm", "data/hitsz-vcm")
        assert (run.model, run.loss, run.data, run.train) == tuple(
            getattr(RunConfig(), part) for part in ("model", "loss", "data", "train")
        )
