"""Files that come with the program: configurations, pose weights, the sample, the drawing of the stages.

In a checkout they lie at its top; a wheel brings them inside this package (`pyproject.toml`, force-include).
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_WHEEL = _PACKAGE / "shipped"
HOME = _WHEEL if _WHEEL.is_dir() else _PACKAGE.parent


def shipped_file(name: str) -> Path:
    """The file or folder `name` (posix, relative), such as `configs/sample.yaml`.

    Raises FileNotFoundError where the install is not whole.
    """
    path = HOME / name
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a file that comes with STAR, found nothing; install STAR again")
    return path


def own_or_shipped(path: Path) -> Path:
    """`path` (relative) below the current folder; where it is not there, the file of that name that is shipped."""
    shipped = HOME / path
    return shipped if not path.exists() and shipped.exists() else path
