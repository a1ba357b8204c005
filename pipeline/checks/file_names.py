"""Names of files and folders that are not UTF-8, at which other programs stop without a name."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.datasets.findings import Findings, show_name


def find_undecodable_names(root: Path, findings: Findings) -> None:
    """Add an error for every file or folder below ``root``, whatever it is for, whose name is not UTF-8.

    Links are named and not followed; nothing is opened.
    """
    for folder, folders, files in os.walk(os.fsencode(root)):
        folders.sort()
        for name in sorted((*folders, *files)):
            try:
                name.decode()
            except UnicodeDecodeError:
                path = os.path.relpath(os.path.join(folder, name), os.fsencode(root))  # noqa: PTH118 a Path has no bytes
                findings.error(
                    "undecodable-name",
                    str(root),
                    f"{root}: expected names of files in UTF-8, got {show_name(os.fsdecode(path))}; rename it (no frame"
                    " of the data set has such a name)",
                )
