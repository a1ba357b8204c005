"""What `configs/<dataset>.yaml` may say to stage one: these dataclasses are the schema and the home of defaults.

Worker counts, devices and addresses are not here: speed is not a result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from command_line.settings_file import read_settings

Angle = Literal["arctan", "atan2"]
Normalize = Literal["height", "none"]
Engine = Literal["auto", "onnxruntime", "torch"]


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got!r}")


@dataclass(frozen=True)
class PoseSettings:
    """How HRNet estimates the joints of a frame.

    preset: `sample` (the shipped small HRNet), `hrnet-w32` or `hrnet-w48` (MMPose's official COCO checkpoints),
        or `custom` with `config` and `weights`.
    config: path of an MMPose top-down heatmap config; only with preset `custom`. It is Python that MMEngine
        executes: name only a file you trust.
    weights: path of a checkpoint; replaces the preset's own file.
    flip_test: average the heatmaps of the frame and of its mirror image.
    engine: what runs the network; `auto` takes onnxruntime on the CPU and torch on a GPU.
    batch: frames a forward pass; part of the recipe, since it may change the last bit of a result.
    chunk_frames: the most frames of one chunk; a killed run loses at most the chunks in flight.
    max_bad: share of frames (0…1) that may be unreadable or missing before the run stops.
    """

    preset: str = "sample"
    config: str | None = None
    weights: str | None = None
    flip_test: bool = True
    engine: Engine = "auto"
    batch: int = 16
    chunk_frames: int = 256
    max_bad: float = 0.01

    def __post_init__(self) -> None:
        presets = ("sample", "hrnet-w32", "hrnet-w48", "custom")
        _require(self.preset in presets, "preset", f"one of {', '.join(presets)}", self.preset)
        custom = self.preset == "custom"
        _require(custom or self.config is None, "config", f"none with preset {self.preset!r}", self.config)
        complete = self.config is not None and self.weights is not None
        _require(not custom or complete, "preset custom", "config and weights beside it", (self.config, self.weights))
        _require(1 <= self.batch <= 4096, "batch", "1…4096 frames", self.batch)
        _require(1 <= self.chunk_frames <= 65536, "chunk_frames", "1…65536 frames", self.chunk_frames)
        _require(0.0 <= self.max_bad <= 1.0, "max_bad", "a share in 0…1", self.max_bad)


@dataclass(frozen=True)
class EdgeSettings:
    """How eqs 1 and 2 of the paper are read (docs/paper.md has the decisions).

    angle: `arctan` is the paper's formula, in [−π/2, π/2]; `atan2` keeps the direction, in (−π, π].
    normalize: `height` divides coordinates by the crop's height, so that d has no unit; `none` keeps pixels.
    """

    angle: Angle = "arctan"
    normalize: Normalize = "height"


@dataclass(frozen=True)
class Settings:
    """All of stage one.

    min_score: score from which a joint counts as seen, for edges and graphs.
    """

    pose: PoseSettings = field(default_factory=PoseSettings)
    edges: EdgeSettings = field(default_factory=EdgeSettings)
    min_score: float = 0.3

    def __post_init__(self) -> None:
        _require(0.0 <= self.min_score <= 1.0, "min_score", "a score in 0…1", self.min_score)


def load_settings(path: Path) -> Settings:
    """The settings in the YAML file `path`; ``ValueError`` names path, key and what is known."""
    return read_settings(path, Settings)
