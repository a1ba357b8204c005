"""What the network runs on, and how many of them share a step."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, get_args

DeviceName = Literal["CPU", "Ascend", "GPU"]
DEVICES = get_args(DeviceName)
_BACKENDS = {"CPU": "mccl", "Ascend": "hccl", "GPU": "nccl"}


@dataclass(frozen=True)
class DeviceGroup:
    """The devices of a run, one process each: `rank` of this process, 0…size−1."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and the log of the run."""
        return self.rank == 0


def choose_device(name: str) -> None:
    """Make MindSpore compute on `name`, one of `DEVICES`. Call it before a network is built.

    MindSpore 2.10 brings oneDNN 3.10.1, whose convolutions fall to a reference kernel on CPUs with AVX-512 (some fifty
    times slower, `python -m benchmarks.training.convolution_kernels`): unless the user set it, it is told to use AVX2.
    MindSpore reads what its own log shows when it is imported: unless the user has set it (or something has imported
    MindSpore already), errors only.

    Raises ValueError for another name, and where this MindSpore has no such device.
    """
    if name not in DEVICES:
        raise ValueError(f"--device: expected one of {', '.join(DEVICES)}, got {name!r}")
    if name == "CPU":
        os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
    os.environ.setdefault("GLOG_v", "3")
    import mindspore as ms

    try:
        ms.set_device(name)
        if name != "CPU":
            ms.set_deterministic(True)
    except (RuntimeError, ValueError) as error:
        if ms.get_context("device_target") == name:
            return  # chosen already, and computing: MindSpore refuses to hear it again
        raise ValueError(
            f"--device {name}: this MindSpore cannot use it ({_reason(error)}); --device CPU works"
        ) from None


def join_devices(name: str) -> DeviceGroup:
    """Join the other processes when `msrun` started this one; alone otherwise. Call it after `choose_device`.

    Raises ValueError where they cannot be reached. In msrun's scheduler process this does not return until the others
    are done, and is where it hears that one of them has failed.
    """
    if int(os.environ.get("MS_WORKER_NUM", "1")) < 2:
        return DeviceGroup()
    import mindspore as ms
    from mindspore.communication import get_group_size, get_rank, init

    try:
        init(_BACKENDS[name])
    except RuntimeError as error:
        raise ValueError(
            f"msrun: the other processes cannot be reached, or one has failed ({_reason(error)});"
            " see their logs, and msrun's --master_addr and --master_port"
        ) from None
    group = DeviceGroup(get_rank(), get_group_size())
    ms.set_auto_parallel_context(
        parallel_mode=ms.ParallelMode.DATA_PARALLEL, gradients_mean=True, device_num=group.size
    )
    return group


def _reason(error: Exception) -> str:
    """The first line of what MindSpore says."""
    return next(iter(str(error).strip().splitlines()), "no reason given")
