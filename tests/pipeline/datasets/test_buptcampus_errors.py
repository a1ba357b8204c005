"""Every way in which the text files of a BUPTCampus tree can be wrong: one line that names the place and the remedy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.__main__ import main
from pipeline.datasets.buptcampus import paths as buptcampus_paths
from pipeline.datasets.buptcampus.layout import BuptcampusLayout
from pipeline.datasets.buptcampus.tracks import read_lists
from pipeline.datasets.findings import Findings
from pipeline.datasets.split_index import read_split
from tests.pipeline.datasets.buptcampus_trees import GALLERY, QUERY, TRAIN, BuptcampusTree, build_buptcampus


@pytest.fixture
def tree(tmp_path: Path) -> BuptcampusTree:
    return build_buptcampus(tmp_path / "campus")


def refused(tree: BuptcampusTree, kind: type[Exception] = ValueError, split: str = "train") -> str:
    with pytest.raises(kind) as caught:
        read_split(tree.root, "campus", split)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    assert "expected " in message and ("got " in message or "found " in message)
    assert "; " in message, "says what to do"
    return message


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("", "got a blank line; remove it"),
        ("5 RGB/IR CQ1", "expected a row 'person modality camera track'"),
        ("5 RGB/IR CQ1 2 2", "expected a row 'person modality camera track'"),
        ("5,RGB/IR,CQ1,2", "expected a row 'person modality camera track'"),
        ("5 RGB/IR CQ1 \xb2", "expected a row 'person modality camera track'"),
        ("5 RGB/IR CQ1 2\x00", "expected a row 'person modality camera track'"),
        ("5\xa0RGB/IR CQ1 2", "expected a row 'person modality camera track'"),
        ("5 RGB/IR " + "C" * 100_000 + " 2", "CC..."),
        ("five RGB/IR CQ1 2", "expected a person's number, got 'five'"),
        ("-5 RGB/IR CQ1 2", "expected a person's number, got '-5'"),
        ("5" * 30 + " RGB/IR CQ1 2", "expected a person's number, got '555"),
        ("5 FakeIR CQ1 2", "expected the modality IR, RGB or RGB/IR, got 'FakeIR'"),
        ("5 ir CQ1 2", "expected the modality IR, RGB or RGB/IR, got 'ir'"),
        ("5 IR/RGB CQ1 2", "expected the modality IR, RGB or RGB/IR, got 'IR/RGB'"),
        ("8 RGB/IR CQ1 2", "got 8 IR CQ1 2, whose person 8 it does not have"),
        ("05 IR CQ1 2", "got 05 IR CQ1 2, whose person 05 it does not have"),
        ("1746 IR CQ1 1", "whose camera CQ1 it does not have (there are 'TSG2')"),
        ("5 IR CQ1 7", "whose track 7 it does not have (there are '2')"),
        ("5 RGB LS3 1", "whose camera LS3 it does not have (there are 'CQ1')"),
        ("5 IR CQ1 2", "expected every track once, got 5 IR CQ1 2 again (first on line 2)"),
        ("5 RGB/IR CQ1 2", "expected every track once, got 5 IR CQ1 2 again (first on line 2)"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tree: BuptcampusTree, row: str, said: str) -> None:
    file = tree.write_list("train.txt", *TRAIN[:2], row, *TRAIN[2:])
    message = refused(tree)
    assert message.startswith(f"{file}:3: expected ")
    assert said in message


@pytest.mark.parametrize("name", ["train.txt", "query.txt", "gallery.txt", "data_paths.json", "DATA"])
def test_what_is_missing_is_named(tree: BuptcampusTree, name: str) -> None:
    (tree.root / name).rename(tree.root.parent / name)
    if name == "data_paths.json":  # then nothing tells that it is BUPTCampus
        assert "or data_paths.json (BUPTCampus), found none" in refused(tree, FileNotFoundError)
    else:
        assert name in refused(tree, FileNotFoundError)


def test_an_empty_list_is_refused(tree: BuptcampusTree) -> None:
    file = tree.write_list("gallery.txt", "", "  ")
    assert refused(tree, split="test").startswith(f"{file}:1: expected at least one line, got an empty file")


@pytest.mark.parametrize("list_name", ["query.txt", "gallery.txt"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_person_of_both_splits_is_refused(tree: BuptcampusTree, list_name: str, split: str) -> None:
    rows = QUERY if list_name == "query.txt" else GALLERY
    file = tree.write_list(list_name, *rows, "5 IR LS3 1")
    message = refused(tree, split=split)
    assert message.startswith(
        f"{file}:{len(rows) + 1}: expected a person that is not trained on, got 5, who is in line 2"
    )


def spoiled(**changes: Any) -> Any:
    """Person 5 with other contents."""

    def change(data: dict[str, Any]) -> object:
        return {**data, "5": changes["person"]} if "person" in changes else changes["data"]

    return change


def in_track(paths: object) -> Any:
    return lambda data: {**data, "5": {**data["5"], "IR": {**data["5"]["IR"], "CQ1": {"2": paths}}}}


CASES: dict[str, tuple[Any, str]] = {
    "a list": (spoiled(data=[1, 2]), "data_paths.json: expected an object of persons, got list"),
    "a number": (spoiled(data=7), "data_paths.json: expected an object of persons, got int"),
    "person a list": (spoiled(person=[]), "person 5: expected an object of modalities, got list"),
    "cameras a text": (spoiled(person={"IR": "x"}), "person 5, IR: expected an object of cameras, got str"),
    "tracks none": (spoiled(person={"IR": {"CQ1": None}}), "camera CQ1: expected an object of tracks, got NoneType"),
    "frames a text": (in_track("a.jpg"), "camera CQ1: expected a track with a list of paths, got '2': str"),
    "frames an object": (in_track({"1": "a.jpg"}), "expected a track with a list of paths, got '2': dict"),
    "other modality": (spoiled(person={"TR": {}}), "person 5: expected IR, RGB or FakeIR, got 'TR'"),
    "camera with blanks": (spoiled(person={"IR": {"C 1": {}}}), "expected camera names without blanks, got 'C 1'"),
    "more cameras than numbers": (
        spoiled(person={"IR": {f"C{number}": {} for number in range(1 << 15)}}),
        "data_paths.json: expected at most 32767 names of cameras, got 3",
    ),
    "no frames": (
        in_track([]),
        "train.txt:2: expected a track with frames in data_paths.json, got 5 IR CQ1 2 with none",
    ),
    "a frame a number": (in_track([5]), "train.txt:2: expected plain paths below DATA/ for 5 IR CQ1 2"),
    "no number": (lambda data: {**data, "x5": {}}, "expected a person's number such as '17', got 'x5'"),
    "same number": (lambda data: {**data, "05": {}}, "expected every person once, got '05' beside '5'"),
    "unprintable": (lambda data: {**data, "\x1b[31m": {}}, "got '\\x1b[31m'"),
}


@pytest.mark.parametrize("case", CASES)
def test_another_structure_is_named_by_its_place(tree: BuptcampusTree, case: str) -> None:
    change, said = CASES[case]
    tree.data = change(tree.data)
    tree.write_data()
    assert said in refused(tree)


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "5/../../x.jpg",
        "5//x.jpg",
        "./x.jpg",
        "",
        "5/",
        "5\\x.jpg",
        "5/\nx.jpg",
        "\0",
    ],
)
def test_a_path_that_could_leave_the_root_is_refused(tree: BuptcampusTree, path: str) -> None:
    tree.data = in_track(["5/IR/CQ1/a.jpg", path])(tree.data)
    tree.write_data()
    message = refused(tree)
    assert message.startswith(f"{tree.root / 'train.txt'}:2: expected plain paths below DATA/")
    assert ascii(path) in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "data_paths.json:1: expected JSON, got none (Expecting value in column 1)"),
        (b'{"5": {}\n,\n}', "data_paths.json:3: expected JSON, got none"),
        (b"\xff\xfe{", "expected JSON in UTF-8, got other bytes"),
        (b"\x80\x04cos\nsystem\n", "expected JSON in UTF-8, got other bytes"),
        (b"[" * 100_000, "expected JSON in UTF-8, got other bytes (nested too deeply"),
        (b'{"5":' * 50_000, "expected JSON in UTF-8, got other bytes (nested too deeply"),
        (b'{"5": NaN}', "expected JSON in UTF-8, got other bytes (expected finite numbers, got NaN)"),
        (b'{"5": "\\ud800"}', "expected whole characters, got half a surrogate pair"),
        (b'{"5": {"IR": {}}, "5": {}}', "expected every key once, got '5' twice"),
        (b'{"5": {"IR": {}, "RGB": {}, "IR": {}}}', "person 5: expected every key once, got 'IR' twice"),
        (b'{"5": {"IR": {"CQ1": {}, "CQ1": {}}}}', "person 5, IR: expected every key once, got 'CQ1' twice"),
        (b'{"5": {"IR": {"CQ1": {"1": [], "1": []}}}}', "camera CQ1: expected every key once, got '1' twice"),
    ],
)
def test_what_is_no_plain_json_is_refused(tree: BuptcampusTree, content: bytes, said: str) -> None:
    tree.data_paths.write_bytes(content)
    assert said in refused(tree)


def test_a_huge_file_is_refused_before_it_is_read(tree: BuptcampusTree) -> None:
    with tree.data_paths.open("r+b") as file:
        file.truncate(buptcampus_paths.MOST_BYTES + 1)  # holes: no byte is written
    assert "expected at most 268,435,456 bytes" in refused(tree)


@pytest.mark.parametrize("name", ["data_paths.json", "query.txt"])
def test_text_files_are_not_followed_out_of_the_root(tree: BuptcampusTree, name: str) -> None:
    outside = (tree.root / name).rename(tree.root.parent / name)
    (tree.root / name).symlink_to(outside)
    assert "got a symbolic link that leaves it" in refused(tree)


def test_a_pipe_for_a_list_does_not_hold_us_up(tree: BuptcampusTree) -> None:
    (tree.root / "query.txt").unlink()
    os.mkfifo(tree.root / "query.txt")
    assert "query.txt: expected a text file, found a folder or device" in refused(tree)


@pytest.mark.parametrize("other", ["Train/", "0001/", "query_IDX.txt", "info/test_name.txt"])
def test_both_kinds_in_one_folder_are_refused(tree: BuptcampusTree, other: str) -> None:
    path = tree.root / other
    path.parent.mkdir(exist_ok=True)
    if other.endswith("/"):
        path.mkdir()
    else:
        path.touch()
    named = other.removeprefix("info/")
    assert f"found data_paths.json of BUPTCampus and {named} of HITSZ-VCM side by side" in refused(tree)


def test_all_errors_are_collected_and_repeated_ones_counted(tree: BuptcampusTree) -> None:
    tree.write_list("train.txt", *["nonsense"] * 23)
    tree.write_list("query.txt", *QUERY, "8 IR CQ1 1")
    findings = Findings()
    lists = read_lists(BuptcampusLayout(tree.root), findings)
    assert lists.paths is not None and lists.tracks == {}
    assert findings.errors == 24
    collected = findings.collected()
    assert len(collected) == 22
    assert "query.txt:5: expected a track of data_paths.json, got 8 IR CQ1 1" in collected[20].message
    assert collected[21].count == 3


def test_the_command_says_it_in_one_line(tree: BuptcampusTree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.data["5"]["IR"]["CQ1"]["2"] = [5]
    tree.data_paths.write_text(json.dumps(tree.data))
    assert main(["index", "--root", str(tree.root), "--split", "train"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert [line for line in output.err.splitlines() if line.startswith("error: ")] == output.err.splitlines()


def test_a_root_that_links_to_itself_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "circle"
    root.symlink_to(root.name)
    assert main(["index", "--root", str(root), "--split", "train"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {root}")
