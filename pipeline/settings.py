"""What `configs/<dataset>.yaml` may say to stage one: these dataclasses are the schema and the home of defaults.

Worker counts, devices and addresses are not here: speed is not a result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Interval

from command_line.setting_types import Share, settings
from command_line.settings_file import read_settings

if TYPE_CHECKING:
    from pathlib import Path

Angle = Literal["arctan", "atan2", "sincos"]
Normalize = Literal["height", "none"]
Preset = Literal["sample", "hrnet-w32", "hrnet-w48", "custom"]
Damaged = Literal["keep", "unreadable"]
Engine = Literal["auto", "onnxruntime", "torch"]


@settings
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
    damaged: what to do with a frame that decodes though libjpeg warns of damage inside: `keep` estimates and lists it,
        `unreadable` treats it as one that does not decode.
    max_bad: share of frames (0…1) that may be unreadable or missing before the run stops.
    """

    preset: Preset = "sample"
    config: str | None = None
    weights: str | None = None
    flip_test: bool = True
    engine: Engine = "auto"
    batch: Annotated[int, Interval(ge=1, le=4096)] = 16
    chunk_frames: Annotated[int, Interval(ge=1, le=65536)] = 256
    damaged: Damaged = "keep"
    max_bad: Share = 0.01

    def __post_init__(self) -> None:
        if self.preset == "custom" and None in (got := (self.config, self.weights)):
            raise ValueError(f"preset: expected config and weights beside 'custom', got {got}")
        if self.preset != "custom" and self.config is not None:
            raise ValueError(f"config: expected none with preset {self.preset!r}, got {self.config!r}")


@settings
@dataclass(frozen=True)
class EdgeSettings:
    """How eqs 1 and 2 of the paper are read (docs/paper.md has the decisions).

    angle: `arctan` is the paper's formula, in [−π/2, π/2]; `atan2` keeps the direction, in (−π, π]; `sincos` is arctan,
        of which the network reads sin 2θ and cos 2θ, which do not jump at ±π/2.
    normalize: `height` divides coordinates by the crop's height, so that d has no unit; `none` keeps pixels.
    """

    angle: Angle = "arctan"
    normalize: Normalize = "height"


@settings
@dataclass(frozen=True)
class Settings:
    """All of stage one.

    min_score: score from which a joint counts as seen, for edges and graphs.
    """

    pose: PoseSettings = field(default_factory=PoseSettings)
    edges: EdgeSettings = field(default_factory=EdgeSettings)
    min_score: Share = 0.3


def load_settings(path: Path) -> Settings:
    """The settings in the YAML file `path`; ``ValueError`` names path, key and what is known."""
    return read_settings(path, Settings)
