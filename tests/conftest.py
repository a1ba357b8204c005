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
    """Files are dealt to two processes in this order (`make test`): one of minutes begun last, as DVC's are, keeps one alone."""
    items.sort(key=lambda item: PROJECT not in item.path.parents)
