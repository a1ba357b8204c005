"""The netCDF file as xarray opens it and movement takes it: values, coordinates, and what movement computes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from movement.filtering import filter_by_confidence
from movement.io import load_poses, save_poses
from movement.kinematics import compute_displacement, compute_velocity
from movement.validators.arrays import validate_dims_coords
from movement.validators.datasets import ValidPosesDataset

from data_cache.contract.skeleton import JOINTS
from data_cache.exchange.exports import export_movement as module
from data_cache.exchange.exports.export_movement import export_movement
from data_cache.exchange.exports.exported_frames import ExportRequest
from tests.data_cache.exchange.stored_frames import expected_name, read_stored
from tests.factories import random_index, write_cache


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "train.h5", index=random_index(13), seed=13)


@pytest.mark.parametrize("chosen", [(), (5,), (4, 1, 6)])
@pytest.mark.parametrize("fps", [None, 12.5])
def test_every_joint_of_every_track(
    keypoints: Path, tmp_path: Path, chosen: tuple[int, ...], fps: float | None
) -> None:
    out = tmp_path / "poses.nc"
    done = export_movement(ExportRequest(keypoints, out, chosen, fps=fps))
    stored = read_stored(keypoints)
    numbers = chosen or tuple(range(len(stored.tracks)))
    with xr.open_dataset(out) as poses:
        assert poses.position.dims == ValidPosesDataset.DIM_NAMES
        assert poses.position.dtype == poses.confidence.dtype == np.float32
        assert set(poses.coords) == set(ValidPosesDataset.DIM_NAMES)
        assert poses.individuals.values.tolist() == [expected_name(number, stored.tracks[number]) for number in numbers]
        longest = max(stored.tracks[number]["stop"] - stored.tracks[number]["start"] for number in numbers)
        np.testing.assert_array_equal(poses.time, np.arange(longest) / (fps or 1))
        for place, number in enumerate(numbers):
            track = stored.tracks[number]
            individual = poses.isel(individuals=place)
            for step in range(longest):
                row = track["start"] + step
                at = individual.isel(time=step).sel(keypoints=list(JOINTS), space=["x", "y"])
                there = row < track["stop"]
                expected = stored.keypoints[row] if there else np.full((17, 2), np.nan, np.float32)
                np.testing.assert_array_equal(at.position.transpose("keypoints", "space"), expected)
                np.testing.assert_array_equal(at.confidence, stored.score[row] if there else np.full(17, np.nan))
            known = {
                name: individual[name].item() for name in ("track", "person", "camera", "modality", "role", "frames")
            }
            named = {name: track[name] for name in ("person", "camera", "modality", "role")}
            assert known == {"track": number, **named, "frames": track["stop"] - track["start"]}
            assert individual.first_frame.item() == stored.path[track["start"]]
    rows = [row for number in numbers for row in range(stored.tracks[number]["start"], stored.tracks[number]["stop"])]
    assert (done.frames, done.unseen) == (stored.ok[rows].sum(), (~stored.ok[rows]).sum())
    assert done.trackless == (0 if chosen else (stored.ok & (stored.track < 0)).sum())


@pytest.mark.parametrize("fps", [None, 12.5])
def test_it_is_the_data_set_that_movement_makes_of_the_same_arrays(
    keypoints: Path, tmp_path: Path, fps: float | None
) -> None:
    out = tmp_path / "poses.nc"
    export_movement(ExportRequest(keypoints, out, fps=fps))
    with xr.open_dataset(out) as poses:
        own = load_poses.from_numpy(
            poses.position.values,
            poses.confidence.values,
            [str(name) for name in poses.individuals.values],
            [str(name) for name in poses.keypoints.values],
            fps=fps,
            source_software="star-reid",
        )
        for name in ValidPosesDataset.VAR_NAMES:
            xr.testing.assert_equal(poses[name], own[name])
        assert own.attrs.items() <= poses.attrs.items()
        validate_dims_coords(
            poses.position, {"time": [], "space": ["x", "y"], "keypoints": list(JOINTS), "individuals": []}
        )


def test_what_movement_computes_stays_within_a_track(keypoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "poses.nc"
    export_movement(ExportRequest(keypoints, out, fps=25.0))
    stored = read_stored(keypoints)
    with xr.open_dataset(out) as poses:
        steps = compute_displacement(poses.position)
        velocity = compute_velocity(poses.position)
        kept = filter_by_confidence(poses.position, poses.confidence, threshold=0.5)
        for number, track in enumerate(stored.tracks):
            rows = stored.keypoints[track["start"] : track["stop"]]
            score = stored.score[track["start"] : track["stop"]]
            found = steps.isel(individuals=number).transpose("time", "keypoints", "space")[1 : len(rows)]
            np.testing.assert_array_equal(found, np.diff(rows, axis=0))
            inner = velocity.isel(individuals=number).transpose("time", "keypoints", "space")[1 : len(rows) - 1]
            alone = np.gradient(rows, np.arange(len(rows)) / 25, axis=0)[1:-1]
            np.testing.assert_allclose(inner, alone, rtol=1e-4, atol=1e-3)
            dropped = kept.isel(individuals=number).transpose("time", "keypoints", "space")[: len(rows)]
            np.testing.assert_array_equal(np.isnan(dropped[..., 0]), ~(score >= 0.5))


def test_movement_saves_it_as_another_format(keypoints: Path, tmp_path: Path) -> None:
    out, saved = tmp_path / "poses.nc", tmp_path / "saved.h5"
    export_movement(ExportRequest(keypoints, out))
    with xr.open_dataset(out) as poses:
        save_poses.to_sleap_analysis_file(poses, saved)
        again = load_poses.from_sleap_file(saved)
        np.testing.assert_array_equal(again.position, poses.position)
        assert again.individuals.values.tolist() == poses.individuals.values.tolist()


def test_the_same_input_gives_the_same_bytes(keypoints: Path, tmp_path: Path) -> None:
    for name in ("a.nc", "b.nc"):
        export_movement(ExportRequest(keypoints, tmp_path / name))
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_other_alphabets(tmp_path: Path) -> None:
    index = random_index(3, dataset="数据 é")
    export_movement(ExportRequest(write_cache(tmp_path / "ä.h5", index=index), tmp_path / "x.nc"))
    with xr.open_dataset(tmp_path / "x.nc") as poses:
        assert (poses.attrs["dataset"], poses.attrs["source_file"]) == ("数据 é", "ä.h5")


def test_no_tracks_and_too_much(keypoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orphans = write_cache(tmp_path / "orphans.h5", index=random_index(3, tracks=0, orphans=5))
    with pytest.raises(ValueError, match="/tracks: expected a track, as movement's individuals are tracks, found none"):
        export_movement(ExportRequest(orphans, tmp_path / "x.nc"))
    longest = max(track["stop"] - track["start"] for track in read_stored(keypoints).tracks)
    needed = longest * 7 * 17 * 3 * 4
    monkeypatch.setattr(module, "MAX_BYTES", needed - 1)
    with pytest.raises(ValueError, match=rf"expected at most {needed - 1} bytes, got {needed}; choose .* --track"):
        export_movement(ExportRequest(keypoints, tmp_path / "x.nc"))
    monkeypatch.setattr(module, "MAX_BYTES", needed)
    export_movement(ExportRequest(keypoints, tmp_path / "x.nc"))
