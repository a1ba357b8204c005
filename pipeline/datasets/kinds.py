"""The kinds of data sets that are read, and which of them a folder holds."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pipeline.datasets.buptcampus.layout import DATA_PATHS
from pipeline.datasets.hitsz_vcm.layout import hitsz_marks
from pipeline.datasets.root_boundary import require_folder


class Kind(StrEnum):
    """A grammar of files, by the data set that it was made for."""

    HITSZ_VCM = "hitsz-vcm"
    BUPTCAMPUS = "buptcampus"


def recognise(root: Path) -> Kind:
    """Say which kind of data set lies at ``root``: BUPTCampus has a `data_paths.json`, everything else is HITSZ-VCM.

    Raises FileNotFoundError or NotADirectoryError where there is no folder, ValueError where both kinds are there.
    """
    require_folder(root)
    if not (root / DATA_PATHS).exists():
        return Kind.HITSZ_VCM
    other = hitsz_marks(root)
    if other:
        raise ValueError(
            f"{root}: expected one data set, found {DATA_PATHS} of BUPTCampus and {other[0]} of HITSZ-VCM side by side;"
            " give each a folder of its own"
        )
    return Kind.BUPTCAMPUS
