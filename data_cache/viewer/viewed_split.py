"""One keypoints file as the page asks for it: JSON values of the file, its list, a track, a frame.

One lock around everything that reads HDF5, which serves one thread at a time.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.records import Modality, Role, Status
from data_cache.contract.skeleton import JOINTS, LIMBS, PARTS, limb_indices
from data_cache.inspection.sheets.skeleton_drawing import FADED, OUTLINE, SIDE_COLOURS, joint_side, limb_side
from data_cache.viewer.frame_picture import picture_problem, read_picture
from data_cache.viewer.guidance_file import GuidanceFile, edges_of, graph_of
from data_cache.viewer.track_query import TrackQuery, choose_tracks
from data_cache.viewer.track_table import read_track_table

if TYPE_CHECKING:
    from pathlib import Path

    from data_cache.contract.reader import CacheReader
    from data_cache.viewer.frame_names import FrameNames
    from data_cache.viewer.saved_marks import PostedMarks, SavedMarks

PAGE_ROWS = 100
MAX_TRACK_FRAMES = 20_000  # a track is sent whole


class NoSuchRowError(ValueError):
    """The page asked for a track or frame that the file does not have."""


class ViewedSplit:
    """A keypoints file with its figures, its frames' folder, the files beside it and the marks.

    root, root_problem: the folder of the frames, or None and a sentence why there is none
    guidance: `edges` and `graphs`
    """

    def __init__(
        self,
        reader: CacheReader,
        names: FrameNames,
        frames_root: tuple[Path | None, str],
        min_score: float,
        guidance: dict[str, GuidanceFile],
        saved: SavedMarks,
    ) -> None:
        self.reader, self.names, self.saved = reader, names, saved
        self._root, self._root_problem = frames_root
        self._min_score, self._guidance = min_score, guidance
        self._lock = threading.Lock()
        self.tracks = reader.tracks
        self.table = read_track_table(reader, min_score)
        reader.close()  # with the cache of what was read; it opens again for the first track

    def describe(self) -> dict[str, Any]:
        """Return what the page needs once: names, threshold, filters' values, skeleton, colours, sentences."""
        tracks = self.tracks
        return {
            "path": str(self.reader.path),
            "dataset": self.reader.dataset,
            "split": self.reader.split,
            "tracks": len(tracks),
            "frames": self.reader.frames,
            "bad_frames": int((self.reader.status != Status.OK).sum()),
            "min_score": float(np.float32(self._min_score)),
            "persons": np.unique(tracks.person).tolist(),
            "cameras": np.unique(tracks.camera).tolist(),
            "joints": [{"name": joint, "side": joint_side(joint)} for joint in JOINTS],
            "limbs": [
                {"ends": ends, "side": limb_side(limb)}
                for ends, limb in zip(limb_indices().tolist(), LIMBS, strict=True)
            ],
            "parts": list(PARTS),
            "colours": {**SIDE_COLOURS, "outline": OUTLINE, "faded": FADED},
            "page_rows": PAGE_ROWS,
            "root_problem": self._root_problem,
            "problems": {kind: file.problem for kind, file in self._guidance.items()},
            "marks_file": str(self.saved.path),
        }

    def list_tracks(self, query: TrackQuery, offset: int) -> dict[str, Any]:
        """Return up to `PAGE_ROWS` tracks from place `offset` of those that `query` asks for, and how many it does."""
        chosen = self._choose(query)
        rows = chosen[offset : offset + PAGE_ROWS]
        return {"total": len(chosen), "offset": offset, "tracks": [self._summarise(int(row)) for row in rows]}

    def next_track(self, query: TrackQuery, track: int | None, step: int) -> dict[str, Any]:
        """Return the track `step` places after `track` in the list, the first one if it is not there; None past it.

        offset: of the page of the list that it is on
        """
        chosen = self._choose(query)
        found = np.flatnonzero(chosen == track)
        place = int(found[0]) + step if len(found) else 0
        if not 0 <= place < len(chosen):
            return {"track": None, "total": len(chosen)}
        row = int(chosen[place])
        return {**self._summarise(row), "total": len(chosen), "offset": place // PAGE_ROWS * PAGE_ROWS}

    def _choose(self, query: TrackQuery) -> Any:
        with self._lock:
            marked = self.saved.rows
        return choose_tracks(query, self.tracks, self.table, marked)

    def _summarise(self, track: int) -> dict[str, Any]:
        table, joint = self.table, int(self.table.worst_joint[track])
        usable = joint >= 0
        start = int(self.tracks.start[track])
        return {
            "track": track,
            "person": int(self.tracks.person[track]),
            "camera": int(self.tracks.camera[track]),
            "modality": Modality(int(self.tracks.modality[track])).name.lower(),
            "role": Role(int(self.tracks.role[track])).name.lower(),
            "start": start,
            "frames": int(self.tracks.lengths[track]),
            "bad": int(table.bad[track]),
            "mean": float(table.mean[track]) if usable else None,
            "worst_joint": JOINTS[joint] if usable else None,
            "worst_share": float(table.worst_share[track]) if usable else None,
            "worst_frame": int(table.worst_frame[track]) - start if usable else None,
        }

    def show_track(self, track: int) -> dict[str, Any]:
        """Return a track with the keypoints, scores, size, status and path of each of its frames.

        Raises NoSuchRowError for a row that is not there, ValueError for a track that is too long to send.
        """
        if not 0 <= track < len(self.tracks):
            raise NoSuchRowError(f"track {track}: expected a row in 0…{len(self.tracks) - 1}")
        start, stop = int(self.tracks.start[track]), int(self.tracks.stop[track])
        if stop - start > MAX_TRACK_FRAMES:
            raise ValueError(f"track {track}: expected at most {MAX_TRACK_FRAMES} frames, got {stop - start}")
        with self._lock:
            points = self.reader.read("keypoints", start, stop)
            score = self.reader.read("score", start, stop)
            size = self.reader.read("size", start, stop).tolist()
            status = self.reader.status[start:stop].tolist()
            paths = self.names[start:stop]
        frames = [
            {
                "row": start + place,
                "path": paths[place],
                "status": Status(status[place]).name.lower(),
                "size": size[place],
                "keypoints": _finite(points[place]),
                "score": _finite(score[place]),
                "problem": self._problem(paths[place]),
            }
            for place in range(stop - start)
        ]
        return {**self._summarise(track), "list": frames}

    def _problem(self, path: str) -> str:
        return self._root_problem if self._root is None else picture_problem(self._root, path)

    def show_picture(self, row: int) -> tuple[str, bytes]:
        """Return media type and bytes of a frame; NoSuchRowError without such a row or file, ValueError for others."""
        path = self._name(row)
        if self._root is None:
            raise NoSuchRowError(self._root_problem)
        try:
            return read_picture(self._root, path)
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchRowError(picture_problem(self._root, path)) from None

    def show_guidance(self, kind: str, row: int) -> dict[str, Any]:
        """Return `edges` or `graphs` of a frame; NoSuchRowError without such a row or file, ValueError for damage."""
        path = self._name(row)
        file = self._guidance[kind]
        if file.reader is None:
            raise NoSuchRowError(file.problem)
        with self._lock:
            return (edges_of if kind == "edges" else graph_of)(file, row, path)

    def _name(self, row: int) -> str:
        if not 0 <= row < self.reader.frames:
            raise NoSuchRowError(f"frame {row}: expected a row in 0…{self.reader.frames - 1}")
        with self._lock:
            return self.names[row]

    def show_marks(self) -> dict[str, Any]:
        """Read the list of marks again and return it with its revision; ValueError or OSError when it is none."""
        with self._lock:
            self.saved.read_again()
            return self._marks()

    def save_marks(self, posted: PostedMarks) -> dict[str, Any]:
        """Save the marks of the page and return them with the new revision; errors as `SavedMarks.save`."""
        with self._lock:
            self.saved.save(posted)
            return self._marks()

    def _marks(self) -> dict[str, Any]:
        marks = [{"track": mark.track, "note": mark.note} for mark in self.saved.marks.tracks]
        return {"revision": self.saved.revision, "marks": marks}

    def close(self) -> None:
        """Close all files, after a list that is being saved is written."""
        with self.saved.saving:
            self.reader.close()
            self.names.close()
            for file in self._guidance.values():
                file.close()


def _finite(values: Any) -> Any:
    """Numbers as nested lists for JSON; the row of a joint that has none is None."""
    if values.ndim > 1:
        return [None if not np.isfinite(point).all() else point.tolist() for point in values]
    return [value if np.isfinite(value) else None for value in values.tolist()]
