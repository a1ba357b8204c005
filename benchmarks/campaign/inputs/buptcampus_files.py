"""The files of a BUPTCampus tree: two persons to train on, two to test, without frames, which no reader looks at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.campaign.inputs.input_kind import InputKind

ROOT = "campaign/buptcampus"
LISTS = {
    "train.txt": "11 RGB/IR CQ1 1\n12 RGB/IR LS3 1\n",
    "query.txt": "21 RGB CQ1 1\n22 IR LS3 1\n",
    "gallery.txt": "21 IR CQ1 1\n22 RGB LS3 1\n21 RGB LS3 1\n",
}


def _make(folder: Path) -> None:
    root = folder / ROOT
    (root / "DATA").mkdir(parents=True, exist_ok=True)
    paths = {
        str(person): {
            modality: {
                camera: {
                    "1": [f"{person}/{modality}/{camera}/{person}_{modality}_{camera}_1_{n}.jpg" for n in (7, 8, 11)]
                }
                for camera in ("CQ1", "LS3")
            }
            for modality in ("RGB", "IR")
        }
        for person in (11, 12, 21, 22)
    }
    (root / "data_paths.json").write_text(json.dumps(paths), encoding="utf-8")
    for name, text in LISTS.items():
        (root / name).write_text(text, encoding="utf-8")


def _split(split: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from pipeline.datasets.split_index import read_split

        return read_split(folder / ROOT, "buptcampus", split)

    return read


BUPTCAMPUS_FILES = (
    InputKind("paths of BUPTCampus", f"{ROOT}/data_paths.json", _split("test"), text=True, make=_make),
    InputKind("train list of BUPTCampus", f"{ROOT}/train.txt", _split("train"), text=True, make=_make),
    InputKind("query list of BUPTCampus", f"{ROOT}/query.txt", _split("test"), text=True, make=_make),
    InputKind("gallery list of BUPTCampus", f"{ROOT}/gallery.txt", _split("test"), text=True, make=_make),
)
