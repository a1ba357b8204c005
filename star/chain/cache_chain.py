"""The chain of a cache file: edges and graphs from keypoints, keypoints from frames or from another program's file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from command_line.digests import code_digest
from data_cache.contract.reader import open_cache
from data_cache.contract.schema import FORMATS
from data_cache.contract.split_file import read_frame_listing
from data_cache.contract.verified_content import verified_origin
from star.chain.links import Link

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from data_cache.contract.origin import Origin

# Whose code makes a kind of cache file; keypoints are estimated, drawn or imported. (Their files name the modules.)
MAKERS = {
    "keypoints": (
        ("pipeline.keypoints.estimated_frames", "pipeline.pose.models"),
        ("pipeline.synth.dataset",),
        ("data_cache.exchange.imports.import_keypoints",),
    ),
    "edges": (("pipeline.skeletons.edges", "pipeline.skeletons.seen_keypoints"),),
    "graphs": (("pipeline.skeletons.graphs", "pipeline.skeletons.seen_keypoints"),),
}


@dataclass(frozen=True)
class SplitPlace:
    """Where the files of one split lie, and its frames if they are to be read again.

    artifacts: `artifacts/<dataset>`
    root:      folder of the frames; None: they are not read
    """

    artifacts: Path
    split: str
    root: Path | None = None


def cache_links(origin: Origin, kind: str, place: SplitPlace) -> tuple[Link, ...]:
    """What a cache file of `kind` with this origin was made from, and by which code."""
    sources = (source_link(name, source, place) for name, source in origin.sources.items())
    code = Link("code", origin.code, "", lambda: current_codes(kind))
    return (*sources, code)


def source_link(kind: str, origin: Origin, place: SplitPlace) -> Link:
    """A link to the file of `kind` with what it was made from, or to the frames of the split."""
    if kind == "frames":
        return frames_link(origin, place)
    if kind not in FORMATS:
        return Link(kind, origin.content, "another program's file, which is not part of this project")
    file = place.artifacts / kind / f"{place.split}.h5"
    return Link(kind, origin.content, file, lambda: _content(file, kind), cache_links(origin, kind, place))


def frames_link(origin: Origin, place: SplitPlace) -> Link:
    """A link to the list of the frames, or, with the folder that they lie in, to the frames themselves."""
    listing = place.artifacts / "frames" / f"{place.split}.json"
    if place.root is None:
        return Link("frames", origin.content, listing, lambda: _listed(listing))
    return Link("frames", origin.content, place.root, lambda: _read(place))


def current_codes(kind: str) -> list[str]:
    """sha256 of the code that makes files of `kind` now."""
    return [code_digest(modules) for modules in MAKERS[kind]]


def _content(file: Path, kind: str) -> Iterator[str]:
    if file.is_file():
        with open_cache(file, kind) as cache:
            yield verified_origin(cache).content


def _listed(listing: Path) -> Iterator[str]:
    if listing.is_file():
        yield read_frame_listing(listing).content


def _read(place: SplitPlace) -> Iterator[str]:
    """The frames below the root that the split's keypoints (or edges) name, read one after the other."""
    from data_cache.contract.origin import MISSING, frames_digest
    from pipeline.datasets.frame_pool import default_workers
    from pipeline.listing.frame_digests import digest_frames

    assert place.root is not None
    for kind in FORMATS:
        file = place.artifacts / kind / f"{place.split}.h5"
        if file.is_file() and place.root.is_dir():
            with open_cache(file, kind) as cache:
                paths = cache.paths
            found = digest_frames(place.root, paths, default_workers())
            yield frames_digest(paths, b"".join(MISSING if one is None else one.sha256 for one in found))
            return
