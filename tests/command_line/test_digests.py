"""Code has another digest where it computes something else, and the same where only words about it changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line.digests import code_digest, imported_modules, room_digest

FILES = {
    "pipeline/room/__init__.py": '"""A room."""\n',
    "pipeline/room/joints.py": (
        '"""Joints."""\n\nfrom typing import TYPE_CHECKING\n\nfrom data_cache.near import near\n\n'
        "if TYPE_CHECKING:\n    from model.other import Other\n\n\n"
        'def joints(x):\n    """Five more."""\n    from pipeline.room import late\n\n'
        "    return near(x) + late.five  # why\n"
    ),
    "pipeline/room/late.py": "five = 5\n",
    "pipeline/room/other.py": "six = 6\n",
    "data_cache/near.py": "import numpy\n\ndef near(x):\n    return x\n",
    "model/other.py": "class Other: ...\n",
    "command_line/words.py": "said = 1\n",
}
JOINTS = "pipeline.room.joints"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_a_module_imports_belongs_to_it(top: Path) -> None:
    expected = ["data_cache.near", "pipeline.room", JOINTS, "pipeline.room.late"]
    assert imported_modules((JOINTS, "numpy", "command_line.words"), top) == expected


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pipeline/room/joints.py", "near(x) + late", "near(x) - late"),
        ("pipeline/room/late.py", "five = 5", "five = 10"),
        ("data_cache/near.py", "return x", "return -x"),
        ("pipeline/room/joints.py", "import Other\n", "import Other\nelse:\n    import model.other\n"),
    ],
)
def test_other_numbers_are_another_digest(top: Path, file: str, old: str, new: str) -> None:
    before = code_digest((JOINTS,), top)
    edited = (top / file).read_text().replace(old, new)
    assert edited != FILES[file]
    (top / file).write_text(edited)
    assert code_digest((JOINTS,), top) != before
    (top / file).write_text(FILES[file])
    assert code_digest((JOINTS,), top) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pipeline/room/joints.py", "# why", "# another reason"),
        ("pipeline/room/joints.py", '"""Five more."""', '"""As the paper says."""'),
        ("pipeline/room/joints.py", '"""Joints."""\n\n', ""),
        ("pipeline/room/joints.py", "near(x) + late.five", "(near(x)\n        + late.five)"),
        ("pipeline/room/other.py", "six = 6", "six = 7"),
        ("model/other.py", "class Other: ...", "class Other: x = 1"),
        ("command_line/words.py", "said = 1", "said = 2"),
    ],
)
def test_words_and_other_rooms_are_not(top: Path, file: str, old: str, new: str) -> None:
    before = code_digest((JOINTS,), top)
    assert old in FILES[file]
    (top / file).write_text(FILES[file].replace(old, new))
    assert code_digest((JOINTS,), top) == before


def test_a_room_is_all_its_modules_and_their_names(top: Path) -> None:
    before = room_digest("pipeline/room", top)
    (top / "pipeline/room/__pycache__").mkdir()
    (top / "pipeline/room/__pycache__/joints.pyc").write_text("compiled")
    (top / "pipeline/room/README.md").write_text("words")
    (top / "pipeline/room/late.py").write_text("# five\nfive = 5\n")
    assert room_digest("pipeline/room", top) == before
    (top / "pipeline/room/late.py").write_text("five = 5.0\n")
    assert room_digest("pipeline/room", top) != before
    (top / "pipeline/room/late.py").write_text(FILES["pipeline/room/late.py"])
    (top / "pipeline/room/late.py").rename(top / "pipeline/room/later.py")
    assert room_digest("pipeline/room", top) != before


def test_the_network_counts_for_keypoints_and_the_progress_bar_does_not() -> None:
    from pipeline.keypoints.estimated_frames import estimate_frames
    from pipeline.pose.models import PoseModel

    found = imported_modules((estimate_frames.__module__, PoseModel.__module__))
    assert {"data_cache.files.decoded_frame", "pipeline.pose.keypoints", "pipeline.pose.checkpoints"} <= set(found)
    assert not {"pipeline.keypoints.progress", "pipeline.keypoints.chunk_file"} & set(found)
