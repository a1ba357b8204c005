"""params.yaml: which data set and runs the project in this folder is about. DVC reads the same file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.setting_types import settings
from command_line.settings_file import build_settings, read_mapping
from command_line.shipped_files import own_or_shipped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

PARAMS = Path("params.yaml")
ARTIFACTS = Path("artifacts")


@settings
@dataclass(frozen=True)
class Params:
    """What `params.yaml` says.

    dataset: name of the data set, and of its folder below artifacts/; root: the folder that its frames lie in.
    runs: names of runs, configs/runs/<dataset>/<run>.yaml; the report is about the first.
    clip_lengths: frames of a clip that the runs are evaluated with besides their own, such as `1,2,4` or `1…12`.
    """

    dataset: str
    root: str
    runs: tuple[str, ...] = ()
    clip_lengths: str = "1"

    def cache(self, kind: str, split: str) -> Path:
        """The cache file `kind` (keypoints, edges, graphs) of `split`."""
        return ARTIFACTS / self.dataset / kind / f"{split}.h5"

    @property
    def config(self) -> Path:
        """The settings of stage one: configs/<dataset>.yaml here, or the one that comes with STAR."""
        return own_or_shipped(Path("configs") / f"{self.dataset}.yaml")

    def run_config(self, run: str) -> Path:
        """The settings of a run: configs/runs/<dataset>/<run>.yaml here, or the one that comes with STAR."""
        return own_or_shipped(Path("configs/runs") / self.dataset / f"{run}.yaml")


def listing_path(dataset: str, split: str) -> Path:
    """The list of the frames of `split`, with what is in them."""
    return ARTIFACTS / dataset / "frames" / f"{split}.json"


def read_params(option: str, path: Path = PARAMS) -> Params:
    """Read params.yaml of the current folder for what `option` (as one types it) left out.

    Raises ValueError, with the option as a remedy, where there is no such file or it is not as `Params` says.
    """
    if not path.is_file():
        raise ValueError(f"{option}: expected the option, or a {path} in this folder, got neither; give {option}")
    try:
        return build_settings(read_mapping(path), Params, str(path))
    except ValueError as error:
        raise ValueError(f"{error}; or give {option}") from None


def fill_from_params(args: argparse.Namespace, **defaults: Callable[[Params], object]) -> None:
    """Give the options of `args` that were left out (none) what `defaults` make of params.yaml.

    Raises ValueError as `read_params`, if there is such an option.
    """
    lacking = [name for name in defaults if getattr(args, name) is None]
    if lacking:
        params = read_params(f"--{lacking[0].replace('_', '-')}")
        for name in lacking:
            setattr(args, name, defaults[name](params))
