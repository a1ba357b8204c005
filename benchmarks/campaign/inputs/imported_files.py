"""Skeletons of other programs, as `star import` reads them: the tried project's own keypoints in every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.campaign.inputs.input_kind import InputKind
from benchmarks.campaign.tried_project import DATA_SET, KEYPOINTS, LISTING

RESULTS, IMAGES, PYSKL = "exported/results.json", "exported/results.images.json", "exported/tracks.pkl"
ALPHAPOSE, STAR = "campaign/alphapose-results.json", "campaign/star.h5"
RTMLIB, RTMLIB_ARRAY = "campaign/rtmlib.npz", "campaign/rtmlib.npy"
MMPOSE, OPENPOSE = "campaign/mmpose", "campaign/openpose"
ULTRALYTICS, LABELS = "campaign/ultralytics", "campaign/ultralytics-txt"
OUT = "campaign/imported.h5"


def _imported(kind: str, source: str, images: str | None = None) -> Callable[[Path], object]:
    """What is in the file that the import writes, but for the source's digest in its recipe, and what it says of it."""

    def read(folder: Path) -> object:
        from data_cache.contract.reader import open_cache
        from data_cache.exchange.imports.import_keypoints import ImportRequest, import_keypoints

        out, root = folder / OUT, folder / "data" / DATA_SET
        named = None if images is None else folder / images
        done = import_keypoints(ImportRequest(folder / source, kind, folder / LISTING, out, root, named, 0.5))
        with open_cache(out, "keypoints") as reader:
            rows = [reader.read(name, 0, reader.frames) for name in ("keypoints", "score", "size")]
            return done, reader.status, rows, reader.index()

    return read


def _skeletons(folder: Path) -> list[tuple[str, Any, Any]]:
    """Path, keypoints (joint, xy) and score (joint,) of every frame."""
    from data_cache.contract.reader import open_cache

    with open_cache(folder / KEYPOINTS, "keypoints") as reader:
        frames = range(reader.frames)
        keypoints, score = (reader.read(name, 0, reader.frames) for name in ("keypoints", "score"))
        return [(reader.paths[row], keypoints[row], score[row]) for row in frames]


