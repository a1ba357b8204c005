"""The chain of a run: results from features, those from a checkpoint and the caches of a split, and those further."""

from __future__ import annotations

import hashlib
import json
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line.digests import file_sha256, room_digest
from data_cache.contract.origin import Origin, parse_origin
from model.run.origin import DATA, verify_run_origin
from star.chain.cache_chain import SplitPlace, source_link
from star.chain.links import Link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from model.training.checkpoints.checkpoint_file import Checkpoint

FEATURES, CHECKPOINTS = "features.h5", "checkpoints"
_ROUNDING = 1e-6  # of a figure, on machines that add up in another order


def checkpoint_links(path: Path, checkpoint: Checkpoint, root: Path | None) -> tuple[Link, ...]:
    """What a checkpoint was trained on and by which code."""
    place = SplitPlace(artifacts_of(path, str(checkpoint.record.config.get("dataset"))), "train", root)
    pretrained = checkpoint.facts.get("pretrained")
    named = checkpoint.record.config.get("model", {}).get("pretrained")
    weights = Link("pretrained", pretrained, Path(str(named)), lambda: _digest_of(Path(str(named))))
    return (*origin_links(checkpoint.record.origin, place), *((weights,) if pretrained else ()))


def results_links(path: Path, provenance: Mapping[str, Any], root: Path | None) -> tuple[Link, ...]:
    """What results were ranked from: features, the checkpoint, the split's caches, and the code.

    Raises KeyError, TypeError, AttributeError or ValueError for what is no provenance.
    """
    checkpoint, protocol = provenance["checkpoint"], provenance["protocol"]
    split = "test" if protocol["split"] == "test" else "train"
    trained_on = str(provenance["config"]["dataset"])
    run = run_folder_of(path)
    file = run / CHECKPOINTS / Path(str(checkpoint["file"])).name
    train = SplitPlace(artifacts_of(path, trained_on), "train")
    weights = Link(
        "checkpoint",
        _text(checkpoint.get("sha256")),
        file,
        lambda: _digest_of(file),
        origin_links(_run_origin(checkpoint.get("origin")), train),
    )
    features = path.with_name(FEATURES)
    ranked = Link("features", _text(provenance.get("features")), features, lambda: _features_of(features))
    place = SplitPlace(artifacts_of(path, str(protocol["dataset"])), split, root)
    return (ranked, weights, *origin_links(_run_origin(provenance.get("origin")), place))


def origin_links(origin: Mapping[str, Any] | None, place: SplitPlace) -> tuple[Link, ...]:
    """The caches and frames that a run read, and the code that read them; one link that says so where none is noted."""
    if origin is None:
        return (Link("origin", None),)
    data = [_data_link(kind, origin[kind], place) for kind in DATA if kind in origin]
    code = [Link(f"code {room}", digest, "", _digest_of_room(room)) for room, digest in origin.get("code", {}).items()]
    return (*data, *code)


def _data_link(kind: str, value: object, place: SplitPlace) -> Link:
    if isinstance(value, str):  # the digest of a file's bytes, as earlier runs have it
        folder, suffix = place.artifacts / kind, "json" if kind == "frames" else "h5"
        file = folder / f"{place.split}.{suffix}"
        return Link(kind, value, file, lambda: _digest_of(file))
    return source_link(kind, parse_origin(value), place)


def run_folder_of(path: Path) -> Path:
    """`artifacts/<dataset>/runs/<name>` that a file lies in, however deep; its own folder where it lies elsewhere."""
    folders = path.absolute().parents
    return next((folder for folder in folders if folder.parent.name == "runs"), folders[0])


def artifacts_of(path: Path, dataset: str) -> Path:
    """`artifacts/<dataset>` beside that of the run that a file lies in."""
    return run_folder_of(path).parents[2] / dataset if len(run_folder_of(path).parents) > 2 else Path(dataset)


def figures_link(path: Path, metrics: Mapping[str, Mapping[str, float]]) -> Link:
    """The figures of results, which the features beside them have to give again when they are ranked."""
    noted = _digest_of_figures(metrics)
    features = path.with_name(FEATURES)

    def rank_again() -> Iterator[str]:
        from model.evaluation.feature_file import read_features
        from model.retrieval.metrics import retrieval_metrics
        from model.retrieval.ranking import rank_both_ways

        if features.is_file():
            again = {name: retrieval_metrics(hits) for name, hits in rank_both_ways(*read_features(features)).items()}
            same = all(isclose(metrics[way][name], again[way][name], abs_tol=_ROUNDING) for way, name in _all(again))
            yield noted if same else _digest_of_figures(again)

    return Link("figures", noted, "the features, ranked again", rank_again)


def _all(metrics: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str]]:
    return [(way, name) for way, figures in metrics.items() for name in figures]


def _digest_of_figures(metrics: Mapping[str, Mapping[str, float]]) -> str:
    plain = {way: {name: float(value) for name, value in figures.items()} for way, figures in metrics.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _run_origin(value: object) -> Mapping[str, Any] | None:
    return None if value is None else verify_run_origin(value)


def _text(value: object) -> str | None:
    return None if value is None else Origin(str(value)).content


def _digest_of_room(room: str) -> Any:
    return lambda: [room_digest(room)]


def _digest_of(file: Path) -> Iterator[str]:
    if file.is_file():
        yield file_sha256(file)


def _features_of(file: Path) -> Iterator[str]:
    from model.evaluation.feature_file import read_features
    from model.retrieval.ranking import features_digest

    if file.is_file():
        yield features_digest(*read_features(file))
