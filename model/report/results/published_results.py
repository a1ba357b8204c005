"""What papers report on HITSZ-VCM, to stand beside a run: rank-k and mAP in percent, both directions.

Rows of other methods are those of the STAR paper's table 1 and of the papers named; the ablation is its table 3.
Figures measured on another data set are not comparable with these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

DATASET = "hitsz-vcm"  # the configured name of the data set that these were measured on
TRACKS = {"infrared": 4584, "visible": 5099}  # of its test split, with 12 frames or more


class Published(NamedTuple):
    """rank-1 and mAP in percent of one direction."""

    rank_1: float
    mean_ap: float


@dataclass(frozen=True)
class PublishedRow:
    """A method and where it was published; `ours`: the paper that this project implements."""

    method: str
    where: str
    infrared_to_visible: Published
    visible_to_infrared: Published
    ours: bool = False


def _row(method: str, where: str, *figures: float, ours: bool = False) -> PublishedRow:
    first, second = Published(*figures[:2]), Published(*figures[2:])
    return PublishedRow(method, where, first, second, ours)


METHODS = (
    _row("LbA", "ICCV 2021", 46.38, 30.69, 49.30, 32.38),
    _row("MPANet", "CVPR 2021", 46.51, 35.26, 50.32, 37.80),
    _row("DDAG", "ECCV 2020", 54.62, 39.26, 59.03, 41.50),
    _row("VCD", "CVPR 2021", 54.53, 41.18, 57.52, 43.45),
    _row("CAJL", "ICCV 2021", 56.59, 41.49, 60.13, 42.81),
    _row("SGIEL", "CVPR 2023", 67.65, 52.30, 70.23, 52.54),
    _row("MITML", "CVPR 2022", 63.74, 45.31, 64.54, 47.69),
    _row("IBAN", "TCSVT 2023", 65.03, 48.77, 69.58, 50.96),
    _row("SAADG", "MM 2023", 69.22, 53.77, 73.13, 56.09),
    _row("CST", "TMM 2024", 69.44, 51.16, 72.64, 53.00),
    _row("STAR", "the paper", 69.57, 56.01, 73.25, 58.56, ours=True),
    _row("M3-ReID", "TIFS 2025", 73.21, 59.02, 75.31, 60.51),
    _row("X-ReID", "AAAI 2026", 73.4, 60.5, 76.1, 59.6),
    _row("DMTA", "2026, 384 by 192, log only", 79.62, 67.69, 81.57, 69.18),
)

# Table 3 of the paper, by the names that the variants have here.
ABLATION = (
    _row("baseline", "table 3: baseline", 66.76, 54.05, 70.45, 55.45),
    _row("frame", "table 3: + frame guidance", 68.53, 55.01, 71.01, 56.16),
    _row("sequence", "table 3: + sequence guidance", 69.04, 55.91, 73.15, 58.22),
    _row("full", "table 3: full method", 69.57, 56.01, 73.25, 58.56, ours=True),
)
