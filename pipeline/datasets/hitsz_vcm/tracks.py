"""One split of HITSZ-VCM, in all its layouts, as frames in name-file order and tracks over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import SplitIndex
from pipeline.datasets.distractors import place_distractors
from pipeline.datasets.findings import Findings
from pipeline.datasets.hitsz_vcm.layout import read_layout
from pipeline.datasets.hitsz_vcm.track_files import read_names, read_query_rows, read_tracks


def read_hitsz_split(root: Path, dataset: str, split: str) -> SplitIndex:
    """Read one split of the HITSZ-VCM tree at ``root``; every track of the test is query once and gallery once.

    Person 0 is gallery only, person −1 is left out, and neither is trained on (`pipeline.datasets.distractors`).
    Raises ValueError (``file:line: expected …, got …; what to do``) at the first line against the grammar
    (`pipeline.datasets.hitsz_vcm.track_files`), and FileNotFoundError where a file or the tree is missing.
    """
    layout = read_layout(root)
    strict = Findings(strict=True)
    names, count = read_names(layout.name_file(split), root, layout.prefix(split), strict)
    tracks = read_tracks(layout.track_file(split), root, count, strict)
    assert names is not None and tracks is not None, "a strict reader raises at the first error"
    return place_distractors(SplitIndex(dataset, split, names.paths, tracks))


def read_query(root: Path, tracks: int) -> NDArray[np.int64]:
    """Rows of the test split's ``tracks`` that HITSZ-VCM lists as queries: (query,) int64, 0-based, in its order.

    Raises ValueError for what is no row, and FileNotFoundError where there is no list.
    """
    rows = read_query_rows(read_layout(root).query_file, root, tracks, Findings(strict=True))
    assert rows is not None, "a strict reader raises at the first error"
    return rows
