"""What a run's YAML file may say to stage two: these dataclasses are the schema and the one home of defaults.

Devices, worker processes of a machine and addresses are not here: speed is not a result. `docs/paper.md` names
the equation or section behind every setting of the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Interval, MinLen
from pydantic import AfterValidator, Field

from command_line.setting_types import Count, Seed, Share, settings
from command_line.settings_file import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Backbone = Literal["resnet50", "resnet18", "narrow"]
EdgeSource = Literal["all", "last"]
KlTrains = Literal["both", "graph"]
PoolOver = Literal["cells", "time"]
FillGaps = Literal["none", "track"]
OptimizerName = Literal["sgd", "adamw"]
Schedule = Literal["steps", "cosine"]

MAX_FRAMES = 24  # the longest clip that the tests try; HITSZ-VCM's tracks have 24 frames


def _rising(epochs: tuple[int, ...]) -> tuple[int, ...]:
    if any(first >= second for first, second in pairwise(epochs)):
        raise ValueError("not rising")
    return epochs


Pixels = Annotated[int, Ge(16)]
Exponent = Annotated[float, Interval(gt=0, le=64)]
ShareBelowOne = Annotated[float, Interval(ge=0, lt=1)]
Weight = Annotated[float, Ge(0)]
_TWO_PERSONS = "a whole number of 2 or more (the triplet needs another person)"
_RISING = "a list of rising epochs, each 1 or more"
Milestones = Annotated[tuple[Count, ...], AfterValidator(_rising), Field(title=_RISING)]
FolderName = Annotated[str, Field(pattern=r"^[^/\\\x00]*[^/\\\x00.][^/\\\x00]*$", title="a plain folder name")]


@settings
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
    standardize_edges: each edge value minus its mean, over its deviation, both over the training tracks' seen pairs.
    standardize_nodes: nodes about the clip's seen joints, scaled; unseen joints do not enter their part's mean.
    seen_flags: which of the 136 pairs are seen, as further inputs of eq 3.
    fill_gaps: an unseen joint stays so (`none`), or is interpolated between the frames of its `track` that show it.
    edge_hidden: width of eq 3's FC; lstm_hidden: of its LSTM; bidirectional: that LSTM reads the clip both ways.
    heads: of both cross-attentions (eqs 4, 6), a divisor of C; se_ratio: how much eq 5 squeezes.
    dropout: inside eq 7's FFN.
    graph_hidden: width of a head of eq 10's first layer; graph_heads: its heads; graph_width: of the second layer.
    exponents: p of eq 11; learn_exponents: they are where learning starts, and not fixed.
    pool_over: eq 11 over the `cells` of a frame's map, or over `time` (the predecessor's).
    pool_parts: eq 11 for each body part, over the cells near its joints; part_width: how near, in cells (deviation).
    kl_width: values of P and Q in eq 14; edge_source: P from `all` LSTM steps, or the `last` one for every frame.
    kl_trains: eq 14 moves `both` sides, or the `graph` towards the edges alone.
    """

    backbone: Backbone = "resnet50"
    pretrained: str | None = None
    frame_guidance: bool = True
    sequence_guidance: bool = True
    frames: Annotated[int, Interval(ge=1, le=MAX_FRAMES)] = 6
    image_height: Pixels = 288
    image_width: Pixels = 144
    standardize_edges: bool = True
    standardize_nodes: bool = True
    seen_flags: bool = False
    fill_gaps: FillGaps = "none"
    edge_hidden: Count = 512
    lstm_hidden: Count = 1024
    bidirectional: bool = False
    heads: Count = 4
    se_ratio: Count = 16
    dropout: ShareBelowOne = 0.1
    graph_hidden: Count = 32
    graph_heads: Count = 4
    graph_width: Count = 128
    exponents: Annotated[tuple[Exponent, ...], MinLen(1)] = (0.7, 1.0, 3.0, 5.0, 7.0)
    learn_exponents: bool = False
    pool_over: PoolOver = "cells"
    pool_parts: bool = False
    part_width: Annotated[float, Interval(gt=0, le=64)] = 1.0
    kl_width: Count = 512
    edge_source: EdgeSource = "all"
    kl_trains: KlTrains = "both"

    def __post_init__(self) -> None:
        if self.pool_parts and self.pool_over != "cells":
            raise ValueError(f"pool_over: expected cells where pool_parts is true, got {self.pool_over!r}")

    @property
    def variant(self) -> str:
        """Name of the ablation's row (tables 2 and 3): `baseline`, `frame`, `sequence` or `full`."""
        names = {(False, False): "baseline", (True, False): "frame", (False, True): "sequence", (True, True): "full"}
        return names[self.frame_guidance, self.sequence_guidance]


