"""Where the files of a BUPTCampus tree lie, as its README shows them.

<root>/DATA/<person>/<IR|RGB|FakeIR>/<camera>/<frame>.jpg
<root>/data_paths.json, train.txt, query.txt, gallery.txt (and train_auxiliary.txt, which is not read)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.root_boundary import require_folder

DATA_PATHS = "data_paths.json"
FRAMES = "DATA"
LISTS = {"train": ("train.txt",), "test": ("query.txt", "gallery.txt")}


@dataclass(frozen=True)
class BuptcampusLayout:
    """One tree; ``root`` is the folder of `data_paths.json`."""

    root: Path

    @property
    def data_paths(self) -> Path:
        """The file with the frames of every track."""
        return self.root / DATA_PATHS

    def list_files(self, split: str) -> tuple[Path, ...]:
        """The files that list the tracks of a split."""
        return tuple(self.root / name for name in LISTS[split])


def read_buptcampus_layout(root: Path) -> BuptcampusLayout:
    """Look for the folder of the frames.

    Raises FileNotFoundError or NotADirectoryError where it, or the tree, is missing.
    """
    require_folder(root)
    if not (root / FRAMES).is_dir():
        raise FileNotFoundError(
            f"{root}: expected the folder {FRAMES}/ beside {DATA_PATHS}, found none; unpack the frames there"
        )
    return BuptcampusLayout(root)
