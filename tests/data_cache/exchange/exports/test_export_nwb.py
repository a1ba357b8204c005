"""NWB as pynwb and ndx-pose read it, and as NWB's validator judges it."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
from ndx_pose import PoseEstimation, PoseEstimationSeries

from data_cache.contract.skeleton import JOINTS, LIMBS
from data_cache.exchange.exports import exported_frames
from data_cache.exchange.exports.export_nwb import export_nwb
from data_cache.exchange.exports.exported_frames import ExportRequest
from tests.data_cache.exchange.stored_frames import StoredFrames, expected_name, read_stored, role_name
from tests.factories import random_index, write_cache


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "train.h5", index=random_index(17), seed=17)


def exported_rows(stored: StoredFrames, chosen: tuple[int, ...]) -> list[int]:
    """Rows of /frames in the order of the export."""
    if not chosen:
        return list(range(len(stored.path)))
    return [row for number in chosen for row in range(stored.tracks[number]["start"], stored.tracks[number]["stop"])]


@pytest.mark.parametrize("chosen", [(), (5,), (4, 1, 6)])
@pytest.mark.parametrize("fps", [None, 12.5])
def test_every_joint_of_every_frame(
    keypoints: Path, tmp_path: Path, chosen: tuple[int, ...], fps: float | None
) -> None:
    out = tmp_path / "poses.nwb"
    done = export_nwb(ExportRequest(keypoints, out, chosen, fps=fps))
    stored = read_stored(keypoints)
    rows = exported_rows(stored, chosen)
    with pynwb.NWBHDF5IO(out, "r") as reading:
        content = reading.read()
        behavior = content.processing["behavior"]
        poses = behavior["poses"]
        assert isinstance(poses, PoseEstimation)
        assert list(poses.skeleton.nodes[:]) == list(JOINTS)
        assert [(JOINTS[a], JOINTS[b]) for a, b in poses.skeleton.edges[:]] == list(LIMBS)
        assert poses.skeleton is behavior["Skeletons"]["person"]
        assert set(poses.pose_estimation_series) == set(JOINTS)
        for joint, name in enumerate(JOINTS):
            series = poses[name]
            assert isinstance(series, PoseEstimationSeries)
            assert (series.rate, series.starting_time, series.unit) == (fps or 1.0, 0.0, "pixels")
            assert series.data.dtype == series.confidence.dtype == np.float32
            assert len(series.data) == len(series.confidence) == len(rows)
            for place, row in enumerate(rows):
                np.testing.assert_array_equal(series.data[place], stored.keypoints[row, joint])
                np.testing.assert_array_equal(series.confidence[place], stored.score[row, joint])
        frames = behavior["frames"].to_dataframe()
        assert frames.path.tolist() == [stored.path[row] for row in rows]
        np.testing.assert_array_equal(frames.track, stored.track[rows])
        np.testing.assert_array_equal(frames[["height", "width"]], stored.size[rows])
    assert (done.frames, done.unseen) == (stored.ok[rows].sum(), (~stored.ok[rows]).sum())
    assert pynwb.validate(path=str(out)) == []


@pytest.mark.parametrize("chosen", [(), (5,), (4, 1, 6)])
@pytest.mark.parametrize("fps", [None, 12.5])
def test_the_intervals_say_where_the_tracks_are(
    keypoints: Path, tmp_path: Path, chosen: tuple[int, ...], fps: float | None
) -> None:
    out = tmp_path / "poses.nwb"
    export_nwb(ExportRequest(keypoints, out, chosen, fps=fps))
    stored = read_stored(keypoints)
    rows = exported_rows(stored, chosen)
    with pynwb.NWBHDF5IO(out, "r") as reading:
        content = reading.read()
        table = content.intervals["tracks"].to_dataframe()
        nose = content.processing["behavior"]["poses"]["nose"]
        assert sorted(table.track) == sorted(chosen or range(len(stored.tracks)))
        assert table.start_time.is_monotonic_increasing
        for entry in table.itertuples():
            track = stored.tracks[entry.track]
            first, last = (round(time * nose.rate) for time in (entry.start_time, entry.stop_time))
            assert rows[first:last] == list(range(track["start"], track["stop"]))
            assert (entry.person, entry.camera) == (track["person"], track["camera"])
            assert entry.track_name == expected_name(entry.track, track)
            assert entry.modality == entry.track_name.rpartition("_")[2]
            assert entry.role == role_name(track)


def test_nothing_in_it_is_random_or_of_today(keypoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in (("a.nwb", 2048), ("b.nwb", 2048), ("c.nwb", 3)):
        monkeypatch.setattr(exported_frames, "BLOCK_ROWS", rows)
        export_nwb(ExportRequest(keypoints, tmp_path / name))
    assert (tmp_path / "a.nwb").read_bytes() == (tmp_path / "b.nwb").read_bytes()
    with h5py.File(tmp_path / "a.nwb") as one, h5py.File(tmp_path / "c.nwb") as other:
        for joint in JOINTS:
            for name in (f"processing/behavior/poses/{joint}/{part}" for part in ("data", "confidence")):
                np.testing.assert_array_equal(one[name][:], other[name][:])
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "r") as reading:
        content = reading.read()
        assert content.session_start_time.timestamp() == 0
        identifiers = [child.object_id for child in content.all_children()]
        assert len(set(identifiers)) == len(identifiers) > 17
    export_nwb(ExportRequest(keypoints, tmp_path / "d.nwb", tracks=(1,)))
    with h5py.File(tmp_path / "d.nwb") as part, h5py.File(tmp_path / "a.nwb") as whole:
        assert part["identifier"][()] != whole["identifier"][()]
        assert part.attrs["object_id"] != whole.attrs["object_id"]


@pytest.mark.parametrize("missing", ["pynwb", "ndx_pose"])
def test_without_the_library_the_remedy_is_named(
    keypoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ValueError, match=f"{missing}.*pip install -c constraints.txt pynwb ndx-pose") as refused:
        export_nwb(ExportRequest(keypoints, tmp_path / "x.nwb"))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "x.nwb").exists()


def test_frames_without_tracks_and_no_frames_at_all(tmp_path: Path) -> None:
    orphans = write_cache(tmp_path / "orphans.h5", index=random_index(3, tracks=0, orphans=5))
    export_nwb(ExportRequest(orphans, tmp_path / "x.nwb"))
    with pynwb.NWBHDF5IO(tmp_path / "x.nwb", "r") as reading:
        content = reading.read()
        assert content.processing["behavior"]["frames"].to_dataframe().track.tolist() == [-1] * 5
    empty = write_cache(tmp_path / "empty.h5", index=random_index(tracks=0, orphans=0))
    with pytest.raises(ValueError, match="expected frames to export, found none"):
        export_nwb(ExportRequest(empty, tmp_path / "y.nwb"))
    assert not (tmp_path / "y.nwb").exists()
