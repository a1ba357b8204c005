"""What a run was made of, by content: the caches and frames it read and the code that decides its numbers.

Settings and recipes say how something was made, not of what: with corrected labels, another frame under the same name
or a mended loss they are the same, and a finished training would be taken for that of the new state.

As JSON, in checkpoints and results: ``{"edges": {…}, "graphs": {…}, "frames": {"content": sha256}, "code": {room:
sha256}}``, the first three as in `data_cache.contract.origin`, `frames` left out where nothing is known of them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from command_line.digests import room_digest
from data_cache.contract.origin import Origin, parse_origin
from data_cache.contract.split_file import read_frame_listing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from model.clips.clip_files import SplitFiles

logger = logging.getLogger(__name__)

# The rooms that decide the numbers of a training, and of its results; what commands say and where files lie is
# elsewhere.
TRAINING_ROOMS = ("data_cache/contract", "data_cache/files", "model/clips", "model/network", "model/training")
RESULT_ROOMS = (*TRAINING_ROOMS, "model/evaluation", "model/retrieval")
DATA = ("edges", "graphs", "frames")


def data_origin(split: SplitFiles) -> dict[str, Any]:
    """The origins of the files that clips of `split` are read from, by kind.

    `frames` are those of the list beside the caches that `star frames` (and so `dvc repro`) has written, or else those
    that the caches were made from; a warning is logged where the two differ.
    Raises ValueError for a list that is none.
    """
    found = {kind: origin.plain() for kind, origin in split.origins.items()}
    frames = frames_origin(split)
    return found if frames is None else {**found, "frames": frames.plain()}


def frames_origin(split: SplitFiles) -> Origin | None:
    """The frames of a split, as `data_origin` has them; None where nothing is known of them."""
    estimated = split.origins["edges"].find("frames")
    listing = listing_beside(split.files.edges)
    if not listing.is_file():
        return estimated
    listed = Origin(read_frame_listing(listing).content)
    if estimated is not None and estimated != listed:
        logger.warning(
            "%s: these are other frames than those that %s was made from; make it again with `dvc repro`",
            listing,
            split.files.edges,
        )
    return listed


def listing_beside(cache: Path) -> Path:
    """The list of the frames of a cache file's split, in `artifacts/<dataset>/frames`."""
    return cache.parents[1] / "frames" / f"{cache.stem}.json"


def code_origin(rooms: tuple[str, ...]) -> dict[str, str]:
    """sha256 of the code in each of `rooms`, in hexadecimal digits; comments and docstrings do not count."""
    return {room: room_digest(room) for room in rooms}


def compared_origin(origin: Mapping[str, Any]) -> dict[str, Any]:
    """What of an origin must be the same for a training to go on: contents, and the code that trains.

    How caches came to hold what they hold does not matter for what is learnt from them.
    """
    contents = {kind: origin[kind] for kind in DATA if kind in origin}
    shown = {kind: value.get("content") if isinstance(value, dict) else value for kind, value in contents.items()}
    return {**shown, "code": origin.get("code")}


def verify_run_origin(value: object) -> dict[str, Any]:
    """Check what a file says of its run's origin. Raises ValueError naming the key, what was expected and got.

    Earlier ones have the digest of a file's bytes in place of an origin.
    """
    if not isinstance(value, dict):
        raise ValueError(f"origin: expected {', '.join(DATA)} and code, got {value!r:.60}")
    for kind in DATA:
        if kind in value and not isinstance(value[kind], str):
            try:
                parse_origin(value[kind])
            except ValueError as error:
                raise ValueError(f"origin.{kind}: {error}") from None
    code = value.get("code", {})
    if not isinstance(code, dict) or not all(isinstance(text, str) for text in (*code, *code.values())):
        raise ValueError(f"origin.code: expected a digest for each room of code, got {code!r:.60}")
    return value
