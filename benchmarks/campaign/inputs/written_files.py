"""What people and data sets bring: settings, lists of a data set, marks, frames, weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.campaign.guarded_reading import LeftOutError
from benchmarks.campaign.inputs.input_kind import InputKind
from benchmarks.campaign.tried_project import ARTIFACTS, DATA_SET, RUN

ROOT = f"data/{DATA_SET}"
TEST_TRACKS = 8  # of the generated data set
NAMES, TRACKS = "train_name.txt", "track_train_info.txt"
MARKS, FRAMES, WEIGHTS = "campaign/marks.json", "campaign/frames", "campaign/weights"


def _params(folder: Path) -> object:
    from command_line.params_file import read_params

    return read_params("--run", folder / "params.yaml")


def _stage_one(folder: Path) -> object:
    from pipeline.settings import load_settings

    return load_settings(folder / "configs" / f"{DATA_SET}.yaml")


def _run(folder: Path) -> object:
    from model.run.config import load_run

    return load_run(folder / "configs" / "runs" / DATA_SET / f"{RUN}.yaml")


def _split(split: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from pipeline.datasets.split_index import read_split

        return read_split(folder / ROOT, DATA_SET, split)

    return read


def _query(folder: Path) -> object:
    from pipeline.datasets.hitsz_vcm.tracks import read_query

    return read_query(folder / ROOT, TEST_TRACKS)


def _make_marks(folder: Path) -> None:
    import numpy as np

    from data_cache.contract.reader import open_cache
    from data_cache.contract.track_marks import TrackMarks, mark_track, write_marks

    (folder / MARKS).parent.mkdir(exist_ok=True)
    with open_cache(folder / ARTIFACTS / "edges" / "train.h5") as reader:
        index = reader.index()
    rows = np.array([1, 2, 5]).tolist()
    marks = tuple(mark_track(row, index.tracks, index.paths, f"seen {row} times") for row in rows)
    write_marks(folder / MARKS, TrackMarks(DATA_SET, "train", marks))


def _marks(folder: Path) -> object:
    from data_cache.contract.track_marks import read_marks

    return read_marks(folder / MARKS)


def _make_frame(ending: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        import cv2

        image = cv2.imread(str(min((folder / ROOT).glob("Train/0001/rgb/*/*.jpg"))))
        (folder / FRAMES).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / FRAMES / f"frame{ending}"), image)

    return make


def _frame(ending: str) -> Callable[[Path], object]:
    """As extraction reads a JPEG, and the pages any picture: what is none is left out under its name."""

    def read(folder: Path) -> object:
        from data_cache.files.decoded_frame import decode_frame
        from data_cache.files.frame_images import read_image

        if ending == ".jpg":
            image = decode_frame((folder / FRAMES / f"frame{ending}").read_bytes())
        else:
            image = read_image(folder / FRAMES, f"frame{ending}")
        if image is None:
            raise LeftOutError
        return image

    return read


def _make_weights(ending: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        import torch
        from safetensors.torch import save_file

        drawn = torch.Generator().manual_seed(0)
        tensors: dict[str, Any] = {
            f"layer{number}.conv.weight": torch.randn(7, 5, 3, 3, generator=drawn) for number in range(11)
        }
        (folder / WEIGHTS).mkdir(parents=True, exist_ok=True)
        file = folder / WEIGHTS / f"network{ending}"
        if ending == ".pth":
            torch.save(tensors, file)
        else:
            save_file(tensors, file)

    return make


def _weights(ending: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from data_cache.files.weights.weights_file import read_weights

        return read_weights(folder / WEIGHTS / f"network{ending}")

    return read


WRITTEN_FILES = (
    InputKind("params.yaml", "params.yaml", _params, text=True),
    InputKind("settings of stage one", f"configs/{DATA_SET}.yaml", _stage_one, text=True),
    InputKind("settings of a run", f"configs/runs/{DATA_SET}/{RUN}.yaml", _run, text=True),
    InputKind("name file of HITSZ-VCM", f"{ROOT}/info/{NAMES}", _split("train"), text=True, named=(TRACKS,)),
    InputKind("track file of HITSZ-VCM", f"{ROOT}/info/{TRACKS}", _split("train"), text=True, named=(NAMES,)),
    InputKind("query file of HITSZ-VCM", f"{ROOT}/info/query_IDX.txt", _query, text=True),
    InputKind("marked tracks", MARKS, _marks, text=True, make=_make_marks),
    *(
        InputKind(
            f"frame ({ending})", f"{FRAMES}/frame{ending}", _frame(ending), ending == ".png", make=_make_frame(ending)
        )
        for ending in (".jpg", ".png")
    ),
    InputKind("weights (.pth)", f"{WEIGHTS}/network.pth", _weights(".pth"), True, make=_make_weights(".pth")),
    InputKind(
        "weights (.safetensors)",
        f"{WEIGHTS}/network.safetensors",
        _weights(".safetensors"),
        make=_make_weights(".safetensors"),
    ),
)
