"""Two processes on the CPU, started by MindSpore's `msrun`, train one network."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.run.config import DataConfig, RunConfig, TrainConfig
from model.training.checkpoints.checkpoint_file import read_checkpoint
from tests.model.evaluation.evaluation_runs import MODEL, write_config, write_dataset
from tests.model.training.parallel_step import identity_gradients

TESTS = Path(__file__).resolve().parent
PERSONS, TRACKS, STEPS, EPOCHS = 2, 2, 3, 2
RUN = RunConfig(
    name="parallel",
    dataset="tiny",
    root="data/tiny",
    model=replace(MODEL, image_height=19, image_width=16, dropout=0.3),
    data=DataConfig(persons=PERSONS, tracks_per_modality=TRACKS, pad=2),
    train=TrainConfig(seed=7, epochs=EPOCHS, steps_per_epoch=STEPS, warmup_epochs=1),
)
KEPT = Path("artifacts/tiny/runs/parallel")
FIRST, LAST = (KEPT / "checkpoints" / f"step-{steps:08d}.safetensors" for steps in (STEPS, STEPS * EPOCHS))
TRAIN = ("train", "--config", "parallel.yaml")
Arrays = dict[str, np.ndarray]


def msrun(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run `python <command>` as two workers in `folder`, their logs in folder/logs, as docs/ascend.md says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    binaries = Path(sys.executable).parent
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"}
    options = ["--worker_num=2", "--local_worker_num=2", "--join=True", f"--master_port={port}", "--log_dir=logs"]
    call = [str(binaries / "msrun"), *options, "python", *command]
    return subprocess.run(call, cwd=folder, env=environment, text=True, capture_output=True, check=False)


def arrays_of_ranks(folder: Path, name: str) -> list[Arrays]:
    """<name>-0.npz and <name>-1.npz."""
    return [dict(np.load(folder / f"{name}-{rank}.npz")) for rank in range(2)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where two processes have trained two epochs of three steps."""
    folder = tmp_path_factory.mktemp("parallel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_dataset(RUN, seed=0)
        write_config(RUN, Path("parallel.yaml"))
    done = msrun(folder, str(TESTS / "parallel_step.py"), str(folder), *TRAIN)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return folder


def test_weights_and_momentum_are_equal_to_the_bit_on_both(trained: Path) -> None:
    first, second = arrays_of_ranks(trained, "train")
    assert first.keys() == second.keys()
    learnt = [name for name in first if name != "persons"]
    assert sum(name.startswith("network.") for name in learnt) == sum(n.startswith("optimizer.accum.") for n in learnt)
    assert [name for name in learnt if first[name].tobytes() != second[name].tobytes()] == []
    checkpoint = read_checkpoint(trained / LAST).tensors
    assert [name for name in learnt if first[name].tobytes() != checkpoint[name].tobytes()] == []
    assert all((first[name] != 0).any() for name in learnt if name.startswith("optimizer.accum.backbone"))


def test_every_step_has_other_persons_on_each(trained: Path) -> None:
    first, second = (arrays["persons"] for arrays in arrays_of_ranks(trained, "train"))
    assert first.shape == second.shape == (STEPS * EPOCHS, PERSONS * TRACKS * 2)
    for here, there in zip(first, second, strict=True):
        assert len(set(here)) == len(set(there)) == PERSONS
        assert not set(here) & set(there)


def test_twice_4_persons_give_the_gradients_of_8(trained: Path) -> None:
    expected = identity_gradients(1, 0)
    ranks = arrays_of_ranks(trained, "gradients")
    names = [name.removeprefix("mean.") for name in expected if name.startswith("mean.")]
    assert "terms" in names and "backbone.infrared_stem.conv1.weight" in names
    for name in names:
        wanted = expected[f"mean.{name}"]
        largest = float(np.abs(wanted).max())
        if name.endswith("key.bias"):  # it adds the same to every score of a softmax: 0 but for rounding
            assert largest < 1e-6
            continue
        if name.startswith("consistency."):  # of L_KL alone
            assert largest == 0
            continue
        for rank in ranks:
            np.testing.assert_allclose(rank[f"mean.{name}"], wanted, rtol=1e-4, atol=1e-4 * largest, err_msg=name)
            alone = float(np.abs(rank[f"own.{name}"] - wanted).max())
            assert alone > 1e-2 * largest, f"{name}: a half alone has gradients of its own"


def test_the_leading_one_alone_reports_and_writes(trained: Path) -> None:
    logs = [(trained / "logs" / f"worker_{rank}.log").read_text("utf-8") for rank in range(2)]
    assert [len(re.findall("^INFO epoch ", log, re.MULTILINE)) for log in logs] == [EPOCHS, 0]
    assert "INFO " not in logs[1]
    assert sorted(path.name for path in (trained / KEPT / "checkpoints").iterdir()) == [FIRST.name, LAST.name]
    rows = (trained / KEPT / "live/plots/metrics/loss/total.tsv").read_text("utf-8").splitlines()
    assert len(rows) == 1 + EPOCHS


def test_the_command_goes_on_from_a_checkpoint_to_the_same_bits(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("logs", LAST.name))
    done = msrun(folder, "-m", "model", *TRAIN, "--resume")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    logs = [(folder / "logs" / f"worker_{rank}.log").read_text("utf-8") for rank in range(2)]
    assert [f"going on from {FIRST}" in log for log in logs] == [True, False]
    assert not any("[WARNING]" in log for log in logs), "MindSpore's own"
    expected, got = read_checkpoint(trained / LAST), read_checkpoint(folder / LAST)
    assert got.facts == expected.facts
    assert got.facts["devices"] == 2
    assert got.tensors.keys() == expected.tensors.keys()
    assert [name for name, value in got.tensors.items() if value.tobytes() != expected.tensors[name].tobytes()] == []
