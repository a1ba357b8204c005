"""What the stages write and read: cache files, chunks, listings, checkpoints, features, figures, logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.campaign.guarded_reading import LeftOutError
from benchmarks.campaign.inputs.input_kind import InputKind
from benchmarks.campaign.tried_project import ARTIFACTS, HOME, KEYPOINTS, LISTING

CACHES = {kind: ARTIFACTS / kind / "train.h5" for kind in ("keypoints", "edges", "graphs")}
CHUNK = "campaign/chunk.h5"
REMEMBERED = ARTIFACTS / "frames" / "train.remembered"


def _cache(kind: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from data_cache.contract.reader import open_cache
        from data_cache.contract.schema import TEXT

        with open_cache(folder / CACHES[kind], kind) as reader:
            index = reader.index()
            arrays: dict[str, Any] = {}
            for spec in reader.layout.arrays:
                if spec.dtype == TEXT:
                    arrays[spec.name] = reader.read_names(spec.name)
                elif spec.dims[0] == "frame":
                    arrays[spec.name] = reader.read(spec.name, 0, reader.frames)
                elif spec.dims[0] == "track":
                    arrays[spec.name] = reader.read(spec.name, 0, len(index.tracks.person))
            return reader.kind, reader.recipe, index, arrays

    return read


def _checked(kind: str) -> Callable[[Path], object]:
    """`star verify`: its problems are the refusal; what it passes, the reader reads."""

    def read(folder: Path) -> object:
        from data_cache.verification.check import check_file

        file = folder / CACHES[kind]
        problems = check_file(file)
        if problems:
            raise ValueError(f"{file}: {problems[0]}")
        return _cache(kind)(folder)

    return read


def _chunk_recipe(folder: Path) -> tuple[str, int, Path]:
    import h5py

    source = min((folder / KEYPOINTS).with_suffix(".chunks").glob("*.h5"))
    with h5py.File(source, "r") as chunk:
        recipe = chunk.attrs["recipe"]
        return recipe.decode() if isinstance(recipe, bytes) else recipe, len(chunk["status"]), source


def _make_chunk(folder: Path) -> None:
    (folder / CHUNK).parent.mkdir(exist_ok=True)
    (folder / CHUNK).write_bytes(_chunk_recipe(folder)[2].read_bytes())


def _chunk(folder: Path) -> object:
    from pipeline.keypoints.chunk_file import read_chunk

    recipe, frames, source = _chunk_recipe(folder)
    named = folder / "campaign" / source.name  # a chunk's name is part of what is checked
    named.unlink(missing_ok=True)
    named.hardlink_to(folder / CHUNK)
    try:
        return read_chunk(named, recipe, frames)
    except ValueError as error:
        raise ValueError(str(error).replace(source.name, "chunk.h5")) from error


def _listing(folder: Path) -> object:
    from data_cache.contract.split_file import read_frame_listing

    return read_frame_listing(folder / LISTING)


def _remembered(folder: Path) -> object:
    from pipeline.listing.remembered_frames import NO_FRAMES, read_remembered

    found = read_remembered(folder / REMEMBERED)
    if found is NO_FRAMES:
        raise LeftOutError  # its frames are read again
    return found


def _make_remembered(folder: Path) -> None:
    """As `star frames` leaves it for frames that have not changed for two seconds; those of a new project have."""
    import numpy as np

    from pipeline.listing.remembered_frames import RememberedFrames, write_remembered

    paths = tuple(f"Train/0001/rgb/D1/{number}.jpg" for number in range(60))
    random = np.random.default_rng(0)
    states = random.integers(0, 1 << 50, (60, 3))
    write_remembered(
        folder / REMEMBERED, RememberedFrames(paths, states, random.integers(0, 256, (60, 32)).astype(np.uint8))
    )


def _checkpoint(folder: Path) -> object:
    from model.training.checkpoints.checkpoint_file import read_checkpoint

    found = read_checkpoint(folder / "campaign" / "checkpoint.safetensors")
    return found.tensors, found.facts


def _make_checkpoint(folder: Path) -> None:
    from model.training.checkpoints.checkpoint_folder import checkpoint_files

    (folder / "campaign").mkdir(exist_ok=True)
    newest = checkpoint_files(folder / HOME / "checkpoints")[-1]
    (folder / "campaign" / "checkpoint.safetensors").write_bytes(newest.read_bytes())


def _features(folder: Path) -> object:
    from model.evaluation.feature_file import read_features

    return read_features(folder / HOME / "features.h5")


def _metrics(folder: Path) -> object:
    from model.evaluation.results import read_results

    return read_results(folder / HOME / "metrics.json")


def _clip_lengths(folder: Path) -> object:
    from model.evaluation.clip_lengths import read_clip_lengths

    return read_clip_lengths(folder / HOME / "clip_lengths.json")


def _curves(folder: Path) -> object:
    from model.report.curves.training_curves import read_curves

    return read_curves(folder / HOME)


STAGE_FILES = (
    *(InputKind(f"{kind} file", str(CACHES[kind]), _cache(kind), checksum=True) for kind in CACHES),
    *(InputKind(f"{kind} file, `star verify`", str(CACHES[kind]), _checked(kind), checksum=True) for kind in CACHES),
    InputKind("chunk file", CHUNK, _chunk, checksum=True, make=_make_chunk),
    InputKind("list of frames", str(LISTING), _listing, text=True),
    InputKind("remembered frames", str(REMEMBERED), _remembered, checksum=True, make=_make_remembered),
    InputKind("checkpoint", "campaign/checkpoint.safetensors", _checkpoint, checksum=True, make=_make_checkpoint),
    InputKind("features.h5", str(HOME / "features.h5"), _features, checksum=True),
    InputKind("metrics.json", str(HOME / "metrics.json"), _metrics, text=True),
    InputKind("clip_lengths.json", str(HOME / "clip_lengths.json"), _clip_lengths, text=True),
    InputKind("table of the training log", str(HOME / "live/plots/metrics/loss/total.tsv"), _curves, text=True),
)
