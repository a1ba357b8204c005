"""The benchmark's tree has the real set's numbers, and the product's own reader takes it for a sound data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.generated_tree import FULL_SIZE, ModalityCounts, draw_lengths, generate_split, write_tree
from data_cache.contract.records import Modality
from pipeline.datasets.frame_scan import scan_frames
from pipeline.datasets.hitsz_vcm.tracks import read_query
from pipeline.datasets.split_index import read_split

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"


def test_full_size_has_the_published_numbers() -> None:
    names, tracks, queries = 0, 0, 0
    for split, counts in FULL_SIZE.items():
        lines, rows = generate_split(np.random.default_rng(3), counts)
        modality, start, stop, person, camera = np.array([row.split() for row in rows], int).T
        assert len(set(lines)) == len(lines)
        assert (start[1:] == stop[:-1] + 1).all() and start[0] == 1
        assert stop[-1] == len(lines) - counts.orphans
        lengths = stop - start + 1
        assert lengths.min() >= 1 and lengths.max() <= 48 and np.median(lengths) == 24
        for number, part in ((1, counts.infrared), (2, counts.visible)):
            own = lengths[modality == number]
            assert (len(own), int(own.sum()), int((own < 12).sum())) == (part.tracks, part.frames, part.short)
        assert len(np.unique(person)) == counts.persons and set(camera) == set(range(1, counts.cameras + 1))
        pairs = [set(zip(person[modality == m], camera[modality == m], strict=True)) for m in (1, 2)]
        assert not pairs[0] & pairs[1], f"{split}: visible and infrared cameras of a person overlap"
        names, tracks = names + len(lines), tracks + len(rows)
        queries = int((modality == 1).sum())
    assert (names, tracks, queries) == (463_259, 21_863, 5_159)


def test_lengths_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="expected some 12 to 48 a track, got 1000 in 7"):
        draw_lengths(np.random.default_rng(0), ModalityCounts(tracks=7, short=2, frames=1000))


def test_the_products_reader_reads_the_tree(tmp_path: Path) -> None:
    jpegs = sorted(SAMPLE.glob("Train/0001/ir/D2/*.jpg"))[:11]
    root = write_tree(tmp_path, jpegs, share=0.001, seed=5)
    for split, full in FULL_SIZE.items():
        counts = full.scaled(0.001)
        index = read_split(root, "sample", split)
        assert len(index.paths) == counts.frames > 200
        assert len(index.tracks) == counts.infrared.tracks + counts.visible.tracks
        assert (index.track == -1).sum() == counts.orphans
        assert not len(scan_frames(root, index).missing)
    infrared = np.flatnonzero(index.tracks.modality == Modality.INFRARED)
    np.testing.assert_array_equal(read_query(root, len(index.tracks)), infrared)
    assert (root / index.paths[0]).read_bytes() in {jpeg.read_bytes() for jpeg in jpegs}
    assert jpegs[0].stat().st_nlink == 1  # the sample's own files are copied, not linked
