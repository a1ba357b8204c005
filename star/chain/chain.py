"""Opens a file of this project, of whatever kind, and says what it is and what it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line.text_table import amount
from star.chain.links import Link

if TYPE_CHECKING:
    from collections.abc import Mapping

_HDF5 = b"\x89HDF\r\n\x1a\n"
_KINDS = "a cache file, a checkpoint, metrics.json, clip_lengths.json or features.h5"


@dataclass(frozen=True)
class Chain:
    """What a file is, in words, and the links to what it was made from."""

    path: Path
    words: str
    links: tuple[Link, ...]


def open_chain(path: Path, root: Path | None = None) -> Chain:
    """The chain of `path`; `root`: folder of the frames of the split that it is about, if they are to be read again.

    Raises FileNotFoundError, and ValueError for a file that is damaged or none of this project.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; name {_KINDS}")
    with path.open("rb") as file:
        head = file.read(len(_HDF5))
    if path.suffix == ".safetensors":
        return _of_checkpoint(path, root)
    from model.evaluation.feature_file import is_features_file

    if head != _HDF5:
        return _of_lengths(path, root) if path.name == "clip_lengths.json" else _of_results(path, root)
    return _of_features(path, root) if is_features_file(path) else _of_cache(path, root)


def _of_cache(path: Path, root: Path | None) -> Chain:
    from data_cache.contract.reader import open_cache
    from data_cache.contract.verified_content import verified_origin
    from star.chain.cache_chain import SplitPlace, cache_links

    with open_cache(path) as cache:
        origin = verified_origin(cache)
        place = SplitPlace(path.absolute().parents[1], cache.split, root)
        words = f"{cache.kind} of the {cache.split} split of {cache.dataset}, {amount(cache.frames, 'frame')}"
        verified = Link("content", origin.content, path, lambda: [origin.content])
        return Chain(path, words, (verified, *cache_links(origin, cache.kind, place)))


def _of_checkpoint(path: Path, root: Path | None) -> Chain:
    from model.training.checkpoints.checkpoint_file import read_checkpoint
    from star.chain.run_chain import checkpoint_links

    checkpoint = read_checkpoint(path)
    record = checkpoint.record
    at = record.position
    words = (
        f"checkpoint of {record.config.get('name')}, trained on {record.config.get('dataset')}:"
        f" {amount(at.total_steps, 'step')}, {amount(at.epoch, 'epoch')} done, {amount(record.persons, 'person')}"
    )
    return Chain(path, words, checkpoint_links(path, checkpoint, root))


def _of_results(path: Path, root: Path | None) -> Chain:
    from model.evaluation.result_table import result_table
    from model.evaluation.results import read_results
    from star.chain.run_chain import figures_link

    results = read_results(path)
    figures = figures_link(path, results.metrics)
    return Chain(path, result_table(results), (figures, *_links(path, results.provenance, root)))


def _of_lengths(path: Path, root: Path | None) -> Chain:
    from model.evaluation.clip_lengths import read_clip_lengths
    from model.evaluation.result_table import clip_length_table

    lengths = read_clip_lengths(path)
    # Features of every length are not kept, so there is nothing beside this file that it could be held against.
    kept = tuple(link for link in _links(path, lengths.provenance, root) if link.name != "features")
    return Chain(path, clip_length_table(lengths), kept)


def _of_features(path: Path, root: Path | None) -> Chain:
    from model.evaluation.feature_file import read_features, read_provenance

    infrared, visible = read_features(path)
    words = f"features of {len(infrared)} infrared and {len(visible)} visible tracks"
    return Chain(path, words, _links(path, read_provenance(path), root))


def _links(path: Path, provenance: Mapping[str, Any], root: Path | None) -> tuple[Link, ...]:
    from star.chain.run_chain import results_links

    try:
        return results_links(path, provenance, root)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path}: expected the provenance of an evaluation, got something else ({reason})") from None
