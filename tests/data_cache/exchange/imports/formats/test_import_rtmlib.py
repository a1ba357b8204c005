"""rtmlib's arrays, saved with numpy, into a keypoints file; what numpy would run or believe is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    make_case,
    run_import,
    without,
    write_frames,
)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path)
    write_frames(case)
    return case


def as_arrays(case: Case) -> dict[str, Any]:
    return {"keypoints": case.rows.keypoints, "scores": case.rows.score, "paths": np.array(case.index.paths)}


def save(case: Case, **arrays: Any) -> Path:
    source = case.folder / "poses.npz"
    np.savez_compressed(source, **arrays)
    return source


def run(case: Case, source: Path, *options: str) -> int:
    return run_import(case, source, "rtmlib", "--root", case.root, *options)


@pytest.mark.parametrize("within", [False, True])
def test_paths_say_which_frames_they_are(case: Case, within: bool, capsys: pytest.CaptureFixture[str]) -> None:
    order = np.random.default_rng(3).permutation(len(case.index.paths))
    arrays = {name: values[order] for name, values in as_arrays(case).items()}
    if within:
        arrays["paths"] = np.array([path.split("/", 1)[1] for path in arrays["paths"]])
    arrays = {name: np.concatenate([values, values[:1]]) for name, values in arrays.items()}
    arrays["paths"][-1] = "elsewhere.jpg"
    assert run(case, save(case, **arrays)) == 0
    assert_imported(case)
    out = capsys.readouterr().out
    assert "of no frame of this split: 1\n" in out and "in the order of --frames" not in out
    with open_cache(case.out) as reader:
        assert sorted(reader.recipe["estimator"]) == ["imported", "sha256", "source"]


def test_without_paths_they_are_all_frames_in_their_order(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = as_arrays(case)
    del arrays["paths"]
    assert run(case, save(case, **arrays)) == 0
    assert_imported(case)
    assert "taken in the order of --frames, since the source has no paths" in capsys.readouterr().out
    case.out.unlink()
    count = len(case.index.paths)
    status = run(case, save(case, keypoints=arrays["keypoints"][1:], scores=arrays["scores"][1:]))
    found = f"expected an array paths, or the {count} frames of the split in their order, found {count - 1}; save the"
    assert_refused(case, capsys, status, found)


def test_one_array_of_x_y_and_score(case: Case) -> None:
    source = case.folder / "poses.npy"
    np.save(source, np.concatenate([case.rows.keypoints, case.rows.score[..., None]], axis=2).astype(">f8", order="F"))
    assert run(case, source) == 0
    assert_imported(case)


@pytest.mark.parametrize("joints", [26, 133])
@pytest.mark.parametrize("blank", [0.0, np.nan])
def test_layouts_that_begin_with_ours_and_persons_filled_up(
    case: Case, joints: int, blank: float, capsys: pytest.CaptureFixture[str]
) -> None:
    count = len(case.index.paths)
    keypoints, score = np.full((count, 3, joints, 2), blank), np.full((count, 3, joints), blank)
    keypoints[:, 1], score[:, 1] = 7.5, 0.125  # a worse person, and all joints that are not asked for
    keypoints[:, 1, :17], score[:, 1, :17] = case.rows.keypoints, case.rows.score
    keypoints[4, 2], score[4, 2] = keypoints[4, 1] + 1, score[4, 1] / 2
    keypoints[6], score[6] = blank, blank
    source = save(case, keypoints=keypoints, scores=score, paths=np.array(case.index.paths))
    assert run(case, source, "--max-bad", "0.5") == 0
    assert_imported(without(case, 6))
    out = capsys.readouterr().out
    assert "without a skeleton (status missing): 1\n" in out and "the best was taken: 1\n" in out


KEYPOINTS, SCORES = np.full((1, 17, 2), 5.0), np.full((1, 17), 0.5)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no scores": ({"scores": None}, "found no scores: without scores nothing says which joints were seen; save them"),
    "no keypoints": ({"keypoints": None}, "found no keypoints"),
    "other scores": ({"scores": SCORES[:, :16]}, "expected keypoints (frame, joint, 2)"),
    "x, y, z": ({"keypoints": np.full((1, 17, 3), 5.0)}, "found (1, 17, 3) and (1, 17)"),
    "OpenPose's order": (
        {"keypoints": np.full((1, 18, 2), 5.0), "scores": np.full((1, 18), 0.5)},
        "expected 17 (Body), 26 (BodyWithFeet), 133 (Wholebody) joints, found 18, in OpenPose's order: run it with",
    ),
    "hands": ({"keypoints": np.full((1, 21, 2), 5.0), "scores": np.full((1, 21), 0.5)}, "found 21, other joints"),
    "NaN": ({"keypoints": np.where(np.arange(17)[:, None] == 3, np.nan, KEYPOINTS)}, "finite keypoints, found NaN"),
    "percent": ({"scores": SCORES * 100}, "scores within 0…1 (a little more is clipped), found 50"),
    "text": ({"keypoints": KEYPOINTS.astype(str)}, "expected keypoints and scores as numbers, found <U32 and float64"),
    "paths of bytes": ({"paths": np.array([b"a"])}, "paths: expected numbers or text, found |S1"),
    "paths of numbers": ({"paths": np.array([7])}, "expected 1 paths as text, found int64 of shape (1,)"),
    "more paths": ({"paths": np.array(["a", "b"])}, "expected 1 paths as text, found <U1 of shape (2,)"),
    "strangers": ({"paths": np.array(["a"])}, "no entry is of a frame of"),
    "objects": ({"keypoints": np.array([None])}, "keypoints: expected numbers or text, found Python objects; save"),
    "records": ({"keypoints": np.zeros(2, "f4,f4")}, "keypoints: expected numbers or text, found"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_other_arrays_are_refused(
    case: Case, changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {"keypoints": KEYPOINTS, "scores": SCORES, "paths": np.array(case.index.paths[:1])}
    arrays = {name: values for name, values in (one | changes).items() if values is not None}
    assert_refused(case, capsys, run(case, save(case, **arrays), "--max-bad", "1"), "poses.npz", message)


def test_a_frame_that_is_there_twice_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = as_arrays(case)
    arrays["paths"][5] = case.index.paths[2].split("/", 1)[1]
    found = f"paths: expected every frame once, found '{arrays['paths'][5]}' again; leave one out"
    assert_refused(case, capsys, run(case, save(case, **arrays)), found)


def as_npy(descr: str, shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def as_npz(*members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            archive.writestr("keypoints.npy", member)
    return out.getvalue()


HUGE = as_npy("'<f8'", "(1000000000, 17, 2)", b"\0" * 64)
HOSTILE = {
    "claims": (HUGE, "expected 272000000000 bytes for shape (1000000000, 17, 2) of float64, found 64"),
    "claims in a zip": (as_npz(HUGE), "expected 272000000000 bytes"),
    "negative": (as_npy("'<f8'", "(-1, -1)", b"\0" * 8), "expected whole arrays, found damage"),
    "nothing": (as_npy("'<U0'", "(1000000000,)"), "expected numbers or text"),
    "a pickle": (as_npy("'|O'", "(1,)", b"cos\nsystem\n(S'false'\ntR."), "found Python objects"),
    "code": (as_npy("__import__('os')", "(1,)"), "found damage"),
    "nested": (as_npy("'<f8'", "(" * 4000), "found damage"),
    "format 3.0": (b"\x93NUMPY\x03\x00" + HUGE[8:], "expected numpy's format 1.0 or 2.0, found 3.0"),
    "twice": (as_npz(HUGE, HUGE), "expected keypoints once, found it 2 times"),
    "cut off": (as_npz(as_npy("'<f8'", "(1,)", b"\0" * 8))[:-30], "found damage"),
    "an empty zip": (b"PK\x03\x04", "found damage"),
    "a pickle alone": (b"\x80\x04N.", "expected numpy's .npz or .npy, found another kind of file; name another"),
}


@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_files_are_refused(
    case: Case, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = case.folder / "poses.npz"
    source.write_bytes(content)
    assert_refused(case, capsys, run(case, source), "poses.npz", message)


def test_every_damaged_byte_is_one_line_or_harmless(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    from data_cache.exchange.imports.formats.plain_arrays import load_arrays

    source = case.folder / "poses.npz"
    np.savez_compressed(source, keypoints=KEYPOINTS)
    content = source.read_bytes()
    for place in range(len(content)):
        source.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            arrays = load_arrays(source, ("keypoints",))
        except ValueError as error:
            assert str(error).startswith(f"{source}: ") and "\n" not in str(error)
        else:
            assert not arrays or np.array_equal(arrays["keypoints"], KEYPOINTS), place


def test_no_file_and_a_folder(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(case, capsys, run(case, case.folder / "absent.npz"), "absent.npz")
    assert_refused(case, capsys, run(case, case.root), "expected a file .npz or .npy, found a folder; name the file")
