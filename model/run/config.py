"""What a run's YAML file may say to stage two: these dataclasses are the schema and the one home of defaults.

Devices, worker processes of a machine and addresses are not here: speed is not a result. `docs/paper.md` names
the equation or section behind every setting of the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from command_line.settings_file import build_settings, overridden, read_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

Backbone = Literal["resnet50", "resnet18", "narrow"]
EdgeSource = Literal["all", "last"]
PoolOver = Literal["cells", "time"]

MAX_FRAMES = 24  # the longest clip that the tests try; HITSZ-VCM's tracks have 24 frames


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got!r}")


def _require_positive(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        _require(0 < value < float("inf"), name, "more than 0, and finite", value)


@dataclass(frozen=True)
class ModelConfig:
    """The network. With both guidances off it is the baseline of the paper's table 3.

    backbone: `resnet50` (the paper's), `resnet18`, or `narrow` (a quarter of resnet18's width).
    pretrained: file of ImageNet weights: torchvision or timm state dict (`.safetensors`, `.pth`), or a MindSpore
        checkpoint (`.ckpt`); none starts from random weights.
    frame_guidance: correct frame features by the skeleton's edges (eqs 1 to 7).
    sequence_guidance: weigh the pooled features by the skeleton's graph (eqs 8 to 13).
    frames: T, frames of a clip.
    image_height, image_width: pixels of a frame.
    edge_hidden: width of eq 3's FC; lstm_hidden: of its LSTM; bidirectional: that LSTM reads the clip both ways.
    heads: of both cross-attentions (eqs 4, 6), a divisor of C; se_ratio: how much eq 5 squeezes.
    dropout: inside eq 7's FFN.
    graph_hidden: width of a head of eq 10's first layer; graph_heads: its heads; graph_width: of the second layer.
    exponents: p of eq 11; learn_exponents: they are where learning starts, and not fixed.
    pool_over: eq 11 over the `cells` of a frame's map, or over `time` (the predecessor's).
    kl_width: values of P and Q in eq 14; edge_source: P from `all` LSTM steps, or the `last` one for every frame.
    """

    backbone: Backbone = "resnet50"
    pretrained: str | None = None
    frame_guidance: bool = True
    sequence_guidance: bool = True
    frames: int = 6
    image_height: int = 288
    image_width: int = 144
    edge_hidden: int = 512
    lstm_hidden: int = 1024
    bidirectional: bool = False
    heads: int = 4
    se_ratio: int = 16
    dropout: float = 0.1
    graph_hidden: int = 32
    graph_heads: int = 4
    graph_width: int = 128
    exponents: tuple[float, ...] = (0.7, 1.0, 3.0, 5.0, 7.0)
    learn_exponents: bool = False
    pool_over: PoolOver = "cells"
    kl_width: int = 512
    edge_source: EdgeSource = "all"

    def __post_init__(self) -> None:
        for name, known in (("backbone", Backbone), ("pool_over", PoolOver), ("edge_source", EdgeSource)):
            value = getattr(self, name)
            _require(value in get_args(known), name, f"one of {', '.join(get_args(known))}", value)
        _require(1 <= self.frames <= MAX_FRAMES, "frames", f"1…{MAX_FRAMES}", self.frames)
        _require(self.image_height >= 16, "image_height", "at least 16 pixels", self.image_height)
        _require(self.image_width >= 16, "image_width", "at least 16 pixels", self.image_width)
        _require_positive(self, "edge_hidden", "lstm_hidden", "heads", "se_ratio")
        _require_positive(self, "graph_hidden", "graph_heads", "graph_width", "kl_width")
        _require(0.0 <= self.dropout < 1.0, "dropout", "a share in 0…1, less than 1", self.dropout)
        positive = len(self.exponents) > 0 and all(0.0 < p <= 64.0 for p in self.exponents)
        _require(positive, "exponents", "at least one number, each above 0 and up to 64", self.exponents)

    @property
    def variant(self) -> str:
        """Name of the ablation's row (tables 2 and 3): `baseline`, `frame`, `sequence` or `full`."""
        names = {(False, False): "baseline", (True, False): "frame", (False, True): "sequence", (True, True): "full"}
        return names[self.frame_guidance, self.sequence_guidance]


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms of eq 15 by their names in `model.network.losses.LOSS_TERMS`, and the triplet's margin.

    id_frame, id_clip: identity of every frame and of the clip; triplet: batch-hard, across modalities.
    kl: eq 14; sad: style defence; margin: the triplet's, a distance between features.
    """

    id_frame: float = 1.0
    id_clip: float = 1.0
    triplet: float = 1.0
    kl: float = 1.0
    sad: float = 1.0
    margin: float = 0.3

    def __post_init__(self) -> None:
        for name in ("id_frame", "id_clip", "triplet", "kl", "sad", "margin"):
            _require(0.0 <= getattr(self, name) < float("inf"), name, "0 or more, and finite", getattr(self, name))


@dataclass(frozen=True)
class DataConfig:
    """Clips, batches and augmentation (section 4.1; one draw of crop and flip a clip).

    persons, tracks_per_modality: a batch has persons × tracks × 2 clips, on every device.
    min_frames: shorter tracks are left out, in training and in testing.
    pad: pixels of padding on every side before the random crop; flip: probability of a mirrored clip.
    random_erasing: probability that a rectangle of a clip is erased.
    validation_persons: share of the training persons held out for model selection (0: none).
    exclude: file that lists tracks of the training split to leave out of training, as `data_cache view` saves it;
        tracks of persons held out stay, so that runs with and without a list are validated on the same tracks.
    """

    persons: int = 8
    tracks_per_modality: int = 2
    min_frames: int = 12
    pad: int = 10
    flip: float = 0.5
    random_erasing: float = 0.0
    validation_persons: float = 0.0
    exclude: str | None = None

    def __post_init__(self) -> None:
        _require(self.persons >= 2, "persons", "2 or more (the triplet needs another person)", self.persons)
        _require_positive(self, "tracks_per_modality", "min_frames")
        _require(self.pad >= 0, "pad", "0 or more pixels", self.pad)
        for name in ("flip", "random_erasing"):
            _require(0.0 <= getattr(self, name) <= 1.0, name, "a probability in 0…1", getattr(self, name))
        share = 0.0 <= self.validation_persons < 1.0
        _require(share, "validation_persons", "a share in 0…1, less than 1", self.validation_persons)


@dataclass(frozen=True)
class TrainConfig:
    """SGD and its schedule (section 4.1.3).

    seed: every random number is drawn from it; epochs: passes over the tracks.
    learning_rate: of all but the backbone, after warm-up; backbone_lr_ratio: the backbone's share of it.
    momentum: of SGD; nesterov: its momentum looks ahead, where momentum is above 0; weight_decay: on all weights.
    warmup_epochs: in which the rate rises linearly.
    milestones: epochs (0-based) from which the rate is a tenth of what it was.
    steps_per_epoch: none means the tracks of the modality that has fewer // (persons × tracks_per_modality × devices),
        268 on HITSZ-VCM with one device (`model.clips.sampler.steps_per_epoch`).
    keep_checkpoints: the last so many are kept.
    checkpoint_steps: steps from one to the next, written also at every epoch's end.
    amp: MindSpore's level of mixed precision, for Ascend and GPU.
    """

    seed: int = 0
    epochs: int = 200
    steps_per_epoch: int | None = None
    learning_rate: float = 0.1
    backbone_lr_ratio: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    warmup_epochs: int = 10
    milestones: tuple[int, ...] = (60, 100)
    keep_checkpoints: int = 2
    checkpoint_steps: int = 100
    amp: Literal["O0", "O1", "O2", "O3"] = "O0"

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**31, "seed", "0…2147483647", self.seed)
        _require_positive(self, "epochs", "learning_rate", "keep_checkpoints", "checkpoint_steps")
        if self.steps_per_epoch is not None:
            _require_positive(self, "steps_per_epoch")
        _require(0.0 <= self.momentum < 1.0, "momentum", "0…1, less than 1", self.momentum)
        _require(self.momentum > 0.0 or not self.nesterov, "nesterov", "false where momentum is 0", self.nesterov)
        for name in ("backbone_lr_ratio", "weight_decay"):
            _require(0.0 <= getattr(self, name) < float("inf"), name, "0 or more, and finite", getattr(self, name))
        _require(self.warmup_epochs >= 0, "warmup_epochs", "0 or more", self.warmup_epochs)
        rising = list(self.milestones) == sorted(set(self.milestones)) and all(m > 0 for m in self.milestones)
        _require(rising, "milestones", "rising epochs, each above 0", self.milestones)


@dataclass(frozen=True)
class RunConfig:
    """All of stage two.

    name: name of the run; its results lie in `artifacts/<dataset>/runs/<name>/`.
    dataset: the folder under `artifacts/` that holds the caches; root: the folder of the JPEG files.
    """

    name: str = "full"
    dataset: str = "sample"
    root: str = "data/sample"
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        for name in ("name", "dataset"):
            value = getattr(self, name)
            plain = bool(value) and not set(value) & set("/\\\0") and value not in (".", "..")
            _require(plain, name, "a plain folder name", value)


def load_run(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """The run in the YAML file `path`, with `key=value` overrides (`model.frames=12`) put over it.

    Raises ``FileNotFoundError`` for a missing file; ``ValueError`` names file, key, what is known and what was got.
    """
    return build_settings(overridden(read_mapping(path), overrides), RunConfig, str(path))
