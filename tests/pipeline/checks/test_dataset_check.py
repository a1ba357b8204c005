"""`check` on text files: every error, every kind of noise, and the numbers beside the published ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.checks import hitsz_vcm_check as hitsz_check
from pipeline.checks import report as dataset_report
from pipeline.checks.report import DatasetReport, write_json, write_text
from pipeline.checks.tree_check import check_dataset
from pipeline.datasets.counts import count_modalities, write_ranges
from pipeline.datasets.hitsz_vcm.published import PUBLISHED, PUBLISHED_NAMES, PublishedModality, PublishedSplit
from pipeline.datasets.split_index import read_split
from tests.pipeline.datasets.trees import Tree, build_tree

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "sample"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return build_tree(tmp_path / "tree")


def codes(report: DatasetReport) -> list[str]:
    return [finding.code for finding in report.findings]


def numbers(report: DatasetReport, split: int) -> dict[tuple[str, str], int | str]:
    return {(count.quantity, count.group): count.here for count in report.splits[split].counts or ()}


@pytest.mark.parametrize("frames", ["split", "flat"])
@pytest.mark.parametrize("info", ["info", "root"])
def test_a_faultless_tree_has_no_findings(tmp_path: Path, frames: str, info: str) -> None:
    report = check_dataset(build_tree(tmp_path / "tree", frames, info).root)
    assert report.findings == ()
    assert (report.errors, report.warnings, report.genuine, report.frames) == (0, 0, False, frames)
    train, test = report.splits
    assert (train.names, train.missing, train.unreadable, train.orphans) == (79, 0, 0, 0)
    assert (test.names, test.missing, test.unreadable, test.orphans) == (47, 0, 0, 0)
    assert train.by_name == {"infrared": 37, "visible": 42}
    assert test.by_name == {"infrared": 21, "visible": 26}
    assert train.mismatches == {"person": 0, "modality": 0, "camera": 0}


def test_counts_of_a_generated_tree(tree: Tree) -> None:
    counts = count_modalities(read_split(tree.root, "x", "train").tracks)
    infrared, visible, together = counts["infrared"], counts["visible"], counts["together"]
    assert (infrared.persons, infrared.tracks, infrared.frames) == (3, 3, 37)
    assert (infrared.cameras, infrared.length, infrared.short, infrared.left) == ((2, 4), (7, 19), 2, 1)
    assert (visible.persons, visible.tracks, visible.frames) == (3, 4, 42)
    assert (visible.cameras, visible.length, visible.short, visible.left) == ((1, 3, 5), (5, 17), 2, 2)
    assert (together.persons, together.tracks, together.frames) == (3, 7, 79)
    assert (together.cameras, together.length, together.short, together.left) == ((1, 2, 3, 4, 5), (5, 19), 4, 3)


def test_the_sample_is_counted_as_its_readme_says_and_is_told_to_be_another_data_set() -> None:
    report = check_dataset(SAMPLE)
    assert (report.errors, report.warnings, report.genuine) == (0, 0, False)
    train, test = numbers(report, 0), numbers(report, 1)
    quantities = ("persons", "tracks", "frames in tracks", "cameras", "tracks under 12 frames", "tracks left with 12")
    assert [train[quantity, "visible"] for quantity in quantities] == [6, 25, 556, "1, 3", 0, 25]
    assert [train[quantity, "infrared"] for quantity in quantities] == [6, 23, 526, "2, 4", 0, 23]
    assert [train[quantity, "together"] for quantity in quantities] == [6, 48, 1082, "1-4", 0, 48]
    assert [test[quantity, "visible"] for quantity in quantities] == [4, 16, 344, "1, 3", 0, 16]
    assert [test[quantity, "infrared"] for quantity in quantities] == [4, 17, 376, "2, 4", 0, 17]
    assert [test[quantity, "together"] for quantity in quantities] == [4, 33, 720, "1-4", 0, 33]
    text = write_text(report)
    assert "This is another data set than HITSZ-VCM" in text
    assert "463,259" in text
    assert text.endswith("0 errors, 0 warnings")


def test_the_published_numbers_agree_with_each_other() -> None:
    train, test = PUBLISHED["train"], PUBLISHED["test"]
    assert train.names + test.names == 463_259 == sum(PUBLISHED_NAMES.values())
    assert train.persons + test.persons == 927
    tracks = [number.tracks for split in (train, test) for number in (split.infrared, split.visible)]
    assert sum(tracks) == 21_863
    for split in (train, test):
        assert split.infrared.frames + split.visible.frames + split.orphans == split.names
        left = split.infrared.left + split.visible.left
        assert split.infrared.tracks + split.visible.tracks - split.short == left
    # STAR, section 4.1: 11,785 visible and 10,078 infrared tracks.
    assert train.visible.tracks + test.visible.tracks == 11_785
    assert train.infrared.tracks + test.infrared.tracks == 10_078


def spoil_name(number: int, text: str) -> Callable[[Tree], None]:
    return lambda tree: tree.replace_line(tree.name_file("train"), number, text)


def spoil_row(number: int, text: str) -> Callable[[Tree], None]:
    return lambda tree: tree.replace_line(tree.track_file("train"), number, text)


@pytest.mark.parametrize(
    ("spoil", "code", "file", "line"),
    [
        (spoil_name(5, "../../x.jpg"), "bad-name", "train_name.txt", 5),
        (spoil_name(5, "0001M2D3T1F\xe9.jpg"), "bad-name", "train_name.txt", 5),
        (spoil_row(3, "1 21 31 0001"), "bad-row", "track_train_info.txt", 3),
        (spoil_row(3, "4 21 31 0001 2"), "bad-row", "track_train_info.txt", 3),
        (spoil_row(7, "2 75 80 0017 1"), "bad-row", "track_train_info.txt", 7),
        (spoil_row(3, "1 20 31 0001 2"), "overlap", "track_train_info.txt", 3),
        (lambda tree: tree.name_file("train").write_text(""), "empty-file", "train_name.txt", 1),
        (lambda tree: tree.query_file.write_text("1 2 3"), "query", "query_IDX.txt", 1),
        (lambda tree: tree.query_file.write_text("2 3 6"), "bad-query", "query_IDX.txt", 1),
    ],
)
def test_one_error_that_names_file_and_line(tree: Tree, spoil, code: str, file: str, line: int) -> None:
    spoil(tree)
    report = check_dataset(tree.root)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    assert [error.code for error in errors] == [code]
    assert errors[0].message.startswith(f"{tree.info / file}:{line}: expected ")
    assert report.errors == 1


def test_a_broken_split_does_not_keep_the_other_from_being_counted(tree: Tree) -> None:
    tree.replace_line(tree.name_file("train"), 5, "nonsense")
    report = check_dataset(tree.root)
    train, test = report.splits
    assert (train.counts, train.names, train.missing) == (None, None, None)
    assert (test.names, test.missing) == (47, 0)
    assert "train: not counted, because of the errors below" in write_text(report)


def test_errors_of_several_files_are_collected_up_to_a_limit(tree: Tree) -> None:
    tree.name_file("train").write_text("nonsense\n" * 79)
    tree.replace_line(tree.track_file("test"), 2, "nonsense")
    tree.query_file.unlink()
    report = check_dataset(tree.root)
    assert codes(report) == ["bad-name"] * 20 + ["bad-row", "missing-file", "bad-name"]
    assert report.findings[-1].message == f"{tree.name_file('train')}: 59 more errors of this kind"
    assert report.errors == 81


@pytest.mark.parametrize("file", ["train_name.txt", "track_test_info.txt", "query_IDX.txt"])
def test_a_missing_text_file_is_an_error(tree: Tree, file: str) -> None:
    (tree.info / file).unlink()
    report = check_dataset(tree.root)
    assert "missing-file" in codes(report)
    assert str(tree.info / file) in report.findings[0].message
    # Without one of the two name files nobody can tell which files on disk have no name.
    assert "orphan-files" not in codes(report)


def test_query_list_with_a_visible_row_and_without_an_infrared_one(tree: Tree) -> None:
    tree.query_file.write_text("2 3 4")
    (finding,) = check_dataset(tree.root).findings
    assert "expected exactly the 3 infrared rows of track_test_info.txt, counted from 1, got 3" in finding.message
    assert "1 (rows 5) not listed, 1 (rows 4) visible" in finding.message


def only_warning(tree: Tree, code: str):
    report = check_dataset(tree.root)
    assert codes(report) == [code]
    assert report.errors == 0
    assert report.warnings == 1
    assert f"warning: {report.findings[0].message}" in write_text(report)
    return report.findings[0]


def test_orphan_names(tree: Tree) -> None:
    tree.replace_line(tree.track_file("train"), 7, "2 75 76 0017 1")
    finding = only_warning(tree, "orphan-names")
    assert "3 names after the last row" in finding.message
    assert finding.examples == ("77-79",)
    assert check_dataset(tree.root).splits[0].orphans == 3


def test_gaps_between_rows(tree: Tree) -> None:
    tree.replace_line(tree.track_file("train"), 2, "2 10 19 0001 1")
    finding = only_warning(tree, "gaps")
    assert "3 names between them belong to no track" in finding.message
    assert finding.examples == ("8-9", "20")


def test_rows_out_of_order(tree: Tree) -> None:
    rows = tree.track_file("train").read_text().splitlines()
    tree.track_file("train").write_text("\n".join([rows[1], rows[0], *rows[2:]]))
    assert only_warning(tree, "row-order").examples == ("2",)


@pytest.mark.parametrize(
    ("label", "row", "wanted"),
    [("person", "2 8 20 0002 1", 2), ("modality", "1 8 20 0001 1", 1), ("camera", "2 8 20 0001 2", 2)],
)
def test_names_that_disagree_with_their_row(tree: Tree, label: str, row: str, wanted: int) -> None:
    tree.replace_line(tree.track_file("train"), 2, row)
    finding = only_warning(tree, f"{label}-mismatch")
    assert finding.count == 13
    assert len(finding.examples) == 5
    assert finding.examples[0] == f"line 8 Train/0001/rgb/D1/1.jpg (row 2 says {wanted})"
    mismatches = check_dataset(tree.root).splits[0].mismatches
    assert mismatches == {**dict.fromkeys(("person", "modality", "camera"), 0), label: 13}


def test_names_without_a_track_disagree_with_nothing(tree: Tree) -> None:
    tree.replace_line(tree.track_file("train"), 7, "2 76 79 0017 1")
    tree.replace_line(tree.name_file("train"), 75, tree.names["train"][0])
    assert "person-mismatch" not in codes(check_dataset(tree.root))


def test_repeated_names(tree: Tree) -> None:
    tree.replace_line(tree.name_file("train"), 6, "0001M2D3T9F5.jpg")
    report = check_dataset(tree.root)
    assert codes(report) == ["repeated-names", "orphan-files"]
    assert report.findings[0].examples == ("line 6 Train/0001/rgb/D3/5.jpg (as line 5)",)
    assert report.findings[1].examples == ("Train/0001/rgb/D3/6.jpg",)


def test_persons_with_one_modality_only(tree: Tree) -> None:
    tree.replace_line(tree.track_file("train"), 3, "2 21 31 0001 2")
    report = check_dataset(tree.root)
    finding = next(finding for finding in report.findings if finding.code == "one-modality")
    assert finding.severity == "warning"
    assert finding.message == "train: 1 persons have tracks of one modality only"
    assert finding.examples == ("0001 (visible)",)


def test_persons_in_both_splits(tree: Tree) -> None:
    for number, row in ((1, "2 1 13 0002 1"), (2, "1 14 20 0002 2")):
        tree.replace_line(tree.track_file("test"), number, row)
    report = check_dataset(tree.root)
    assert codes(report) == ["person-mismatch", "shared-persons"]
    assert report.findings[1].examples == ("0002",)


def test_text_files_in_two_places(tree: Tree) -> None:
    (tree.root / "test_name.txt").write_text("a stale copy")
    assert only_warning(tree, "shadowed-files").examples == (str(tree.root / "test_name.txt"),)


def small_published() -> dict[str, PublishedSplit]:
    """What would be published if the generated tree were HITSZ-VCM."""
    train = PublishedSplit(3, 79, 0, (1, 5), (5, 19), 4, PublishedModality(3, 37, 1), PublishedModality(4, 42, 2))
    test = PublishedSplit(2, 47, 0, (1, 4), (3, 13), 3, PublishedModality(3, 21, 0), PublishedModality(2, 26, 2))
    return {"train": train, "test": test}


def test_the_real_data_set_is_recognised_and_its_differences_are_warned_of(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hitsz_check, "PUBLISHED", small_published())
    report = check_dataset(tree.root)
    assert report.genuine
    differing = {finding.message: finding.examples for finding in report.findings}
    assert differing == {"test: 1 numbers differ from HITSZ-VCM's": ("cameras together 1-2, 4, published 1-4",)}
    assert "This is HITSZ-VCM by its numbers" in write_text(report)
    tree.track_file("train").write_text("\n".join(tree.tracks["train"][:-1]))
    report = check_dataset(tree.root)
    assert report.genuine, "the test split is still the published one"
    finding = next(finding for finding in report.findings if finding.message.startswith("train: 7 numbers"))
    assert finding.severity == "warning"
    assert finding.examples[0] == "names without a track together 5, published 0"


def test_text_table_shows_here_beside_published(tree: Tree) -> None:
    lines = write_text(check_dataset(tree.root)).splitlines()
    table = {line[:22].strip(): line[22:].split() for line in lines[4:13]}
    assert table["tracks"] == ["3", "4,919", "4", "6,142", "7", "11,061"]
    assert table["frames in tracks"] == ["37", "102,096", "42", "130,385", "79", "232,481"]
    assert table["persons"] == ["3", "-", "3", "-", "3", "500"]


def test_json_holds_the_same(tree: Tree) -> None:
    tree.frame("train", 3).unlink()
    report = check_dataset(tree.root)
    data = json.loads(write_json(report))
    assert (data["errors"], data["warnings"]) == (0, 1)
    assert data["splits"][0]["missing"] == 1
    assert data["findings"][0]["code"] == "missing-frames"
    counts = {(count["quantity"], count["group"]): count for count in data["splits"][1]["counts"]}
    assert counts["tracks", "together"] == {
        "quantity": "tracks",
        "group": "together",
        "here": 5,
        "published": 10_802,
    }
    assert set(data) == {*dataset_report.DatasetReport.__dataclass_fields__, "errors", "warnings"}


def test_ranges() -> None:
    assert write_ranges((1, 2, 3, 5, 7, 8)) == "1-3, 5, 7-8"
    assert write_ranges((7,)) == "7"
    assert write_ranges(()) == ""
