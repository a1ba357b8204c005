"""Tracks of no person, as Market-1501 and MARS number them: −1 is junk, 0 a distractor (Zheng et al., ICCV 2015).

Junk (detections of parts of persons, or of nothing) is neither right nor wrong in a ranking, so it is left out with its
frames. A distractor is somebody who is not searched for: wrong wherever it is ranked. None of them is trained on.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from command_line.text_table import amount
from data_cache.contract.records import DISTRACTOR, JUNK, Role, SplitIndex

logger = logging.getLogger(__name__)


def place_distractors(index: SplitIndex) -> SplitIndex:
    """Leave out junk, and in training distractors, with their frames; in the test distractors are gallery only.

    Says how many there were. Raises ValueError where no track is left.
    """
    tracks = index.tracks
    junk, distractor = tracks.person == JUNK, tracks.person == DISTRACTOR
    if not (junk | distractor).any():
        return index
    test = index.split == "test"
    say_left_out(index.split, int(junk.sum()))
    if distractor.any():
        what = "gallery only" if test else "not trained on"
        logger.info("%s: %s of person 0 (distractors): %s", index.split, amount(int(distractor.sum()), "track"), what)
    role = np.where(distractor, np.uint8(Role.GALLERY), tracks.role)
    kept = _leave_out(replace(index, tracks=replace(tracks, role=role)), junk if test else junk | distractor)
    if not len(kept.tracks):
        raise ValueError(
            f"{index.split}: expected tracks of persons, got {len(tracks)} of persons 0 (distractors) and -1 (junk)"
            " alone; number the persons from 1"
        )
    return kept


def say_left_out(split: str, tracks: int) -> None:
    """Say how many tracks of junk are left out; nothing for none."""
    if tracks:
        logger.info("%s: %s of person -1 (junk): left out", split, amount(tracks, "track"))


def _leave_out(index: SplitIndex, gone: NDArray[np.bool_]) -> SplitIndex:
    """The split without some tracks, (track,) bool, and their frames; frames of no track stay."""
    tracks = index.tracks
    keep = ~np.isin(index.track, np.flatnonzero(gone))
    place = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])  # of each frame among those kept
    rest = tracks.select(~gone)
    rest = replace(rest, start=place[rest.start], stop=place[rest.stop])
    paths = tuple(path for path, kept in zip(index.paths, keep.tolist(), strict=True) if kept)
    return replace(index, paths=paths, tracks=rest)
