"""Data sets on disk, whatever their files look like, as one description: frames and the tracks over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from data_cache.contract.records import SPLITS, SplitIndex
from pipeline.datasets.buptcampus.tracks import read_buptcampus_split
from pipeline.datasets.hitsz_vcm.tracks import read_hitsz_split
from pipeline.datasets.kinds import Kind, recognise

# Each is given the root, the configured name of the data set, and the split.
READERS: Mapping[Kind, Callable[[Path, str, str], SplitIndex]] = MappingProxyType(
    {Kind.HITSZ_VCM: read_hitsz_split, Kind.BUPTCAMPUS: read_buptcampus_split}
)


def read_split(root: Path, dataset: str, split: str) -> SplitIndex:
    """Read one split of the tree at ``root``; ``dataset`` is the configured name, such as `sample`.

    Only the text files are read, no frame is looked at (`pipeline.datasets.frame_scan` does that).
    Raises ValueError (``file:line: expected …, got …; what to do``) at the first fault, and FileNotFoundError where
    a file or the tree is missing.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected {' or '.join(SPLITS)}, got {split!r}")
    return READERS[recognise(root)](root, dataset, split)
