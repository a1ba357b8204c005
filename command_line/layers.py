"""The layers of an install: which extra brings a library, and the sentence for one that is not there."""

from __future__ import annotations

import importlib.metadata
import shlex
from types import MappingProxyType
from typing import TYPE_CHECKING

from command_line.json_data import parse_json
from command_line.shipped_files import shipped_file

if TYPE_CHECKING:
    from collections.abc import Mapping

DISTRIBUTION = "star-reid"

# Library as it is imported → extra of pyproject.toml that brings it.
LAYERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("dask", "distributed", "mmengine", "mmpose", "onnx", "onnxruntime", "torch"), "extract"),
        **dict.fromkeys(("dvclive", "jinja2", "mindspore", "plotly", "safetensors"), "train"),
        **dict.fromkeys(("ndx_pose", "pynwb", "scipy"), "exchange"),
        **dict.fromkeys(("cv2", "matplotlib"), "plot"),
        "dvc": "flow",
    }
)

# They ask for opencv-python (a second cv2, which needs a screen's libraries), torchvision and chumpy (which does not
# build any more), so they are installed without their own dependency lists; what they really import is in [extract].
ALONE: Mapping[str, tuple[str, ...]] = MappingProxyType({"extract": ("mmengine", "mmcv-lite", "mmpose")})


def missing_layer(error: ModuleNotFoundError) -> str | None:
    """The sentence for a library that no installed layer brings; none where the library is no layer's."""
    library = (error.name or "").partition(".")[0]
    extra = LAYERS.get(library)
    if extra is None:
        return None
    return f"{library} is not installed: this command needs the layer [{extra}]; add it with: {install_command(extra)}"


def install_command(*extras: str) -> str:
    """What one types to add `extras` to this install, in the versions of constraints.txt."""
    pip = f"pip install --constraint {shlex.quote(str(shipped_file('constraints.txt')))}"
    alone = [name for extra in extras for name in ALONE.get(extra, ())]
    first = f"{pip} {shlex.quote(_requirement(extras))}"
    return f"{first} && {pip} --no-deps {' '.join(alone)}" if alone else first


def _requirement(extras: tuple[str, ...]) -> str:
    """`star-reid[train] @ file:///…/star_reid-0.1.0-py3-none-any.whl`: where this install came from, if noted."""
    named = f"{DISTRIBUTION}[{','.join(extras)}]"
    try:
        origin = importlib.metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return named
    return f"{named} @ {parse_json(origin)['url']}" if origin else named
