"""Every setting of a run with another value, and which of them make no other weights."""

from __future__ import annotations

from typing import Any

# Every setting, with another value than that of `tests.project.test_causes.SMALL`.
SETTINGS: dict[str, Any] = {
    "model.backbone": "resnet18",
    "model.pretrained": "weights.safetensors",
    "model.frame_guidance": False,
    "model.sequence_guidance": False,
    "model.frames": 2,
    "model.image_height": 21,
    "model.image_width": 18,
    "model.standardize_edges": False,
    "model.standardize_nodes": False,
    "model.seen_flags": True,
    "model.fill_gaps": "track",
    "model.edge_hidden": 5,
    "model.lstm_hidden": 13,
    "model.bidirectional": True,
    "model.heads": 2,
    "model.se_ratio": 8,
    "model.dropout": 0.1,
    "model.graph_hidden": 5,
    "model.graph_heads": 2,
    "model.graph_width": 11,
    "model.exponents": [1.0, 3.0],
    "model.learn_exponents": True,
    "model.pool_over": "time",
    "model.pool_parts": True,
    "model.part_width": 2.0,
    "model.kl_width": 17,
    "model.edge_source": "last",
    "model.kl_trains": "graph",
    "loss.id_frame": 0.5,
    "loss.id_clip": 0.5,
    "loss.triplet": 0.5,
    "loss.kl": 0.5,
    "loss.sad": 0.5,
    "loss.margin": 0.0,
    "loss.label_smoothing": 0.1,
    "data.persons": 2,
    "data.tracks_per_modality": 1,
    "data.min_frames": 13,
    "data.pad": 3,
    "data.flip": 0.0,
    "data.random_erasing": 0.0,
    "data.grey": 1.0,
    "data.validation_persons": 0.4,
    "data.exclude": "configs/exclude/tiny.json",
    "train.seed": 8,
    "train.epochs": 1,
    "train.steps_per_epoch": 3,
    "train.learning_rate": 0.05,
    "train.backbone_lr_ratio": 0.2,
    "train.optimizer": "adamw",
    "train.momentum": 0.8,
    "train.nesterov": False,
    "train.weight_decay": 5e-3,
    "train.clip_norm": 1.0,
    "train.ema": 0.5,
    "train.warmup_epochs": 0,
    "train.schedule": "cosine",
    "train.milestones": [],
    "train.amp": "O2",
}
# They decide where and how often something is kept, and no number.
WITHOUT_NUMBERS = {"name", "dataset", "root", "train.keep_checkpoints", "train.checkpoint_steps"}

# The run begins anew for these too, but they make no other numbers here: in so few steps every triplet is within either
# margin; averaged weights lie beside those that are compared; and the width is that of parts that are not pooled.
NOT_YET = {"loss.margin", "train.ema", "model.part_width"}
