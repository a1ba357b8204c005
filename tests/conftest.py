"""What holds for all tests: MindSpore's convolutions in this process are those that `--device CPU` chooses."""

from __future__ import annotations

import os

# As model.run.devices.choose_device does: read when the first convolution is made, so early enough here.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
os.environ.setdefault("GLOG_v", "3")
