"""The size of a frame is that frame's own: never one that a file has for a whole video, and never none."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.skeleton import JOINTS
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    make_case,
    run_import,
    write_frames,
)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path, orphans=0)
    assert len(np.unique(case.rows.size, axis=0)) > len(case.index.tracks), "sizes differ within a track"
    return case


def write_pickle(case: Case, **keys: Any) -> Path:
    """Annotations as PYSKL's tools write them, with other keys."""
    annotations = []
    for track, (start, stop) in enumerate(zip(case.index.tracks.start, case.index.tracks.stop, strict=True)):
        keypoint, score = case.rows.keypoints[start:stop][None], case.rows.score[start:stop][None]
        annotations.append(
            {"frame_dir": str(track), "total_frames": int(stop - start), "keypoint": keypoint, "keypoint_score": score}
            | keys
        )
    source = case.folder / "skeletons.pkl"
    source.write_bytes(pickle.dumps({"split": {}, "annotations": annotations}))
    return source


ONE_A_VIDEO = {
    "of the first frame": {"img_shape": (53, 23), "original_shape": (53, 23)},
    "of a video that holds them all": {"img_shape": (1080, 1920), "original_shape": (1080, 1920)},
    "alone": {"img_shape": (61, 31)},
    "absent": {},
    "None": {"img_shape": None, "original_shape": None, "frame_sizes": None, "total_frames": None, "frame_paths": None},
}


@pytest.mark.parametrize("keys", ONE_A_VIDEO.values(), ids=ONE_A_VIDEO)
def test_a_size_a_video_is_never_that_of_a_frame(case: Case, keys: dict[str, Any]) -> None:
    assert run_import(case, write_pickle(case, **keys), "pyskl", "--root", write_frames(case)) == 0
    assert_imported(case)
    with open_cache(case.out) as reader:
        np.testing.assert_array_equal(reader.read("size", 0, reader.frames), case.rows.size)


@pytest.mark.parametrize("keys", ONE_A_VIDEO.values(), ids=ONE_A_VIDEO)
def test_a_size_a_video_without_the_frames_is_refused(
    case: Case, keys: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_pickle(case, **keys)
    reason = "expected height and width in pixels, found none of its own (img_shape is one size for all frames"
    assert_refused(case, capsys, run_import(case, source, "pyskl"), case.index.paths[0], reason, "--root DIR")
    assert run_import(case, source, "pyskl", "--root", write_frames(case)) == 0, "the remedy"
    assert_imported(case)


@pytest.mark.parametrize("extents", [{}, {"height": None, "width": None}], ids=["absent", "None"])
def test_images_without_a_size_take_that_of_the_frames(
    case: Case, extents: dict[str, None], capsys: pytest.CaptureFixture[str]
) -> None:
    joints = np.concatenate([case.rows.keypoints, case.rows.score[:, :, None]], axis=2).astype(float)
    category = {"id": 1, "name": "person", "keypoints": list(JOINTS)}
    images = [{"id": row, "file_name": path, **extents} for row, path in enumerate(case.index.paths)]
    results = [
        {"image_id": row, "category_id": 1, "keypoints": values.ravel().tolist(), "score": 1}
        for row, values in enumerate(joints)
    ]
    (case.folder / "images.json").write_text(json.dumps({"images": images, "categories": [category]}))
    (case.folder / "results.json").write_text(json.dumps(results))
    command = (case, case.folder / "results.json", "coco", "--images", case.folder / "images.json")
    assert_refused(
        case, capsys, run_import(*command), "expected height and width in pixels, found none: name", "--root"
    )
    assert run_import(*command, "--root", write_frames(case)) == 0
    assert_imported(case)
