"""What holds for all tests: MindSpore convolves as `--device CPU` has it; the files that take minutes come first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# As model.run.devices.choose_device does: read when the first convolution is made, so early enough here.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
os.environ.setdefault("GLOG_v", "3")

PROJECT = Path(__file__).resolve().parent / "project"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` deals files to two processes in this order; one of minutes, begun last, would end alone."""
    items.sort(key=lambda item: PROJECT not in item.path.parents)