def _write_json(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def _make_alphapose(folder: Path) -> None:
    import numpy as np

    rest = {"category_id": 1, "score": 2.75, "box": [1.0, 2.0, 3.0, 4.0], "idx": [0.0]}
    results = [
        {"image_id": path, "keypoints": np.column_stack([joints, score]).astype(float).ravel().tolist(), **rest}
        for path, joints, score in _skeletons(folder)
    ]
    _write_json(folder / ALPHAPOSE, results)


def _make_mmpose(folder: Path) -> None:
    for path, joints, score in _skeletons(folder):
        person = {"keypoints": joints.tolist(), "keypoint_scores": score.tolist(), "bbox": [[0, 0, 9, 9]]}
        _write_json((folder / MMPOSE / path).with_suffix(".json"), [person])


def _make_openpose(folder: Path) -> None:
    import numpy as np

    from data_cache.contract.skeleton import JOINTS
    from data_cache.exchange.imports.formats.prediction_formats import OPENPOSE_JOINTS

    ours = {name.replace("left_", "L").replace("right_", "R").lower(): row for row, name in enumerate(JOINTS)}
    places = [ours.get(name.lower()) for name in OPENPOSE_JOINTS[25]]
    for path, joints, score in _skeletons(folder):
        rows = [[0, 0, 0] if place is None else [*joints[place], score[place]] for place in places]
        person = {"person_id": [-1], "pose_keypoints_2d": np.array(rows, float).ravel().tolist()}
        file = folder / OPENPOSE / path
        _write_json(file.with_name(f"{file.stem}_keypoints.json"), {"version": 1.3, "people": [person]})


def _make_ultralytics(folder: Path) -> None:
    for path, joints, score in _skeletons(folder):
        columns = {"x": joints[:, 0].tolist(), "y": joints[:, 1].tolist(), "visible": score.tolist()}
        person = {"name": "person", "class": 0, "confidence": 0.75, "keypoints": columns}
        _write_json((folder / ULTRALYTICS / path).with_suffix(".json"), [person])


def _make_labels(folder: Path) -> None:
    """Shares of the frame's size, as label files have them."""
    import numpy as np

    from data_cache.contract.reader import open_cache

    with open_cache(folder / KEYPOINTS, "keypoints") as reader:
        sizes = reader.read("size", 0, reader.frames)
    for (path, joints, score), size in zip(_skeletons(folder), sizes, strict=True):
        numbers = [0, 0.5, 0.5, 1, 1, *np.column_stack([joints / size[::-1], score]).ravel()]
        file = (folder / LABELS / path).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(" ".join(f"{number:.6g}" for number in numbers) + "\n", encoding="ascii")


def _make_rtmlib_array(folder: Path) -> None:
    import numpy as np

    rows = [np.column_stack([joints, score]) for _, joints, score in _skeletons(folder)]
    (folder / RTMLIB_ARRAY).parent.mkdir(exist_ok=True)
    np.save(folder / RTMLIB_ARRAY, np.stack(rows))


def _make_rtmlib(folder: Path) -> None:
    import numpy as np

    paths, joints, scores = zip(*_skeletons(folder), strict=True)
    (folder / RTMLIB).parent.mkdir(exist_ok=True)
    np.savez(folder / RTMLIB, keypoints=np.stack(joints), scores=np.stack(scores), paths=np.array(paths))


def _make_star(folder: Path) -> None:
    import h5py
    import numpy as np

    (folder / STAR).parent.mkdir(exist_ok=True)
    with h5py.File(folder / STAR, "w") as out:
        for path, joints, score in _skeletons(folder):
            out[path.split("/", 1)[1].removesuffix(".jpg")] = np.column_stack([joints, score])


FRAME = "Train/0001/rgb/D1/1"
NAMED = (f"{FRAME}.jpg",)
IMPORTED_FILES = (
    InputKind("COCO results", RESULTS, _imported("coco", RESULTS, IMAGES), text=True),
    InputKind("COCO data set of results", IMAGES, _imported("coco", RESULTS, IMAGES), text=True),
    InputKind("AlphaPose results", ALPHAPOSE, _imported("coco", ALPHAPOSE), text=True, make=_make_alphapose),
    InputKind(
        "MMPose prediction",
        f"{MMPOSE}/{FRAME}.json",
        _imported("mmpose", MMPOSE),
        text=True,
        named=NAMED,
        make=_make_mmpose,
    ),
    InputKind(
        "OpenPose prediction",
        f"{OPENPOSE}/{FRAME}_keypoints.json",
        _imported("openpose", OPENPOSE),
        text=True,
        named=NAMED,
        make=_make_openpose,
    ),
    InputKind(
        "Ultralytics results",
        f"{ULTRALYTICS}/{FRAME}.json",
        _imported("ultralytics", ULTRALYTICS),
        text=True,
        named=NAMED,
        make=_make_ultralytics,
    ),
    InputKind(
        "Ultralytics labels",
        f"{LABELS}/{FRAME}.txt",
        _imported("ultralytics-txt", LABELS),
        text=True,
        named=NAMED,
        make=_make_labels,
    ),
    InputKind("PYSKL pickle", PYSKL, _imported("pyskl", PYSKL)),
    InputKind("arrays of rtmlib (.npz)", RTMLIB, _imported("rtmlib", RTMLIB), checksum=True, make=_make_rtmlib),
    InputKind("array of rtmlib (.npy)", RTMLIB_ARRAY, _imported("rtmlib", RTMLIB_ARRAY), make=_make_rtmlib_array),
    InputKind("HDF5 of the public STAR code", STAR, _imported("star", STAR), make=_make_star),
)
