"""Every way in which a tree's text files can be against the grammar: one error that names file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.checks.tree_check import check_dataset
from pipeline.datasets.hitsz_vcm.tracks import read_query
from pipeline.datasets.split_index import read_split
from tests.pipeline.datasets.trees import Tree, build_tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return build_tree(tmp_path / "tree")


def read_error(tree: Tree, split: str = "train", kind: type[Exception] = ValueError) -> str:
    with pytest.raises(kind) as caught:
        read_split(tree.root, "x", split)
    message = str(caught.value)
    assert "\n" not in message
    assert message.isascii() or "…" in message
    return message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0001M2D1T2F1", "0001M2D1T2F1'"),
        ("0001M2D1T2F1.j/pg", "could leave the root"),
        ("001M2D1T2F1.jpg", "'001M2"),
        ("0001 M2 D1 T2 F1.jpg", "'0001 M2"),
        ("0001M0D1T2F1.jpg", "M0"),
        ("0001M3D1T2F1.jpg", "M3"),
        ("0001M2D-1T2F1.jpg", "D-1"),
        ("0001M2D1T2F1.jpg 7", "7'"),
        ("", "blank line"),
        ("00-2M2D1T2F1.jpg", "'00-2M2"),
        ("-1M2D1T2F1.jpg", "'-1M2"),
        ("0001M2D0T2F1.jpg", "camera 1"),
        ("0001M2D40000T2F1.jpg", "camera 1"),
        ("0001M2D" + "9" * 5000 + "T2F1.jpg", "99..."),
        ("0001M2D1T2F\xe9.jpg", "ASCII"),
        ("0001M2D1T2F\xb2.jpg", "ASCII"),
        ("../../etc/passwd", "could leave the root"),
        ("0001M2D1T2F../../1.jpg", "could leave the root"),
        ("/etc/passwd", "could leave the root"),
        ("0001M2D1T2F1\x00.jpg", "\\x00"),
        ("0001M2D1T2F1\x1b[31m.jpg", "\\x1b"),
    ],
)
def test_bad_name(tree: Tree, line: str, said: str) -> None:
    tree.replace_line(tree.name_file("train"), 9, line)
    message = read_error(tree)
    assert message.startswith(f"{tree.name_file('train')}:9: expected ")
    assert said in message
    assert len(message) < 400


def test_names_of_other_pictures_are_one_error_with_their_number(tree: Tree) -> None:
    file = tree.name_file("train")
    names = file.read_text().splitlines()
    file.write_text("".join(f"{name[:-4]}.png\n" if row % 3 else f"{name}\n" for row, name in enumerate(names)))
    message = read_error(tree)
    assert message == (
        f"{file}: expected names of JPEG frames (.jpg, .jpeg), got 52 of 79 that end in .png, the first on line 2:"
        f" '{names[1][:-4]}.png'; convert these frames to JPEG, and let the names say so"
    )
    (error,) = (finding for finding in check_dataset(tree.root).findings if finding.severity == "error")
    assert (error.code, error.message) == ("other-kind", message)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2 8 20 0001", "five integers"),
        ("2 8 20 0001 1 1", "five integers"),
        ("2 8 x 0001 1", "five integers"),
        ("2 8 20.0 0001 1", "five integers"),
        ("2,8,20,0001,1", "five integers"),
        ("", "blank line"),
        ("2 8 2\xb2 0001 1", "five integers"),
        ("2\xa08 20 0001 1", "five integers"),
        ("2 8 " + "9" * 5000 + " 0001 1", "five integers"),
        ("0 8 20 0001 1", "modality 1 (infrared) or 2 (visible), got 0"),
        ("3 8 20 0001 1", "modality 1 (infrared) or 2 (visible), got 3"),
        ("2 0 20 0001 1", "start of 1 or more"),
        ("2 -8 20 0001 1", "got -8"),
        ("2 20 8 0001 1", "end of 20 (its start) or more, got 8"),
        ("2 8 80 0001 1", "end within the 79 lines of the name file, got 80"),
        ("2 8 20 -2 1", "person 1…9999, 0 (distractor) or -1 (junk), got -2"),
        ("2 8 20 00-2 1", "five integers"),
        ("2 00-1 20 1 1", "five integers"),
        ("2 8 20 10000 1", "person 1…9999, 0 (distractor) or -1 (junk), got 10000"),
        ("2 8 20 0001 0", "camera 1…32767, got 0"),
        ("2 8 20 0001 32768", "camera 1…32767, got 32768"),
    ],
)
def test_bad_row(tree: Tree, line: str, said: str) -> None:
    tree.replace_line(tree.track_file("train"), 2, line)
    message = read_error(tree)
    assert message.startswith(f"{tree.track_file('train')}:2: expected ")
    assert said in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("line", "text", "row", "other"),
    [
        (2, "2 7 20 0001 1", 2, 1),
        (2, "2 8 21 0001 1", 3, 2),
        (1, "2 1 79 0001 3", 2, 1),
        (7, "2 1 7 0017 1", 7, 1),
        (7, "2 9 10 0017 1", 7, 2),
    ],
)
def test_overlapping_rows(tree: Tree, line: int, text: str, row: int, other: int) -> None:
    tree.replace_line(tree.track_file("train"), line, text)
    message = read_error(tree)
    assert message.startswith(f"{tree.track_file('train')}:{row}: expected lines of the name file that no other row")
    assert f"of line {other};" in message


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("2 3 x", 1, "got 'x'"),
        ("2 3\n0 5", 2, "got '0'"),
        ("2 3 6", 1, "a row 1…5 of the test tracks, got '6'"),
        ("2 -3 5", 1, "got '-3'"),
        ("2 3\n5 3", 2, "got 3 again (first on line 1)"),
        ("2 3 5.0", 1, "got '5.0'"),
        ("2 3 \xb2", 1, "got '\\xb2'"),
        ("", 1, "an empty file"),
    ],
)
def test_bad_query_list(tree: Tree, text: str, line: int, said: str) -> None:
    tree.query_file.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError) as caught:
        read_query(tree.root, 5)
    assert str(caught.value).startswith(f"{tree.query_file}:{line}: expected ")
    assert said in str(caught.value)


@pytest.mark.parametrize("file", ["test_name.txt", "track_test_info.txt"])
@pytest.mark.parametrize("text", ["", "\n\n", " \r\n"])
def test_empty_file(tree: Tree, file: str, text: str) -> None:
    (tree.info / file).write_text(text)
    assert read_error(tree, "test").startswith(f"{tree.info / file}:1: expected at least one line, got an empty file")


@pytest.mark.parametrize("file", ["test_name.txt", "track_test_info.txt"])
def test_missing_file(tree: Tree, file: str) -> None:
    (tree.info / file).unlink()
    assert str(tree.info / file) in read_error(tree, "test", FileNotFoundError)
    assert len(read_split(tree.root, "x", "train").tracks) == 7, "the other split does not need it"


def test_a_folder_in_the_place_of_a_text_file(tree: Tree) -> None:
    tree.name_file("train").unlink()
    tree.name_file("train").mkdir()
    assert "found a folder or device" in read_error(tree)


def test_text_files_may_not_be_links_out_of_the_root(tree: Tree, tmp_path: Path) -> None:
    shutil.move(tree.track_file("train"), tmp_path / "elsewhere.txt")
    tree.track_file("train").symlink_to(tmp_path / "elsewhere.txt")
    message = read_error(tree)
    assert message.startswith(f"{tree.track_file('train')}: expected a file or folder inside the data set's root")
    assert str(tmp_path / "elsewhere.txt") in message


def test_the_info_folder_may_not_be_a_link_out_of_the_root(tree: Tree, tmp_path: Path) -> None:
    shutil.move(tree.info, tmp_path / "elsewhere")
    tree.info.symlink_to(tmp_path / "elsewhere")
    assert "symbolic link that leaves it" in read_error(tree)


def test_links_within_the_root_are_read(tree: Tree) -> None:
    shutil.move(tree.info, tree.root / "texts")
    tree.info.symlink_to("texts")
    assert len(read_split(tree.root, "x", "train").tracks) == 7


def test_no_tree(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected the data set's folder, found nothing"):
        read_split(tmp_path / "nowhere", "x", "train")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="found a file"):
        read_split(tmp_path / "file", "x", "train")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="expected folders Train/ and Test/ or person folders"):
        read_split(tmp_path / "empty", "x", "train")


def test_no_text_files(tree: Tree) -> None:
    shutil.rmtree(tree.info)
    message = read_error(tree, kind=FileNotFoundError)
    assert "expected train_name.txt, test_name.txt, track_train_info.txt" in message


def test_two_layouts_at_once(tree: Tree) -> None:
    (tree.root / "0123").mkdir()
    assert "found Train/ and 0123/ side by side" in read_error(tree)


def test_unknown_split(tree: Tree) -> None:
    assert read_error(tree, "Train") == "split: expected train or test, got 'Train'"
