"""One dataset a frame, as the public STAR code keeps skeletons: what is read of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.files.decoded_frame import decode_frame
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    frame_key,
    make_case,
    run_import,
    without,
    write_frames,
    write_star,
)
from tests.data_cache.files.oriented_pictures import EXIF, LONG, jpeg, tiff, xmp


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path)
    write_frames(case)
    return case


def test_the_layout_is_what_the_public_code_indexes(case: Case) -> None:
    # data_loader_ms.py: img_path.replace('.jpg', '').split('/'), then file[person][modality][camera][frame][()].
    with h5py.File(write_star(case, case.folder / "poses.h5")) as file:
        for row, path in enumerate(case.index.paths):
            _, person, modality, camera, frame = path.replace(".jpg", "").split("/")
            values = file[person][modality][camera][frame][()]
            assert values.shape == (17, 3)
            np.testing.assert_array_equal(values[:, :2], case.rows.keypoints[row])


@pytest.mark.parametrize(
    "key",
    [
        frame_key,
        lambda path: path,
        lambda path: path.removesuffix(".jpg"),
        lambda path: path.split("/", 1)[1],
        lambda path: path.replace("/", "_"),
        lambda path: frame_key(path).replace("/", "_"),
    ],
)
def test_every_spelling_of_the_names_is_found(case: Case, key) -> None:
    source = write_star(case, case.folder / "poses.h5", key)
    assert run_import(case, source, "star", "--root", case.root) == 0
    assert_imported(case)


def test_frames_without_a_dataset_are_missing_up_to_a_share(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    tracked = np.flatnonzero(case.index.track >= 0)[[3, 11]].tolist()
    short = without(case, *tracked)
    source = write_star(short, case.folder / "poses.h5")
    status = run_import(case, source, "star", "--root", case.root)
    count = int((case.index.track >= 0).sum())
    assert_refused(
        case, capsys, status, f"2 of {count} frames in tracks", "--max-bad", case.index.paths[tracked[0]], "0.01"
    )
    assert run_import(case, source, "star", "--root", case.root, "--max-bad", "0.5") == 0
    assert_imported(short)
    assert "without a skeleton (status missing): 2\n" in capsys.readouterr().out


def test_frames_without_a_track_do_not_count_as_bad(case: Case) -> None:
    orphans = np.flatnonzero(case.index.track < 0).tolist()
    assert orphans
    short = without(case, *orphans)
    source = write_star(short, case.folder / "poses.h5")
    assert run_import(case, source, "star", "--root", case.root, "--max-bad", "0") == 0
    assert_imported(short)


def test_frames_that_do_not_decode_are_unreadable(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    (case.root / case.index.paths[2]).write_bytes(b"no image")
    (case.root / case.index.paths[3]).unlink()
    source = write_star(case, case.folder / "poses.h5")
    assert run_import(case, source, "star", "--root", case.root, "--max-bad", "0.5") == 0
    with open_cache(case.out) as reader:
        assert reader.status[:5].tolist() == [Status.OK, Status.OK, Status.UNREADABLE, Status.MISSING, Status.OK]
        assert np.isnan(reader.read("keypoints", 2, 4)).all()
    assert "no readable file below --root: 2\n" in capsys.readouterr().out


def test_a_frame_outside_the_root_is_not_looked_at(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    frame = case.root / case.index.paths[2]
    frame.rename(case.folder / "elsewhere.jpg")
    frame.symlink_to(case.folder / "elsewhere.jpg")
    source = write_star(case, case.folder / "poses.h5")
    status = run_import(case, source, "star", "--root", case.root, "--max-bad", "1")
    assert_refused(case, capsys, status, case.index.paths[2], "elsewhere.jpg: not read")


SIDEWAYS = {
    "Exif": ((EXIF + tiff(6),), True),
    "Exif LONG": ((EXIF + tiff(8, "<", LONG),), True),
    "Exif LONG, big-endian": ((EXIF + tiff(6, ">", LONG),), False),
    "XMP": ((xmp(6),), False),
    "XMP before Exif": ((xmp(6), EXIF + tiff(6)), False),
}


@pytest.mark.parametrize(("metadata", "turned"), SIDEWAYS.values(), ids=SIDEWAYS)
def test_a_frame_on_its_side_has_the_size_that_it_is_decoded_with(
    case: Case, metadata: tuple[bytes, ...], turned: bool
) -> None:
    height, width = case.rows.size[0].tolist()
    stored = np.zeros((width, height, 3) if turned else (height, width, 3), np.uint8)
    data = jpeg(*metadata, image=stored)
    (case.root / case.index.paths[0]).write_bytes(data)
    image = decode_frame(data)
    assert image is not None
    assert image.shape[:2] == (height, width)
    source = write_star(case, case.folder / "poses.h5")
    assert run_import(case, source, "star", "--root", case.root) == 0
    assert_imported(case)


def test_the_same_input_gives_the_same_bytes_and_names_its_source(case: Case) -> None:
    import hashlib

    source = write_star(case, case.folder / "poses.h5")
    assert run_import(case, source, "star", "--root", case.root) == 0
    first = case.out.read_bytes()
    case.out.unlink()
    assert run_import(case, source, "star", "--root", case.root) == 0
    assert case.out.read_bytes() == first
    with open_cache(case.out) as reader:
        described = {
            "imported": "star",
            "source": "poses.h5",
            "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        }
        assert reader.recipe == {"code": 2, "estimator": described}


def change_first(case: Case, change) -> Path:
    source = write_star(case, case.folder / "poses.h5")
    with h5py.File(source, "a") as file:
        key = frame_key(case.index.paths[0])
        values = file[key][()]
        del file[key]
        change(file, key, values)
    return source


def soft(file: h5py.File, key: str, values) -> None:
    file["elsewhere"] = values
    file[key] = h5py.SoftLink("/elsewhere")


def external(file: h5py.File, key: str, values) -> None:
    file[key] = h5py.ExternalLink("/etc/other.h5", "/x")


def outside(file: h5py.File, key: str, values) -> None:
    file.create_dataset(key, (17, 3), "f4", external=[("/etc/passwd", 0, 204)])


def virtual(file: h5py.File, key: str, values) -> None:
    layout = h5py.VirtualLayout((17, 3), np.float32)
    layout[...] = h5py.VirtualSource("/etc/other.h5", "x", shape=(17, 3))
    file.create_virtual_dataset(key, layout)


def put(make):
    return lambda file, key, values: file.create_dataset(key, data=make(values))


REFUSED = {
    "soft link": (soft, "expected data in this file, found a soft link"),
    "external link": (external, "expected data in this file, found an external link"),
    "external storage": (outside, "found external storage"),
    "virtual": (virtual, "found a virtual dataset"),
    "never written": (lambda file, key, values: file.create_dataset(key, (17, 3), "f4"), "204 bytes claimed, 0 stored"),
    "a group": (lambda file, key, values: file.create_group(key), "expected a dataset, found a group"),
    "text": (put(lambda values: np.full((17, 3), b"a")), "expected numbers, found |S1"),
    "wrong joints": (put(lambda values: np.zeros((18, 3))), "of 17 joints, shape (17, 3), found shape (18, 3)"),
    "no scores": (put(lambda values: values[:, :2]), "x, y and score of 17 joints, shape (17, 3), found shape (17, 2)"),
    "two persons": (put(lambda values: np.stack([values, values])), "found shape (2, 17, 3)"),
    "NaN": (put(lambda values: np.where(values == values[3, 1], np.nan, values)), "finite keypoints, found NaN"),
    "percent": (put(lambda values: values * [1, 1, 90]), "scores within 0…1"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_every_other_dataset_is_refused(case: Case, change, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = change_first(case, change)
    status = run_import(case, source, "star", "--root", case.root)
    name = "Train" if "finite" in message or "within" in message else frame_key(case.index.paths[0])
    assert_refused(case, capsys, status, str(source), name, message)


@pytest.mark.parametrize(
    "change",
    [put(lambda values: values[None]), put(lambda values: values.astype(np.float64))],
)
def test_a_person_axis_and_doubles_are_read(case: Case, change) -> None:
    assert run_import(case, change_first(case, change), "star", "--root", case.root) == 0
    assert_imported(case)


def test_another_kind_of_file_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    source = case.folder / "poses.h5"
    source.write_text(json.dumps([1]))
    assert_refused(case, capsys, run_import(case, source, "star", "--root", case.root), "expected an HDF5 file")
    assert_refused(case, capsys, run_import(case, case.folder, "star", "--root", case.root), "found a folder")
    absent = case.folder / "absent.h5"
    assert_refused(case, capsys, run_import(case, absent, "star", "--root", case.root), "absent.h5")
    with h5py.File(source, "w") as file:
        file["frames/keypoints"] = np.zeros((3, 17, 2))
    expected = f"no dataset is named by a frame of the split, expected names such as {frame_key(case.index.paths[0])}"
    assert_refused(case, capsys, run_import(case, source, "star", "--root", case.root), expected, "found frames")


def test_a_truncated_file_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_star(case, case.folder / "poses.h5")
    source.write_bytes(source.read_bytes()[:-2000])
    status = run_import(case, source, "star", "--root", case.root)
    assert_refused(case, capsys, status, "poses.h5: file: expected intact HDF5, found damage", "copy it again")


def test_two_frames_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, tracks=2, orphans=0)
    write_frames(case)
    source = write_star(case, tmp_path / "poses.h5")
    text = case.frames.read_text()
    first, second = case.index.paths[:2]
    case.frames.write_text(text.replace(second, first.replace(".jpg", ".png")))
    status = run_import(case, source, "star", "--root", case.root)
    assert_refused(case, capsys, status, "would be the skeleton of", first, first.replace(".jpg", ".png"))


def test_the_root_has_to_be_known(case: Case, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    source = write_star(case, case.folder / "poses.h5")
    monkeypatch.chdir(case.folder)
    assert_refused(case, capsys, run_import(case, source, "star"), "name the folder with --root DIR")
    status = run_import(case, source, "star", "--root", case.folder / "nowhere")
    assert_refused(case, capsys, status, "no such folder", "--root DIR")
