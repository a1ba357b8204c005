"""The benchmarks run, at a size of seconds, and what they measure is the real thing."""

from __future__ import annotations

import json
import mmap
from pathlib import Path

import numpy as np
import pytest

from benchmarks import clip_reads, full_size
from benchmarks.memory import PeakMemory
from data_cache.contract.reader import open_cache
from data_cache.verification.check import check_file


def test_full_size_rehearsal_makes_sound_files_of_every_frame(tmp_path: Path) -> None:
    figures = full_size.rehearse(tmp_path, frames=300, workers=0)
    made = {}
    for kind in ("keypoints", "edges", "graphs"):
        for split in ("train", "test"):
            file = tmp_path / "artifacts" / "generated" / kind / f"{split}.h5"
            assert check_file(file) == []
            with open_cache(file, kind) as cache:
                made[kind, split] = cache.frames
                assert cache.status.max() == 0
            step = {"keypoints": "assembly"}.get(kind, kind)
            (note,) = [note for note in figures["steps"] if (note["split"], note["name"]) == (split, step)]
            assert note["written"] == file.stat().st_size and note["frames"] == made[kind, split]
            assert note["seconds"] > 0 and note["peak"] > 0
    assert figures["frames"] == made["edges", "train"] + made["edges", "test"] > 200
    assert [note["name"] for note in figures["steps"][1:6]] == ["index", "chunks", "assembly", "edges", "graphs"]
    assert f"{figures['frames']:,} frames" in full_size.describe(figures)[0]
    assert figures["seconds"] == pytest.approx(sum(note["seconds"] for note in figures["steps"][1:]))
    with open_cache(tmp_path / "artifacts" / "generated" / "keypoints" / "train.h5") as cache:
        assert cache.recipe["estimator"]["name"] == "benchmark stub, not a pose"
        keypoints = cache.read("keypoints", 0, cache.frames)
        assert len(np.unique(keypoints)) > 0.9 * keypoints.size  # noise that repeats would pack too well


def test_clip_reads_compares_every_file_with_the_packed_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert clip_reads.main(["--frames", "500", "--batches", "3", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [file["file"] for file in figures["files"]] == list(clip_reads.FILES)
    packed, *others = figures["files"]
    assert packed["slower"] == packed["larger"] == 1
    for other in others:
        assert other["slower"] == pytest.approx(other["ms"] / packed["ms"])
        assert other["larger"] == pytest.approx(other["bytes"] / packed["bytes"])
    table = "\n".join(clip_reads.describe(figures))
    assert f"{others[0]['slower']:.1f}" in table and "packed" in table


def test_clip_reads_first_epoch_reads_nothing_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read: list[int] = []
    real = clip_reads.read_packed
    monkeypatch.setattr(clip_reads, "read_packed", lambda cache, rows: read.append(len(rows)) or real(cache, rows))
    clip_reads.compare(tmp_path, 500, 3, 7, first_epoch=True)
    assert read == [clip_reads.CLIP_FRAMES] * 3 * clip_reads.BATCH_CLIPS
    read.clear()
    figures = clip_reads.compare(tmp_path, 500, 3, 7)
    assert sum(read) == figures["frames"] + clip_reads.CLIP_FRAMES * 3 * clip_reads.BATCH_CLIPS


def test_clip_reads_notices_wrong_clips() -> None:
    values = np.random.default_rng(1).random((29, 17, 3), np.float32)
    rows = np.arange(5, 29)
    right = (values[rows, :, :2], values[rows, :, 2])
    clip_reads.check_clips([right], values, [rows])
    with pytest.raises(ValueError, match="clip at row 6"):
        clip_reads.check_clips([right], values, [rows + 1 - 29 * (rows == 28)])


def test_peak_memory_sees_what_was_there_for_a_while() -> None:
    with PeakMemory() as memory:
        before = memory.take()
        # Pages of its own: an array may lie where this process had freed memory before.
        with mmap.mmap(-1, 50_000_000) as held:
            held.write(b"1" * len(held))
            with_it = memory.take()
        memory.take()
        after = memory.take()
    assert with_it - before > 40e6
    assert after < with_it - 40e6
    assert memory.overall >= with_it
