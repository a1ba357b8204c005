"""Where the files of a HITSZ-VCM tree lie: two layouts of the frames, two places of the five text files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data_cache.contract.records import SPLITS
from pipeline.datasets.root_boundary import require_folder

PERSON_FOLDER = re.compile(r"[0-9]{4}")
SPLIT_FOLDERS = {"train": "Train", "test": "Test"}
INFO_FILES = (
    *(f"{split}_name.txt" for split in SPLITS),
    *(f"track_{split}_info.txt" for split in SPLITS),
    "query_IDX.txt",
)


@dataclass(frozen=True)
class Layout:
    """One tree's layout.

    root:   the data set's root, as the user named it
    frames: `split` (Train/<pid4>/…, Test/<pid4>/…) or `flat` (<pid4>/… in the root)
    info:   the folder of the five text files: root/info or root
    """

    root: Path
    frames: Literal["split", "flat"]
    info: Path

    def prefix(self, split: str) -> str:
        """What stands before <pid4>/ in the paths of a split: 'Train/', 'Test/' or nothing."""
        return f"{SPLIT_FOLDERS[split]}/" if self.frames == "split" else ""

    def name_file(self, split: str) -> Path:
        """The file with one frame name a line."""
        return self.info / f"{split}_name.txt"

    def track_file(self, split: str) -> Path:
        """The file with one track a line."""
        return self.info / f"track_{split}_info.txt"

    @property
    def query_file(self) -> Path:
        """The file with the rows of the test tracks that are queries."""
        return self.info / "query_IDX.txt"

    def frame_folders(self) -> list[str]:
        """The folders directly in the root that hold frames, sorted."""
        if self.frames == "split":
            return sorted(name for name in SPLIT_FOLDERS.values() if (self.root / name).is_dir())
        return _person_folders(self.root)


def hitsz_marks(root: Path) -> list[str]:
    """What in the folder ``root`` is as in a HITSZ-VCM tree: folders of frames, text files."""
    folders = [f"{name}/" for name in (*SPLIT_FOLDERS.values(), *_person_folders(root)) if (root / name).is_dir()]
    return folders + [name for name in INFO_FILES if (root / "info" / name).exists() or (root / name).exists()]


def _person_folders(root: Path) -> list[str]:
    return sorted(entry.name for entry in root.iterdir() if PERSON_FOLDER.fullmatch(entry.name) and entry.is_dir())


def read_layout(root: Path) -> Layout:
    """Find out which layout the tree at ``root`` has.

    Raises FileNotFoundError or NotADirectoryError where there is no such tree, and ValueError where both
    layouts of frames are there at once.
    """
    require_folder(root)
    split = [name for name in SPLIT_FOLDERS.values() if (root / name).is_dir()]
    flat = _person_folders(root)
    if split and flat:
        raise ValueError(
            f"{root}: expected either Train/ and Test/ or person folders, found {split[0]}/ and {flat[0]}/ side by"
            " side; keep one of the two layouts"
        )
    if not split and not flat:
        raise FileNotFoundError(
            f"{root}: expected folders Train/ and Test/ or person folders such as 0001/ (HITSZ-VCM), or data_paths.json"
            " (BUPTCampus), found none; name the folder that holds them"
        )
    return Layout(root, "split" if split else "flat", _find_info(root))


def _find_info(root: Path) -> Path:
    for folder in (root / "info", root):
        if any((folder / name).exists() for name in INFO_FILES):
            return folder
    raise FileNotFoundError(f"{root}: expected {', '.join(INFO_FILES)} in info/ or in the folder itself, found none")


def shadowed_info_files(layout: Layout) -> list[str]:
    """Text files in the root that are not read because info/ is: a stale copy misleads its reader."""
    if layout.info == layout.root:
        return []
    return [name for name in INFO_FILES if (layout.root / name).exists()]
