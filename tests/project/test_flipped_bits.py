"""One flipped bit in any HDF5 file of this project is noticed, or changes nothing that is read.

A bit in 61 here; all of them under `make test-slow`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.verified_content import content_digest
from model.evaluation.feature_file import read_features
from pipeline.keypoints.chunk_file import read_chunk, read_damaged, write_chunk
from tests.factories import random_index, random_keypoints, write_cache
from tests.flipped_bits import plain, silent_flips
from tests.model.evaluation.test_feature_file import random_features, write

FRAMES = 5
KINDS = ("keypoints", "edges", "graphs", "chunk", "features")
SAMPLE, ALL = 61, 1


def read_cache(path: Path) -> list[Any]:
    with open_cache(path) as cache:
        return [cache.kind, cache.dataset, cache.split, cache.recipe, cache.origin, content_digest(cache)]


def read_one_chunk(path: Path) -> list[Any]:
    frames = read_chunk(path, '{"stub":1}', FRAMES)
    return plain([frames.keypoints, frames.score, frames.size, frames.status, read_damaged(path, FRAMES)])


def read_ranked(path: Path) -> list[Any]:
    return [value for side in read_features(path) for value in plain(vars(side).values())]


def small_file(folder: Path, kind: str) -> tuple[Path, Any]:
    """A small file of a kind, and what reads all of it."""
    if kind == "chunk":
        path = folder / f"{'0' * 64}.h5"
        write_chunk(path, random_keypoints(FRAMES, 3), '{"stub":1}', damaged=(1, 3))
        return path, read_one_chunk
    if kind == "features":
        return write(folder / "features.h5", random_features(5, 1, 3), random_features(7, 2, 3)), read_ranked
    return write_cache(folder / f"{kind}.h5", kind, index=random_index(3, tracks=2, orphans=1)), read_cache


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("every", [SAMPLE, pytest.param(ALL, marks=pytest.mark.slow)])
def test_every_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path, kind: str, every: int) -> None:
    path, read = small_file(tmp_path, kind)
    assert silent_flips(path, read, every) == []


def test_a_flip_that_is_not_noticed_is_counted(tmp_path: Path) -> None:
    """Numbers without any checksum: what `silent_flips` is held against."""
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(7, dtype=np.uint8) + 201

    def read(path: Path) -> bytes:
        try:
            with h5py.File(path) as file:
                return bytes(file["numbers"][()].tobytes())
        except (OSError, KeyError, RuntimeError, TypeError) as error:
            raise ValueError(str(error)) from None

    start = path.read_bytes().index(bytes(range(201, 208)))
    assert set(range(8 * start, 8 * (start + 7))) <= set(silent_flips(path, read, 1))
