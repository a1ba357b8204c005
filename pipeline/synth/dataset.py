"""Writes a generated data set: its JPEG tree, and the keypoints files of both splits with the true joints."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

import cv2
import numpy as np

from command_line.digests import code_digest
from data_cache.contract.records import SPLITS, Status
from data_cache.contract.writer import CacheWriter
from data_cache.files.partial_file import output_error
from pipeline.synth.own_folder import FORMAT, MARK, check_folder, own_folder
from pipeline.synth.plan import PlannedTrack, index_split, info_files, plan_split
from pipeline.synth.tracks import RenderedTrack, render_track
from pipeline.synth.walkers.backgrounds import draw_background
from pipeline.synth.walkers.cameras import CAMERAS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.synth.settings import SynthSettings

JPEG_QUALITY = 90

logger = logging.getLogger(__name__)


def write_dataset(
    settings: SynthSettings,
    dataset: str,
    out: Path,
    artifacts: Path,
    *,
    force: bool = False,
    progress: Callable[[int], object] = lambda frames: None,
) -> int:
    """Write the tree to `out` and `keypoints/<split>.h5` to `artifacts`; returns the number of frames.

    The same settings give the same bytes. `out` appears when it is whole, and the keypoints files after it;
    `progress` is called with the number of frames of every track that is done.
    Raises ``ValueError`` where `out` is not empty (with `force`: and no generated data set) or `artifacts` lies in
    it, OSError where nothing can be written; what was there before is then as it was.
    """
    if artifacts.resolve().is_relative_to(out.resolve()):
        raise ValueError(f"--artifacts {artifacts}: expected a folder outside of --out {out}, got one inside")
    check_folder(out, force=force)
    splits = {split: plan_split(settings, split) for split in SPLITS}
    backgrounds = {camera.number: draw_background(settings.seed, camera) for camera in CAMERAS}
    recipe = settings.recipe()
    with ExitStack() as stack:
        # Entered first, so published last: keypoints never appear without their frames.
        writers = {}
        for split, planned in splits.items():
            index = index_split(planned, dataset, split)
            status = np.full(len(index.paths), Status.OK, np.uint8)
            file = artifacts / "keypoints" / f"{split}.h5"
            writer = CacheWriter(file, "keypoints", index, recipe, status=status, code=code_digest((__name__,)))
            writers[split] = stack.enter_context(writer)
        folder = stack.enter_context(own_folder(out, force=force))
        for split, planned in splits.items():
            for track in planned:
                rendered = _render(settings, split, track, backgrounds)
                _write_images(folder, track, rendered)
                writers[split].append(_rows(rendered))
                progress(len(track.paths))
        for name, text in info_files(splits).items():
            _write_file(folder / "info" / name, text.encode("ascii"))
        mark = json.dumps({"format": FORMAT, "dataset": dataset} | recipe, indent=1)
        _write_file(folder / MARK, f"{mark}\n".encode())
    _warn_of_stale(artifacts)
    return sum(writer.rows for writer in writers.values())


def _render(
    settings: SynthSettings, split: str, track: PlannedTrack, backgrounds: dict[int, NDArray[np.uint8]]
) -> RenderedTrack:
    return render_track(
        settings,
        (track.person, int(track.modality), track.track),
        backgrounds[track.camera],
        settings.occluded(split),
    )


def _write_images(folder: Path, track: PlannedTrack, rendered: RenderedTrack) -> None:
    for path, image in zip(track.paths, rendered.images, strict=True):
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        assert done, "8-bit images of three channels are encoded"
        _write_file(folder / path, data.tobytes())


def _rows(rendered: RenderedTrack) -> dict[str, NDArray[np.float32] | NDArray[np.int32]]:
    size = np.tile(np.array(rendered.images.shape[1:3], np.int32), (len(rendered.images), 1))
    return {"keypoints": rendered.keypoints, "score": rendered.score, "size": size}


def _write_file(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise output_error(error, path) from error


def _warn_of_stale(artifacts: Path) -> None:
    """Edges and graphs of an earlier data set fit the new frames in number, so nothing else would notice them."""
    stale = [str(file) for kind in ("edges", "graphs") for file in sorted((artifacts / kind).glob("*.h5"))]
    if stale:
        logger.warning("%s: made from earlier keypoints; make them again", ", ".join(stale))
