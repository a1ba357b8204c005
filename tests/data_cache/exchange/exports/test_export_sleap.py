"""SLEAP analysis files as sleap-io and movement read them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import sleap_io
from movement.io import load_poses

from data_cache.contract.skeleton import JOINTS, LIMBS
from data_cache.exchange.exports import exported_frames
from data_cache.exchange.exports.export_sleap import export_sleap
from data_cache.exchange.exports.exported_frames import ExportRequest
from tests.data_cache.exchange.stored_frames import expected_name, read_stored
from tests.factories import random_index, write_cache


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "train.h5", index=random_index(5), seed=5)


@pytest.mark.parametrize("track", [None, 3])
def test_sleap_io_reads_every_frame(keypoints: Path, tmp_path: Path, track: int | None) -> None:
    out = tmp_path / "train.analysis.h5"
    done = export_sleap(ExportRequest(keypoints, out, () if track is None else (track,)))
    stored = read_stored(keypoints)
    chosen = stored.tracks[3] if track is not None else {"start": 0, "stop": len(stored.path)}
    rows = list(range(chosen["start"], chosen["stop"]))
    labels = sleap_io.load_analysis_h5(str(out))
    assert labels.skeleton.node_names == list(JOINTS)
    assert [(edge.source.name, edge.destination.name) for edge in labels.skeleton.edges] == list(LIMBS)
    pairs = {frozenset(node.name for node in symmetry.nodes) for symmetry in labels.skeleton.symmetries}
    assert pairs == {frozenset((joint, joint.replace("left", "right"))) for joint in JOINTS if "left" in joint}
    assert [one.name for one in labels.tracks] == ([] if track is None else [expected_name(3, stored.tracks[3])])
    assert labels.provenance["split"] == "train"
    frames = {frame.frame_idx: frame for frame in labels}
    assert list(frames) == [place for place, row in enumerate(rows) if stored.ok[row]]
    for place, frame in frames.items():
        (instance,) = frame.instances
        row = rows[place]
        np.testing.assert_array_equal(instance.numpy().astype(np.float32), stored.keypoints[row])
        np.testing.assert_array_equal(instance.points["score"].astype(np.float32), stored.score[row])
        assert instance.score == pytest.approx(float(np.mean(stored.score[row], dtype=np.float64)), rel=1e-6)
    assert (done.frames, done.unseen) == (len(frames), len(rows) - len(frames))
    assert done.unseen > 0 or track is not None


@pytest.mark.parametrize("track", [None, 3])
def test_movement_reads_the_same(keypoints: Path, tmp_path: Path, track: int | None) -> None:
    out = tmp_path / "train.analysis.h5"
    export_sleap(ExportRequest(keypoints, out, () if track is None else (track,)))
    stored = read_stored(keypoints)
    chosen = stored.tracks[3] if track is not None else {"start": 0, "stop": len(stored.path)}
    poses = load_poses.from_sleap_file(out)
    assert poses.sizes["time"] == chosen["stop"] - chosen["start"]
    for place, row in enumerate(range(chosen["start"], chosen["stop"])):
        for joint, name in enumerate(JOINTS):
            at = poses.sel(time=place, keypoints=name).isel(individuals=0)
            np.testing.assert_array_equal(at.position.sel(space=["x", "y"]), stored.keypoints[row, joint])
            np.testing.assert_array_equal(at.confidence, stored.score[row, joint])


def test_arrays_lie_as_sleap_stores_them(keypoints: Path, tmp_path: Path) -> None:
    out, own = tmp_path / "train.analysis.h5", tmp_path / "own.analysis.h5"
    export_sleap(ExportRequest(keypoints, out))
    sleap_io.save_analysis_h5(sleap_io.load_analysis_h5(str(out)), str(own))
    stored = read_stored(keypoints)
    with h5py.File(out) as ours, h5py.File(own) as theirs:
        assert set(theirs) <= set(ours)
        assert ours["tracks"].shape == (1, 2, 17, len(stored.path))
        for name in ("tracks", "track_occupancy", "point_scores", "instance_scores", "tracking_scores", "node_names"):
            assert ours[name].attrs.get("dims") == theirs[name].attrs.get("dims"), name
            there = len(theirs["track_occupancy"])  # SLEAP ends with the last frame that has a skeleton
            mine = ours[name][:there] if name == "track_occupancy" else ours[name][..., :there]
            if name in ("tracks", "point_scores", "instance_scores", "track_occupancy"):
                np.testing.assert_array_equal(mine, theirs[name][:].astype(mine.dtype), name)
        assert list(ours["frames/path"].asstr()[:]) == stored.path
        np.testing.assert_array_equal(ours["frames/track"][:], stored.track)
        np.testing.assert_array_equal(ours["frames/size"][:], stored.size)


def test_the_blocks_do_not_change_the_bytes(keypoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in (("a.h5", 2048), ("b.h5", 2048), ("c.h5", 3)):
        monkeypatch.setattr(exported_frames, "BLOCK_ROWS", rows)
        export_sleap(ExportRequest(keypoints, tmp_path / name))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "c.h5") as other:
        for name in ("tracks", "track_occupancy", "point_scores", "instance_scores", "tracking_scores"):
            np.testing.assert_array_equal(one[name][:], other[name][:])


def test_more_than_one_track_is_no_video(keypoints: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--track: expected one at most.*got 2; export one file a track"):
        export_sleap(ExportRequest(keypoints, tmp_path / "x.h5", (0, 1)))
    assert not (tmp_path / "x.h5").exists()


def test_a_split_without_frames(tmp_path: Path) -> None:
    empty = write_cache(tmp_path / "empty.h5", index=random_index(tracks=0, orphans=0))
    export_sleap(ExportRequest(empty, tmp_path / "x.h5"))
    assert len(sleap_io.load_analysis_h5(str(tmp_path / "x.h5"))) == 0


def test_what_stands_in_a_frame_without_keypoints_is_not_exported(keypoints: Path, tmp_path: Path) -> None:
    with h5py.File(keypoints, "r+") as file:
        row = int(np.flatnonzero(file["frames/status"][:] != 0)[0])
        file["frames/keypoints"][row], file["frames/score"][row] = 7.0, 0.5
        file["frames/size"][row] = 53, 23
    export_sleap(ExportRequest(keypoints, tmp_path / "x.h5"))
    with h5py.File(tmp_path / "x.h5") as file:
        assert np.isnan(file["tracks"][..., row]).all() and np.isnan(file["point_scores"][..., row]).all()
        assert file["track_occupancy"][row].tolist() == [0]
