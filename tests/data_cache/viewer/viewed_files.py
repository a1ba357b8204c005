"""A served split for the viewer's tests: keypoints with edges and graphs beside them, frames, and the server."""

from __future__ import annotations

import argparse
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.viewer.page_server import PageServer
from data_cache.viewer.view_command import open_split
from tests.factories import RECIPE, random_index, write_cache

if TYPE_CHECKING:
    from collections.abc import Iterator


def make_split(folder: Path, tracks: int = 13) -> tuple[Path, Path]:
    """Keypoints (with edges and graphs beside them) and the folder with a picture for each usable frame."""
    index = random_index(5, tracks=tracks)
    path = write_cache(folder / "keypoints" / "train.h5", index=index, seed=5)
    for kind in ("edges", "graphs"):
        recipe = {"code": 1, "keypoints": dict(RECIPE), "min_score": 0.3, "normalize": "height"}
        write_cache(folder / kind / "train.h5", kind, index=index, seed=5, recipe=recipe)
    root = folder / "frames"
    with open_cache(path) as reader:
        for row, name in enumerate(reader.paths):
            if reader.status[row] == Status.OK:
                height, width = reader.read("size", row, row + 1)[0].tolist()
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / name), np.full((height, width, 3), (row % 200, 90, 120), np.uint8))
    return path, root


def options(path: Path, root: Path | None, marks: Path, **others: object) -> argparse.Namespace:
    """The options of `view` as argparse gives them."""
    given = {"edges": None, "graphs": None, "min_score": None, "port": 0, "open": False, **others}
    return argparse.Namespace(file=path, root=root, marks=marks, **given)


@contextmanager
def served(path: Path, root: Path | None, marks: Path, **others: object) -> Iterator[PageServer]:
    """A running server in a thread of this process."""
    with ExitStack() as stack:
        server = stack.enter_context(PageServer(open_split(options(path, root, marks, **others), stack)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
