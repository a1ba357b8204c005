"""The keypoints file: the same bytes however it came about, and nothing half-made whatever stops a run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.contract.writer import canonical_recipe
from pipeline.datasets.split_index import read_split
from pipeline.keypoints.bad_frames import TooManyBadFramesError
from pipeline.keypoints.chunks import ChunkResult, ChunkRun, plan_chunks
from pipeline.keypoints.estimated_frames import keypoint_code
from pipeline.keypoints.keypoint_file import Summary, assemble_keypoints, extract_keypoints, keypoint_recipe
from tests.pipeline.datasets.trees import TRAIN, VISIBLE, Row, Tree, build_tree
from tests.pipeline.keypoints.stub_estimator import StubSource

FRAMES = sum(row.frames for row in TRAIN)
CHUNK_FRAMES = 7
# Persons of the tree have 31, 24 and 24 frames: 5 + 4 + 4 chunks of at most 7.
CHUNKS = 13


@dataclass
class Extraction:
    """A tree and the output of extracting it."""

    tree: Tree
    out: Path

    @property
    def chunks_dir(self) -> Path:
        return self.out.with_suffix(".chunks")

    def run(self, **changes: Any) -> Summary:
        root = self.tree.root
        settings = {"chunk_frames": CHUNK_FRAMES, "max_bad": 0.01, **changes}
        source = settings.pop("source", StubSource())
        index = read_split(root, "stub", "train")
        return extract_keypoints(index, root, source, self.out, self.chunks_dir, **settings)

    def times(self) -> dict[str, int]:
        """When each chunk file was written, by name."""
        return {file.name: file.stat().st_mtime_ns for file in self.chunks_dir.iterdir()}


@pytest.fixture
def extraction(tmp_path: Path) -> Extraction:
    return Extraction(build_tree(tmp_path / "tree"), tmp_path / "artifacts" / "train.h5")


def test_a_file_holds_every_frame_in_the_order_of_the_name_file(extraction: Extraction) -> None:
    summary = extraction.run()
    assert summary == Summary(frames=FRAMES, unreadable=0, missing=0, chunks=CHUNKS, reused=0)
    index = read_split(extraction.tree.root, "stub", "train")
    with open_cache(extraction.out, "keypoints") as cache:
        assert cache.paths == index.paths
        assert cache.recipe == {"code": 1, "estimator": {"name": "stub", "gain": 1.0}}
        np.testing.assert_array_equal(cache.tracks.start, index.tracks.start)
        size = cache.read("/frames/size", 0, FRAMES)
        # The tree's frames grow with the row of their track.
        rows = index.track.astype(np.int32)
        np.testing.assert_array_equal(size, np.stack([30 + rows, 14 + rows], axis=1))
        keypoints = cache.read("/frames/keypoints", 0, FRAMES)
    assert len(np.unique(keypoints[:, 16, 0])) == FRAMES


def test_files_are_equal_whatever_the_number_of_workers(extraction: Extraction) -> None:
    extraction.run()
    serial = extraction.out.read_bytes()
    for workers in (1, 2):
        shutil.rmtree(extraction.out.parent)
        assert extraction.run(workers=workers).reused == 0
        assert extraction.out.read_bytes() == serial


def test_a_second_run_takes_every_chunk_over(extraction: Extraction) -> None:
    extraction.run()
    before, content = extraction.times(), extraction.out.read_bytes()
    assert extraction.run().reused == CHUNKS
    assert extraction.times() == before
    assert extraction.out.read_bytes() == content


def test_what_a_killed_run_left_half_written_is_cleared(extraction: Extraction) -> None:
    extraction.run()
    half = extraction.chunks_dir / f"{next(iter(extraction.times()))[:-3]}.node1-7-0.unfinished"
    half.write_bytes(b"half")
    assert extraction.run().reused == CHUNKS
    assert not half.exists()


def test_one_more_person_costs_its_own_chunks_only(extraction: Extraction, tmp_path: Path) -> None:
    extraction.run()
    before = extraction.times()
    rows = [*TRAIN[:3], Row(VISIBLE, 3, 4, 11), *TRAIN[3:]]
    grown = Extraction(build_tree(tmp_path / "grown", train=rows), extraction.out)
    # The frames of the other persons as they were: the generated ones depend on their row.
    for path in extraction.tree.paths["train"]:
        (grown.tree.root / path).write_bytes((extraction.tree.root / path).read_bytes())
    summary = grown.run()
    assert (summary.frames, summary.chunks, summary.reused) == (FRAMES + 11, CHUNKS + 2, CHUNKS)
    assert before.items() <= grown.times().items()


def test_a_changed_frame_costs_its_own_chunk_only(extraction: Extraction) -> None:
    extraction.run()
    before = extraction.times()
    extraction.tree.frame("train", 41).write_bytes(extraction.tree.frame("train", 42).read_bytes())
    assert extraction.run().reused == CHUNKS - 1
    assert before.items() < extraction.times().items()
    with open_cache(extraction.out) as cache:
        keypoints = cache.read("/frames/keypoints", 41, 43)
    np.testing.assert_array_equal(keypoints[0], keypoints[1])


def test_another_recipe_takes_nothing_over(extraction: Extraction) -> None:
    extraction.run()
    assert extraction.run(source=StubSource(gain=0.5)).reused == 0


def test_bad_frames_are_counted_listed_and_the_run_goes_on(extraction: Extraction) -> None:
    extraction.tree.frame("train", 5).write_bytes(b"\xff\xd8\xff")
    extraction.tree.frame("train", 11).unlink()
    extraction.tree.frame("train", 73).unlink()
    summary = extraction.run(max_bad=3 / FRAMES)
    assert (summary.unreadable, summary.missing, summary.ok) == (1, 2, FRAMES - 3)
    wanted = np.zeros(FRAMES, np.uint8)
    wanted[5], wanted[[11, 73]] = Status.UNREADABLE, Status.MISSING
    with open_cache(extraction.out) as cache:
        np.testing.assert_array_equal(cache.status, wanted)
    paths = extraction.tree.paths["train"]
    listing = extraction.out.with_name("train.bad-frames.txt")
    assert listing.read_text() == f"unreadable {paths[5]}\nmissing {paths[11]}\nmissing {paths[73]}\n"


def test_a_list_of_bad_frames_goes_when_they_are_mended(extraction: Extraction) -> None:
    frame = extraction.tree.frame("train", 5)
    content = frame.read_bytes()
    frame.unlink()
    extraction.run(max_bad=1.0)
    frame.write_bytes(content)
    extraction.run()
    assert not extraction.out.with_name("train.bad-frames.txt").exists()


def test_too_many_bad_frames_stop_the_run_with_their_list(extraction: Extraction) -> None:
    rows = list(range(3, 28))
    for row in rows:
        extraction.tree.frame("train", row).unlink()
    extraction.tree.frame("train", 30).write_bytes(b"")
    with pytest.raises(TooManyBadFramesError) as stop:
        extraction.run(max_bad=0.3)  # 23.7 frames: the 24th bad one is too many, chunk 3 brings it
    paths = extraction.tree.paths["train"]
    assert f"25 of {FRAMES} frames cannot be used so far (0 unreadable, 25 missing)" in str(stop.value)
    assert "expected at most 0.3 of them" in str(stop.value)
    named = [path for path in paths if path in str(stop.value).replace(",", " ").split()]
    assert named == paths[3:23]
    listing = extraction.out.with_name("train.bad-frames.txt").read_text().splitlines()
    assert listing == [f"missing {paths[row]}" for row in rows]
    assert not extraction.out.exists()
    assert len(extraction.times()) == 4
    assert extraction.run(max_bad=0.4).reused == 4


def test_the_share_of_bad_frames_is_a_limit_not_a_target(extraction: Extraction) -> None:
    extraction.tree.frame("train", 5).unlink()
    with pytest.raises(TooManyBadFramesError):
        extraction.run(max_bad=0.0)
    assert extraction.run(max_bad=1 / FRAMES).missing == 1


def assemble(extraction: Extraction, drop: tuple[int, ...] = ()) -> None:
    """Assemble what is in the chunk folder, without the results of the chunks `drop`."""
    results: list[ChunkResult] = []
    extraction.run(progress=results.append)
    extraction.out.unlink()
    index = read_split(extraction.tree.root, "stub", "train")
    source = StubSource()
    recipe, folder = canonical_recipe(keypoint_recipe(source)), str(extraction.chunks_dir)
    run = ChunkRun(source, recipe, keypoint_code(source), str(extraction.tree.root), folder)
    kept = [result for result in reversed(results) if result.number not in drop]
    plan = plan_chunks(index, CHUNK_FRAMES)
    assemble_keypoints(index, plan, kept, run, extraction.out)


def test_assembly_takes_results_in_any_order(extraction: Extraction) -> None:
    extraction.run()
    content = extraction.out.read_bytes()
    assemble(extraction)
    assert extraction.out.read_bytes() == content


def test_assembly_names_the_chunks_that_are_missing(extraction: Extraction) -> None:
    with pytest.raises(ValueError, match=r"2 of 13 chunks are missing: 2 \(frames 14…20\), 5 \(frames 31…37\)"):
        assemble(extraction, drop=(5, 2))
    assert not extraction.out.exists()


@pytest.mark.parametrize("damage", ["gone", "truncated"])
def test_assembly_refuses_a_chunk_that_was_lost_after_it_was_made(extraction: Extraction, damage: str) -> None:
    made: list[ChunkResult] = []

    def spoil(result: ChunkResult) -> None:
        made.append(result)
        if result.number == CHUNKS - 1:
            file = extraction.chunks_dir / next(one.file for one in made if one.number == 4)
            file.unlink() if damage == "gone" else file.write_bytes(file.read_bytes()[:999])

    wanted = r"chunk 4 \(frames 28…30\) is not there any more" if damage == "gone" else "not an intact chunk"
    with pytest.raises((FileNotFoundError, ValueError), match=wanted):
        extraction.run(progress=spoil)
    assert sorted(file.name for file in extraction.out.parent.iterdir()) == ["train.chunks"]
    assert extraction.run().reused == CHUNKS - 1


def test_an_older_file_stays_when_the_new_run_fails(extraction: Extraction) -> None:
    extraction.run()
    content = extraction.out.read_bytes()
    for row in range(5):
        extraction.tree.frame("train", row).unlink()
    with pytest.raises(TooManyBadFramesError):
        extraction.run()
    assert extraction.out.read_bytes() == content


def test_an_output_that_cannot_be_written_is_refused_before_any_frame_is_read(extraction: Extraction) -> None:
    extraction.out.parent.write_text("a file, not a folder")
    with pytest.raises(OSError, match="a file stands where a folder is expected") as refusal:
        extraction.run(source=UnbuildableSource())
    assert refusal.value.filename == str(extraction.out)


def test_a_chunk_folder_that_cannot_be_written_is_refused_before_any_frame_is_read(extraction: Extraction) -> None:
    extraction.out.parent.mkdir()
    extraction.chunks_dir.write_text("a file, not a folder")
    with pytest.raises(OSError, match="a file stands where a folder is expected") as refusal:
        extraction.run(source=UnbuildableSource())
    assert refusal.value.filename == str(extraction.chunks_dir)


class UnbuildableSource(StubSource):
    def build(self, threads: int | None = None) -> Any:
        raise AssertionError("a frame was read")


def test_what_an_estimator_must_not_say_is_refused(extraction: Extraction) -> None:
    # A score above 1: no chunk of it is kept.
    with pytest.raises(ValueError, match="score: expected 0…1"):
        extraction.run(source=LoudSource())
    assert extraction.times() == {}


class LoudSource(StubSource):
    def build(self, threads: int | None = None) -> Any:
        estimator = super().build(threads)
        estimate = estimator.estimate

        def loud(images: Any) -> Any:
            keypoints, score = estimate(images)
            return keypoints, score + 1

        estimator.estimate = loud  # type: ignore[method-assign]
        return estimator


def test_a_split_without_frames_makes_an_empty_file(extraction: Extraction) -> None:
    index = read_split(extraction.tree.root, "stub", "train")
    none = replace(index.tracks, **{name: getattr(index.tracks, name)[:0] for name in index.tracks.__annotations__})
    empty = replace(index, paths=(), tracks=none)
    summary = extract_keypoints(
        empty, extraction.tree.root, StubSource(), extraction.out, extraction.chunks_dir, chunk_frames=7, max_bad=0.0
    )
    assert summary == Summary(0, 0, 0, 0, 0)
    with open_cache(extraction.out) as cache:
        assert cache.frames == 0