@settings
@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms of eq 15 by their names in `model.network.losses.LOSS_TERMS`, and the triplet's margin.

    id_frame, id_clip: identity of every frame and of the clip; triplet: batch-hard, across modalities.
    kl: eq 14; sad: style defence; margin: the triplet's, a distance between features.
    label_smoothing: share of an identity's target that all persons have alike, in id_frame, id_clip and sad.
    """

    id_frame: Weight = 1.0
    id_clip: Weight = 1.0
    triplet: Weight = 1.0
    kl: Weight = 1.0
    sad: Weight = 1.0
    margin: Weight = 0.3
    label_smoothing: ShareBelowOne = 0.0


@settings
@dataclass(frozen=True)
class DataConfig:
    """Clips, batches and augmentation (section 4.1; one draw of crop and flip a clip).

    persons, tracks_per_modality: a batch has persons × tracks × 2 clips, on every device.
    min_frames: shorter tracks are left out, in training and in testing.
    pad: pixels of padding on every side before the random crop; flip: probability of a mirrored clip.
    random_erasing: probability that a rectangle of a clip is erased.
    grey: probability that a visible clip of a training is grey (the luminance of Rec. ITU-R BT.601).
    validation_persons: share of the training persons held out for model selection (0: none).
    exclude: file that lists tracks of the training split to leave out of training, as `data_cache view` saves it;
        tracks of persons held out stay, so that runs with and without a list are validated on the same tracks.
    """

    persons: Annotated[int, Ge(2), Field(title=_TWO_PERSONS)] = 8
    tracks_per_modality: Count = 2
    min_frames: Count = 12
    pad: Annotated[int, Ge(0)] = 10
    flip: Share = 0.5
    random_erasing: Share = 0.0
    grey: Share = 0.0
    validation_persons: ShareBelowOne = 0.0
    exclude: str | None = None


@settings
@dataclass(frozen=True)
class TrainConfig:
    """The optimizer and its schedule (section 4.1.3).

    seed: every random number is drawn from it; epochs: passes over the tracks.
    learning_rate: of all but the backbone, after warm-up; backbone_lr_ratio: the backbone's share of it.
    optimizer: `sgd`, or `adamw` with betas 0.9 and 0.999, which wants a smaller rate (1e-3).
    momentum: of SGD; nesterov: its momentum looks ahead, where momentum is above 0; weight_decay: on all weights,
        with AdamW apart from the gradients.
    clip_norm: gradients are scaled down to this norm, all together, where theirs is larger (0: never);
        then their norm is reported, and one that is not finite is an error.
    ema: what a moving average of all the network's parameters keeps at every step, at step t at most
        (1 + t) / (10 + t); it is what is evaluated (0: none).
    warmup_epochs: in which the rate rises linearly.
    schedule: after warm-up in `steps`, or half a `cosine` down to 0 at the end of the last epoch.
    milestones: of the steps: epochs (0-based) from which the rate is a tenth of what it was.
    steps_per_epoch: none means the tracks of the modality that has fewer // (persons × tracks_per_modality × devices),
        268 on HITSZ-VCM with one device (`model.clips.sampler.steps_per_epoch`).
    keep_checkpoints: the last so many are kept.
    checkpoint_steps: steps from one to the next, written also at every epoch's end.
    amp: MindSpore's level of mixed precision, for Ascend and GPU.
    """

    seed: Seed = 0
    epochs: Count = 200
    steps_per_epoch: Count | None = None
    learning_rate: Annotated[float, Gt(0)] = 0.1
    backbone_lr_ratio: Weight = 0.1
    optimizer: OptimizerName = "sgd"
    momentum: ShareBelowOne = 0.9
    nesterov: bool = True
    weight_decay: Weight = 5e-4
    clip_norm: Weight = 0.0
    ema: ShareBelowOne = 0.0
    warmup_epochs: Annotated[int, Ge(0)] = 10
    schedule: Schedule = "steps"
    milestones: Milestones = (60, 100)
    keep_checkpoints: Count = 2
    checkpoint_steps: Count = 100
    amp: Literal["O0", "O1", "O2", "O3"] = "O0"

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: expected false where momentum is 0, got True")


@settings
@dataclass(frozen=True)
class RunConfig:
    """All of stage two.

    name: name of the run; its results lie in `artifacts/<dataset>/runs/<name>/`.
    dataset: the folder under `artifacts/` that holds the caches; root: the folder of the JPEG files.
    """

    name: FolderName = "full"
    dataset: FolderName = "sample"
    root: str = "data/sample"
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def load_run(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """The run in the YAML file `path`, with `key=value` overrides (`model.frames=12`) put over it.

    Raises ``FileNotFoundError`` for a missing file; ``ValueError`` names file, key, what is known and what was got.
    """
    return read_settings(path, RunConfig, overrides)
