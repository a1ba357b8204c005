"""Batches: the right skeletons with the right images, the same bytes for any number of workers, and clean ends."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from data_cache.contract import reader
from data_cache.contract.records import Modality, Status
from data_cache.contract.skeleton import mirror_indices
from data_cache.files.frame_images import read_image
from model.clips import batches
from model.clips.augment import NO_AUGMENTATION, Augmentation, ImageSettings, write_frame
from model.clips.batches import BatchLoader
from model.clips.clip_files import open_split
from model.clips.clip_reader import ClipArrays, ClipReader, ClipShape
from model.clips.clip_requests import BatchRequest, evaluation_requests, training_requests
from model.clips.clips import ClipSettings, ClipTracks, clip_tracks
from model.clips.draws import StepPosition
from model.clips.sampler import BatchSettings
from model.clips.skeletons.skeleton_inputs import edge_values
from model.clips.training_persons import training_persons
from pipeline.skeletons.edges import pairwise_edges
from pipeline.skeletons.graphs import graph_nodes
from tests.model.clips.clip_trees import ClipTree, person_tracks, write_clip_tree

T, PERSONS, K = 5, 3, 2
CLIPS = PERSONS * K * 2
IMAGES = ImageSettings(height=31, width=17, pad=3, flip=0.5, random_erasing=0.5)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> ClipTree:
    """4 persons, 9 infrared and 10 visible tracks of 13 frames, one in ten bad."""
    tracks = [t for p, (i, v) in enumerate([(2, 3), (1, 2), (3, 1), (3, 4)], 1) for t in person_tracks(p, i, v)]
    status = np.zeros(sum(track.frames for track in tracks), np.uint8)
    status[::10] = Status.UNREADABLE
    return write_clip_tree(tmp_path_factory.mktemp("tree"), tracks, status=status)


def tracks_of(tree: ClipTree) -> ClipTracks:
    return clip_tracks(tree.index.tracks, tree.status, ClipSettings(T, 12))


def requests_of(tree: ClipTree, start: StepPosition, count: int) -> list[BatchRequest]:
    persons = training_persons(tracks_of(tree), PERSONS)
    endless = training_requests(persons, BatchSettings(PERSONS, K), IMAGES, start, steps=7)
    return list(itertools.islice(endless, count))


def loaded(loader: BatchLoader, requests: list[BatchRequest]) -> list[tuple[bytes, ...]]:
    """The bytes of every batch: the arrays are good for one round only."""
    return [tuple(array.tobytes() for array in batch.arrays) for batch in loader.load(requests)]


@pytest.fixture(scope="module")
def two_workers(tree: ClipTree) -> Iterator[BatchLoader]:
    with BatchLoader(tree.files, IMAGES, CLIPS, T, workers=2) as loader:
        yield loader


def test_any_number_of_workers_gives_the_same_bytes(tree: ClipTree, two_workers: BatchLoader) -> None:
    requests = requests_of(tree, StepPosition(1, 0, 0), 11)
    with BatchLoader(tree.files, IMAGES, CLIPS, T) as loader:
        expected = loaded(loader, requests)
    assert len(set(expected)) == 11
    assert loaded(two_workers, requests) == expected
    with BatchLoader(tree.files, IMAGES, CLIPS, T, workers=1, prefetch=1) as loader:
        assert loaded(loader, requests) == expected


def test_an_iteration_that_stops_early_leaves_nothing_behind(tree: ClipTree, two_workers: BatchLoader) -> None:
    requests = requests_of(tree, StepPosition(2, 0, 0), 5)
    first = loaded(two_workers, requests)
    stopped = two_workers.load(iter(requests))
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    assert loaded(two_workers, requests[2:]) == first[2:]


def test_a_batch_can_be_asked_for_from_any_step_on(tree: ClipTree) -> None:
    """What is drawn for a step does not depend on where the run began; 7 steps are an epoch."""
    whole = requests_of(tree, StepPosition(5, 0, 0), 16)
    resumed = requests_of(tree, StepPosition(5, 1, 3), 6)
    assert [request.at[1:3] for request in resumed] == [(1, 3), (1, 4), (1, 5), (1, 6), (2, 0), (2, 1)]
    for a, b in zip(whole[10:], resumed, strict=True):
        assert (a.at, a.drawn, a.infrared) == (b.at, b.drawn, b.infrared)
        for name in ("clip", "track", "person", "camera", "label", "frames"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert any(a.frames.tolist() != b.frames.tolist() for a, b in itertools.pairwise(whole))


def test_every_clip_has_the_images_and_the_skeleton_of_its_own_frames(tree: ClipTree) -> None:
    """A public implementation gives visible clips the infrared skeletons."""
    reader_edges = pairwise_edges(tree.keypoints, tree.seen, tree.size[:, 0])
    (request,) = requests_of(tree, StepPosition(1, 0, 0), 1)
    plain = BatchRequest(**{**vars(request), "drawn": (NO_AUGMENTATION,) * CLIPS})
    with BatchLoader(tree.files, IMAGES, CLIPS, T) as loader:
        (batch,) = loader.load([plain])
    table = tree.index.tracks
    assert batch.infrared.shape == batch.visible.shape == (PERSONS * K, T, 3, 31, 17)
    for clip, frames in enumerate(request.frames):
        track = request.track[clip]
        assert (tree.index.track[frames] == track).all()
        assert (tree.status[frames] == Status.OK).all()
        assert table.modality[track] == (Modality.INFRARED if clip < PERSONS * K else Modality.VISIBLE)
        assert (table.person[track], table.camera[track]) == (request.person[clip], request.camera[clip])
        assert request.label[clip] == request.person[clip] - 1
        np.testing.assert_array_equal(batch.arrays.edges[clip], edge_values(reader_edges[frames]))
        np.testing.assert_array_equal(batch.arrays.seen[clip], tree.seen[frames])
        images = batch.infrared[clip] if clip < PERSONS * K else batch.visible[clip - PERSONS * K]
        for place, frame in enumerate(frames):
            image = read_image(tree.files.root, tree.index.paths[frame])
            assert image is not None
            out = np.empty((3, 31, 17), np.float32)
            write_frame(image, IMAGES, NO_AUGMENTATION, out)
            np.testing.assert_array_equal(images[place], out)


def read_clip(reader_: ClipReader, frames: NDArray[np.int64], drawn: Augmentation) -> ClipArrays:
    shape = ClipShape(1, len(frames), IMAGES.height, IMAGES.width)
    arrays = shape.lay_out(np.zeros(shape.bytes, np.uint8))
    clip = ClipArrays(*(array[0] for array in arrays))
    reader_.read(frames, drawn, clip)
    return clip


def test_a_flip_takes_image_and_skeleton_together(tree: ClipTree) -> None:
    frames = tracks_of(tree).test_frames(3)
    clip_reader = ClipReader(tree.files, IMAGES)
    plain = read_clip(clip_reader, frames, NO_AUGMENTATION)
    flipped = read_clip(clip_reader, frames, Augmentation(0, 0, True, None))
    np.testing.assert_array_equal(flipped.images, plain.images[..., ::-1])
    other, size = mirror_indices(), tree.size[frames]
    keypoints = tree.keypoints[frames][:, other].copy()
    keypoints[..., 0] = size[:, 1:] - 1 - keypoints[..., 0]
    seen, score = tree.seen[frames][:, other], tree.score[frames][:, other]
    np.testing.assert_array_equal(flipped.seen, seen)
    np.testing.assert_array_equal(flipped.edges, edge_values(pairwise_edges(keypoints, seen, size[:, 0])))
    np.testing.assert_allclose(flipped.nodes, graph_nodes(keypoints, score, seen, size[:, 0]), rtol=0, atol=1e-7)


def test_all_frames_of_a_clip_are_cropped_alike(tree: ClipTree) -> None:
    """The same frame T times: after augmentation it is T times the same."""
    frames = np.full(T, tracks_of(tree).test_frames(0)[1])
    (request,) = requests_of(tree, StepPosition(1, 0, 0), 1)
    assert len(set(request.drawn)) > 1
    for drawn in request.drawn[:5]:
        clip = read_clip(ClipReader(tree.files, IMAGES), frames, drawn)
        for array in clip:
            np.testing.assert_array_equal(array, np.broadcast_to(array[:1], array.shape))


def test_cache_files_are_opened_once_and_late(tree: ClipTree, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = reader.open_verified
    monkeypatch.setattr(reader, "open_verified", lambda path, kind: opened.append(kind) or real(path, kind))
    clip_reader = ClipReader(tree.files, IMAGES)
    assert opened == []
    tracks = tracks_of(tree)
    for row in range(7):
        read_clip(clip_reader, tracks.test_frames(row), NO_AUGMENTATION)
    assert opened == ["edges", "graphs"]


def test_a_test_has_one_clip_a_track_in_full_batches(tree: ClipTree) -> None:
    tracks = tracks_of(tree)
    infrared = tracks.of_modality(Modality.INFRARED)
    requests = list(evaluation_requests(infrared, 4))
    assert [(len(r), r.real, r.infrared) for r in requests] == [(4, 4, 4), (4, 4, 4), (4, 1, 4)]
    assert [track for r in requests for track in r.track[: r.real]] == infrared.number.tolist()
    for row, frames in enumerate(f for r in requests for f in r.frames[: r.real]):
        np.testing.assert_array_equal(frames, infrared.test_frames(row))
    assert all(drawn == NO_AUGMENTATION for r in requests for drawn in r.drawn)
    visible = list(evaluation_requests(tracks.of_modality(Modality.VISIBLE), 7, all_clips=True))
    assert {r.infrared for r in visible} == {0}
    counts = np.bincount([track for r in visible for track in r.track[: r.real]])
    assert set(counts[counts > 0].tolist()) == {3}  # 13 frames in 5 chunks of 3
    with pytest.raises(ValueError, match="tracks of one modality, got 2 in 19 tracks"):
        next(evaluation_requests(tracks, 4))


def test_time_spent_waiting_is_measured(tree: ClipTree, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(batches.time, "perf_counter", lambda: float(next(clock)))
    with BatchLoader(tree.files, IMAGES, CLIPS, T) as loader:
        for _ in loader.load(requests_of(tree, StepPosition(1, 0, 0), 3)):
            next(clock)  # the training step takes its own time
        assert loader.waited_seconds == 3.0


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_is_gone_is_a_sentence(tmp_path: Path, workers: int) -> None:
    tree = write_clip_tree(tmp_path, person_tracks(1, 1, 1))
    requests = list(evaluation_requests(tracks_of(tree).of_modality(Modality.VISIBLE), 1))
    gone = tree.index.paths[requests[0].frames[0, 2]]
    (tmp_path / gone).rename(tmp_path / "elsewhere.jpg")
    with BatchLoader(tree.files, IMAGES, 1, T, workers) as loader:
        with pytest.raises(ValueError, match=rf"{gone}: expected an image, .* got no file that decodes"):
            next(loader.load(requests))
        (tmp_path / "elsewhere.jpg").rename(tmp_path / gone)
        assert len(loaded(loader, requests)) == 1


def test_an_image_outside_of_the_root_is_not_read(tmp_path: Path) -> None:
    tree = write_clip_tree(tmp_path / "root", person_tracks(1, 1, 1))
    frames = tracks_of(tree).test_frames(0)
    image = tree.files.root / tree.index.paths[frames[1]]
    image.rename(tmp_path / "outside.jpg")
    image.symlink_to(tmp_path / "outside.jpg")
    with pytest.raises(ValueError, match="expected a frame inside"):
        read_clip(ClipReader(tree.files, IMAGES), frames, NO_AUGMENTATION)


def test_requests_of_another_size_are_refused(tree: ClipTree) -> None:
    with BatchLoader(tree.files, IMAGES, CLIPS + 1, T) as loader:
        with pytest.raises(ValueError, match="expected 13 clips of 5 frames, got 12 of 5"):
            next(loader.load(requests_of(tree, StepPosition(1, 0, 0), 1)))
        with pytest.raises(ValueError, match="workers, prefetch: expected 0 or more and 1 or more, got 0 and 0"):
            BatchLoader(tree.files, IMAGES, 1, T, prefetch=0)


def test_a_killed_worker_is_told(tree: ClipTree) -> None:
    before = set(psutil.Process().children())
    with BatchLoader(tree.files, IMAGES, CLIPS, T, workers=1) as loader:
        (worker,) = [
            child
            for child in set(psutil.Process().children()) - before
            if "resource_tracker" not in str(child.cmdline())
        ]
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(ChildProcessError, match=rf"process {worker.pid} .* status -9 .* use fewer workers"):
            loaded(loader, requests_of(tree, StepPosition(1, 0, 0), 5))


PARENT = """
import itertools, pickle, sys
from model.clips.batches import BatchLoader
if __name__ == "__main__":
    files, images, requests = pickle.load(sys.stdin.buffer)
    heavy = {"mindspore", "torch", "mmpose", "pipeline"} & set(sys.modules)
    assert not heavy, heavy
    loader = BatchLoader(files, images, len(requests[0]), requests[0].frames.shape[1], workers=2)
    for batch in loader.load(itertools.cycle(requests)):
        print("batch", flush=True)
"""


def test_workers_end_when_their_parent_is_killed(tree: ClipTree, tmp_path: Path) -> None:
    import pickle

    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pickle.dump((tree.files, IMAGES, requests_of(tree, StepPosition(1, 0, 0), 3)), parent.stdin)
        parent.stdin.close()
        assert parent.stdout.readline() == b"batch\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) >= 2
        parent.kill()
        _, alive = psutil.wait_procs(children, timeout=120)
        for process in alive:
            process.kill()
        assert alive == []


def test_files_that_fit_are_opened(tree: ClipTree) -> None:
    found = open_split(tree.files, "sample", "train")
    assert found.paths == tree.index.paths
    assert set(found.recipes) == {"edges", "graphs"}
    np.testing.assert_array_equal(found.status, tree.status)
