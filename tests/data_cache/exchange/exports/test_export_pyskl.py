"""The pickle of PYSKL and mmaction2: as their loader reads it, and with nothing in it but containers and numpy."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import mmengine
import numpy as np
import pytest

from data_cache.contract.records import SplitIndex
from data_cache.exchange.exports.export_pyskl import export_pyskl
from data_cache.exchange.exports.exported_frames import ExportRequest
from tests.data_cache.exchange.stored_frames import expected_name, read_stored, role_name
from tests.factories import random_index, write_cache

# The keys that PYSKL's and mmaction2's data sets look at and that mean something else there.
TAKEN = {"filename", "raw_file", "box_score", "anno_inds", "offset", "start_index", "frame_inds", "clip_len"}


class NumpyOnly(pickle.Unpickler):
    """Refuses whatever is not needed to make a numpy array."""

    def find_class(self, module: str, name: str) -> Any:
        assert (module.replace("_core", "core"), name) in {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
        return super().find_class(module, name)


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "test.h5", index=random_index(11, split="test"), seed=11)


def load_as_pyskl(path: Path, split: str) -> list[dict[str, Any]]:
    """What PoseDataset of PYSKL and mmaction2 does with its annotation file."""
    content = mmengine.load(str(path))
    names, annotations = set(content["split"][split]), content["annotations"]
    identifier = "filename" if "filename" in annotations[0] else "frame_dir"
    return [annotation for annotation in annotations if annotation[identifier] in names]


def test_every_track_is_an_annotation(keypoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "test.pkl"
    done = export_pyskl(ExportRequest(keypoints, out))
    stored = read_stored(keypoints)
    found = load_as_pyskl(out, "test")
    assert len(found) == len(stored.tracks)
    labels = {person: label for label, person in enumerate(sorted({track["person"] for track in stored.tracks}))}
    blank = 0
    for number, (track, annotation) in enumerate(zip(stored.tracks, found, strict=True)):
        rows = list(range(track["start"], track["stop"]))
        assert annotation["frame_dir"] == expected_name(number, track)
        assert annotation["label"] == labels[track["person"]]
        assert annotation["total_frames"] == len(rows)
        assert annotation["keypoint"].shape == (1, len(rows), 17, 2)
        assert annotation["keypoint_score"].shape == (1, len(rows), 17)
        assert annotation["keypoint"].dtype == annotation["keypoint_score"].dtype == np.float32
        for place, row in enumerate(rows):
            xy, score = annotation["keypoint"][0, place], annotation["keypoint_score"][0, place]
            if stored.ok[row]:
                np.testing.assert_array_equal(xy, stored.keypoints[row])
                np.testing.assert_array_equal(score, stored.score[row])
            else:
                blank += 1
                assert not xy.any() and not score.any()
        sizes = stored.size[rows]
        assert annotation["img_shape"] == annotation["original_shape"] == (sizes[:, 0].max(), sizes[:, 1].max())
        assert all(type(length) is int for length in annotation["img_shape"])
        assert annotation["valid_frames"] == stored.ok[rows].sum()
        assert annotation["frame_paths"] == [stored.path[row] for row in rows]
        np.testing.assert_array_equal(annotation["frame_sizes"], sizes)
        named = (annotation["track"], annotation["person"], annotation["camera"])
        assert named == (number, track["person"], track["camera"])
        assert annotation["modality"] == annotation["frame_dir"].rpartition("_")[2]
        assert annotation["role"] == role_name(track)
        assert not TAKEN & annotation.keys()
    assert blank > 0
    tracked = stored.track >= 0
    assert (done.frames, done.unseen) == ((stored.ok & tracked).sum(), (~stored.ok & tracked).sum())
    assert done.trackless == (stored.ok & ~tracked).sum() > 0


def test_nothing_but_containers_text_numbers_and_arrays(keypoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "test.pkl"
    export_pyskl(ExportRequest(keypoints, out))
    content = NumpyOnly(io.BytesIO(out.read_bytes())).load()
    kinds = {type(value) for annotation in content["annotations"] for value in annotation.values()}
    assert kinds == {str, int, tuple, list, np.ndarray}
    assert {type(key) for key in content["split"]} == {str}
    again = tmp_path / "again.pkl"
    export_pyskl(ExportRequest(keypoints, again))
    assert again.read_bytes() == out.read_bytes()


def test_chosen_tracks_keep_name_and_label(keypoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "some.pkl"
    export_pyskl(ExportRequest(keypoints, tmp_path / "all.pkl"))
    done = export_pyskl(ExportRequest(keypoints, out, tracks=(5, 2)))
    every, some = load_as_pyskl(tmp_path / "all.pkl", "test"), load_as_pyskl(out, "test")
    for annotation, number in zip(some, (5, 2), strict=True):
        assert annotation["frame_dir"] == every[number]["frame_dir"]
        assert annotation["label"] == every[number]["label"]
        np.testing.assert_array_equal(annotation["keypoint"], every[number]["keypoint"])
    assert (done.frames, done.trackless) == (sum(annotation["valid_frames"] for annotation in some), 0)


def test_a_split_without_tracks_has_no_annotation(tmp_path: Path) -> None:
    index = random_index(3, tracks=0, orphans=5)
    assert isinstance(index, SplitIndex)
    done = export_pyskl(ExportRequest(write_cache(tmp_path / "train.h5", index=index), tmp_path / "x.pkl"))
    assert mmengine.load(str(tmp_path / "x.pkl")) == {"split": {"train": []}, "annotations": []}
    assert (done.frames, done.trackless) == (0, read_stored(tmp_path / "train.h5").ok.sum())
