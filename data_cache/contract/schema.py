"""The layout of the cache files as a value: the writer creates from it, the reader checks against it.

A file is plain HDF5: root attributes, one packed array per quantity over all frames, the tracks over them, the
skeleton. docs/cache.md is generated from the same value.

History of `VERSION`:
1  first layout
2  /tracks/role
3  attribute `origin`; metadata with checksums (HDF5 1.10), values that were never written are none of the data's

Files of older versions are read: an array that came later has a meaning where it is absent, which the reader fills in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.contract.records import Modality, Role, Status
from data_cache.contract.skeleton import JOINTS, LIMBS, PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import IntEnum

VERSION = 3
FIRST_VERSION = 1  # the oldest that is read
ORIGIN_SINCE = 3  # version of the files that say what they were made from
TEXT = "text"  # the dtype of names: fixed-length UTF-8, as long as the longest, padded with NUL

# The labels along every axis of fixed length; `frame` and `track` are as long as the split.
AXIS_LABELS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "joint": JOINTS,
        "other_joint": JOINTS,
        "xy": ("x", "y"),
        "extent": ("height", "width"),
        "measure": ("distance", "angle"),
        "feature": ("x", "y", "score"),
        "limb": tuple(f"{a}-{b}" for a, b in LIMBS),
        "edge": tuple(f"{a}-{b}" for a, b in LIMBS) + tuple(f"{b}-{a}" for a, b in LIMBS),
        "end": ("from", "to"),
        "part": tuple(PARTS),
    }
)

# Eq 9 of the paper: nothing is stored for one clip length T.
TEMPORAL_RULE = (
    "a clip of T sampled frames has nodes numbered t * 17 + joint; its temporal edges join the same joint of"
    " consecutive sampled frames in both directions, (t * 17 + j, (t + 1) * 17 + j) and back for 0 <= t < T - 1,"
    " and every node to itself; the spatial edges hold in every frame"
)


@dataclass(frozen=True)
class ArraySpec:
    """One dataset: absolute name, axis names, numpy dtype (or `TEXT`), unit, meaning.

    enum:  names of the values of an HDF5 enumeration
    blank: what every value of a frame is where its status is not ok (None: no such promise); where it is ok
           the values are finite
    since: version of the files that have it
    """

    name: str
    dims: tuple[str, ...]
    dtype: str
    unit: str
    description: str
    enum: Mapping[str, int] | None = None
    blank: float | None = None
    since: int = FIRST_VERSION

    @property
    def tail(self) -> tuple[int, ...]:
        """Lengths of all axes but the first."""
        return tuple(len(AXIS_LABELS[axis]) for axis in self.dims[1:])

    def shape(self, frames: int, tracks: int) -> tuple[int, ...]:
        """Shape in a file of so many frames and tracks."""
        first = {"frame": frames, "track": tracks}.get(self.dims[0])
        return (len(AXIS_LABELS[self.dims[0]]) if first is None else first, *self.tail)

    def stored_dtype(self, text_length: int = 1) -> np.dtype[Any]:
        """The dtype h5py stores: little-endian numbers, enumerations, UTF-8 of `text_length` bytes."""
        if self.dtype == TEXT:
            return np.dtype(h5py.string_dtype("utf-8", max(1, text_length)))
        if self.enum is not None:
            return np.dtype(h5py.enum_dtype(dict(self.enum), basetype=self.dtype))
        return np.dtype(self.dtype)


@dataclass(frozen=True)
class Format:
    """One kind of file.

    content: the arrays beside index and skeleton; the first is what a NeXus viewer opens on
    texts:   (group, attribute) → text that is the same in every file of the kind
    version: of the files it describes; `at` gives that of older files
    """

    kind: str
    title: str
    content: tuple[ArraySpec, ...]
    texts: Mapping[tuple[str, str], str]
    version: int = VERSION

    @property
    def name(self) -> str:
        """Value of the root attribute `format`."""
        return f"star-reid.{self.kind}"

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """Every dataset of the file, in the order of writing."""
        return tuple(spec for spec in INDEX_ARRAYS + SKELETON_ARRAYS + self.content if spec.since <= self.version)

    @property
    def per_track(self) -> tuple[ArraySpec, ...]:
        """The columns of /tracks."""
        return tuple(spec for spec in self.arrays if spec.dims[0] == "track")

    def at(self, version: int) -> Format:
        """The same kind of file as it was laid out in `version`; ValueError for one that is not read."""
        if not FIRST_VERSION <= version <= VERSION:
            raise ValueError(f"{self.name}: expected version {FIRST_VERSION} to {VERSION}, got {version}")
        return replace(self, version=version)

    @property
    def per_frame(self) -> tuple[ArraySpec, ...]:
        """The content that is appended frame by frame."""
        return tuple(spec for spec in self.content if spec.dims[0] == "frame")

    @property
    def fixed(self) -> tuple[ArraySpec, ...]:
        """The content that is put once."""
        return tuple(spec for spec in self.content if spec.dims[0] != "frame")

    def find(self, name: str) -> ArraySpec:
        """Return the array called `name`: absolute, or relative to /frames (`keypoints`).

        Raises KeyError with the known names.
        """
        absolute = name if name.startswith("/") else f"/frames/{name}"
        for spec in self.arrays:
            if spec.name == absolute:
                return spec
        known = ", ".join(spec.name for spec in self.arrays)
        raise KeyError(f"{absolute}: no such dataset in {self.name}, expected one of {known}")


def _enum(members: type[IntEnum]) -> Mapping[str, int]:
    return MappingProxyType({member.name.lower(): int(member) for member in members})


INDEX_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec("/frames/path", ("frame",), TEXT, "", "file of the frame, relative to the data set's root"),
    ArraySpec("/frames/track", ("frame",), "<i4", "1", "row of /tracks, -1 for a frame without a track"),
    ArraySpec("/frames/status", ("frame",), "|u1", "1", "what became of the frame", _enum(Status)),
    ArraySpec("/tracks/person", ("track",), "<i4", "1", "person number of the data set"),
    ArraySpec("/tracks/camera", ("track",), "<i2", "1", "camera number of the data set"),
    ArraySpec("/tracks/modality", ("track",), "|u1", "1", "kind of camera", _enum(Modality)),
    ArraySpec("/tracks/start", ("track",), "<i8", "frame", "first row of /frames, 0-based"),
    ArraySpec("/tracks/stop", ("track",), "<i8", "frame", "row of /frames after the last one"),
    ArraySpec(
        "/tracks/role", ("track",), "|u1", "1", "part in the test; both where a file has no roles", _enum(Role), since=2
    ),
)

SKELETON_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec("/skeleton/joints", ("joint",), TEXT, "", "COCO's 17 keypoints"),
    ArraySpec("/skeleton/limbs", ("limb", "end"), "<i4", "1", "joints that a limb ties, 0-based"),
    ArraySpec("/skeleton/mirror", ("joint",), "<i4", "1", "joint that takes its place in a flipped image"),
)

KEYPOINT_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec("/frames/score", ("frame", "joint"), "<f4", "1", "0 to 1; NaN where status is not ok", blank=np.nan),
    ArraySpec(
        "/frames/keypoints",
        ("frame", "joint", "xy"),
        "<f4",
        "pixel",
        "position in the original frame; NaN where status is not ok",
        blank=np.nan,
    ),
    ArraySpec(
        "/frames/size",
        ("frame", "extent"),
        "<i4",
        "pixel",
        "size of the original frame; 0 where status is not ok",
        blank=0,
    ),
)

EDGE_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec(
        "/frames/edges",
        ("frame", "joint", "other_joint", "measure"),
        "<f4",
        "crop height (pixel if the recipe's normalize is none); radian",
        "distance and angle of every pair of joints (eqs 1, 2); 0, 0 where one of them is unseen",
        blank=0,
    ),
)

GRAPH_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec(
        "/frames/nodes",
        ("frame", "joint", "feature"),
        "<f4",
        "crop height; crop height; 1",
        "x and y over the crop's height, and score; 0 where unseen",
        blank=0,
    ),
    ArraySpec(
        "/frames/seen",
        ("frame", "joint"),
        "|b1",
        "1",
        "status is ok and score is at least the recipe's min_score",
        blank=0,
    ),
    ArraySpec("/graph/spatial_edges", ("end", "edge"), "<i4", "1", "directed limbs within one frame (eq 8)"),
    ArraySpec("/graph/parts", ("part", "joint"), "|b1", "1", "which joints make which part (eq 12)"),
    ArraySpec("/graph/part_names", ("part",), TEXT, "", "names of the parts"),
)

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "keypoints": Format("keypoints", "Keypoints of every frame", KEYPOINT_ARRAYS, {}),
        "edges": Format("edges", "Distance and angle between the joints of every frame", EDGE_ARRAYS, {}),
        "graphs": Format(
            "graphs",
            "Graph of joints of every frame",
            GRAPH_ARRAYS,
            MappingProxyType({("/graph", "temporal"): TEMPORAL_RULE}),
        ),
    }
)


def find_format(kind: str) -> Format:
    """Return the format of `kind`; ValueError with the known kinds for another."""
    if kind not in FORMATS:
        raise ValueError(f"kind of cache: expected one of {', '.join(FORMATS)}, got {kind!r}")
    return FORMATS[kind]


def _table_row(spec: ArraySpec) -> str:
    shape = ", ".join(f"{axis} {len(AXIS_LABELS[axis])}" if axis in AXIS_LABELS else axis for axis in spec.dims)
    kind = "UTF-8" if spec.dtype == TEXT else np.dtype(spec.dtype).name
    if spec.enum is not None:
        kind += " enum: " + ", ".join(f"`{name}` {value}" for name, value in spec.enum.items())
    since = "" if spec.since == FIRST_VERSION else f"; since version {spec.since}"
    return f"| `{spec.name}` | ({shape}) | {kind} | {spec.unit} | {spec.description}{since} |"


def describe_arrays(arrays: tuple[ArraySpec, ...]) -> str:
    """Return a Markdown table of `arrays`."""
    lines = ["| dataset | axes | type | unit | meaning |", "|---|---|---|---|---|", *map(_table_row, arrays)]
    return "\n".join(lines) + "\n"


def describe_format(kind: str) -> str:
    """Return the section of docs/cache.md on one kind of file, as Markdown.

    Raises ValueError for an unknown kind.
    """
    layout = find_format(kind)
    lines = [
        f"## {layout.title}: `artifacts/<dataset>/{kind}/<split>.h5`",
        f"Root attribute `format` is `{layout.name}`, `version` is {layout.version}.",
        "",
        describe_arrays(layout.content),
    ]
    for (group, attribute), text in layout.texts.items():
        lines += [f"Attribute `{attribute}` of `{group}`: {text}.", ""]
    return "\n".join(lines)
