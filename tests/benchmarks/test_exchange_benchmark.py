"""The benchmark of exports and imports measures every format, and notices values that do not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import exchange
from data_cache.contract.reader import open_cache
from data_cache.verification.check import check_file


def test_every_format_is_measured(tmp_path: Path) -> None:
    figures = exchange.compare(tmp_path, 211)
    assert [f.command for f in figures] == [
        *(f"export {name}" for name in exchange.EXPORTS),
        "import coco",
        "import pyskl",
    ]
    assert check_file(tmp_path / "keypoints.h5") == []
    with open_cache(tmp_path / "keypoints.h5") as cache:
        assert (cache.frames, len(cache.tracks)) == (211, 10)
    for figure, file in zip(figures, [*exchange.EXPORTS.values(), "coco.h5", "pyskl.h5"], strict=True):
        assert figure.written == (tmp_path / file).stat().st_size
        assert figure.peak > 1e7 and figure.seconds > 0
    assert f"{figures[2].peak / 1e9:.2f}" in exchange.describe(figures).splitlines()[3]


def test_other_values_are_noticed(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        exchange.write_random_keypoints(tmp_path / name, 97, seed)
    exchange.check_equal(tmp_path / "a", tmp_path / "b")
    with pytest.raises(SystemExit, match="expected those of"):
        exchange.check_equal(tmp_path / "a", tmp_path / "c")
