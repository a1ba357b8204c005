"""A finished run as its report needs it: results, features and settings that belong together, and its checkpoint."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import h5py

from command_line.digests import file_sha256
from command_line.json_data import parse_json
from data_cache.contract.hdf5_checks import hdf5_errors, read_text
from data_cache.contract.writer import canonical_recipe
from model.evaluation.chosen_checkpoint import choose_checkpoint
from model.evaluation.evaluation import FEATURES, METRICS
from model.evaluation.feature_file import read_features
from model.evaluation.protocol import DEFAULT
from model.evaluation.results import read_results
from model.retrieval.metrics import retrieval_metrics
from model.retrieval.ranking import DIRECTIONS, rank_both_ways
from model.run.config import RunConfig
from model.run.differing_keys import differing_keys
from model.run.earlier_settings import trained_settings
from model.training.checkpoints.checkpoint_folder import checkpoint_files

if TYPE_CHECKING:
    from pathlib import Path

    from model.evaluation.chosen_checkpoint import ChosenCheckpoint
    from model.evaluation.results import Results
    from model.retrieval.metrics import HitRanks
    from model.retrieval.ranking import TrackFeatures

FIGURES = ("rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP")
_AGAIN = "evaluate the run again with star evaluate"
_SAME = 1e-6  # figures no further apart are the same
_SHOWN = 4  # differing keys of a provenance


@dataclass(frozen=True, eq=False)
class ReportedRun:
    """A run that was evaluated by its own protocol.

    folder:   of the run; trained: the settings that the evaluated checkpoint was trained with
    infrared, visible: the features that the results were ranked from
    hits:     direction → at which ranks its queries found their person
    """

    folder: Path
    trained: RunConfig
    results: Results
    infrared: TrackFeatures
    visible: TrackFeatures
    hits: dict[str, HitRanks]

    @property
    def name(self) -> str:
        """As the folder is called."""
        return self.folder.name

    @property
    def protocol(self) -> dict[str, Any]:
        """What was evaluated, as metrics.json says."""
        described: dict[str, Any] = self.results.provenance["protocol"]
        return described

    def sides(self, direction: str) -> tuple[TrackFeatures, TrackFeatures]:
        """The queries and the gallery of one of `DIRECTIONS`, as they were ranked."""
        both = {"infrared": self.infrared, "visible": self.visible}
        query, gallery = (both[name] for name in direction.split("_to_"))
        return query.queries(), gallery.gallery()


def read_reported_run(folder: Path) -> ReportedRun:
    """Read metrics.json and features.h5 of `folder`.

    Raises FileNotFoundError where one is missing; ValueError for what is damaged, foreign, of another version, of
    another protocol than the run's own, and for features of another evaluation than the metrics'.
    """
    results = read_results(folder / METRICS)
    where = f"{folder / METRICS}: provenance"
    check_figures(folder / METRICS, results)
    _check_provenance(where, results.provenance)
    label = results.provenance["protocol"].get("label", DEFAULT)
    if label != DEFAULT:
        raise ValueError(f"{where}: expected the run's own protocol ({DEFAULT}), got {label}; {_AGAIN}")
    trained = trained_settings(results.provenance["config"], f"{where}: config")
    infrared, visible = read_features(folder / FEATURES)
    _check_same_evaluation(folder, results)
    hits = rank_both_ways(infrared, visible)
    _check_unmatched(where, results.provenance["protocol"], hits)
    return ReportedRun(folder, trained, results, infrared, visible, hits)


def check_figures(path: Path, results: Results) -> None:
    """Raise ValueError unless both directions have every figure, each a fraction."""
    for direction in DIRECTIONS:
        for name in FIGURES:
            value = results.metrics[direction].get(name, math.nan)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{path}: {direction}: {name}: expected a fraction in 0…1, got {value}; {_AGAIN}")


def _check_provenance(where: str, provenance: dict[str, Any]) -> None:
    """Raise ValueError unless what the report shows of the provenance is there."""
    protocol, recipes = provenance["protocol"], provenance.get("recipes")
    try:
        whole = [protocol["frames"], protocol["min_frames"], protocol["persons"]["together"]]
        whole += [protocol["queries_without_match"][direction] for direction in DIRECTIONS]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{where}: protocol: expected all of an evaluation's, got none of {error}; {_AGAIN}") from None
    if not all(isinstance(number, int) for number in whole):
        raise ValueError(f"{where}: protocol: expected whole numbers, got {whole}; {_AGAIN}")
    if not isinstance(recipes, dict) or not all(isinstance(recipe, dict) for recipe in recipes.values()):
        raise ValueError(f"{where}: recipes: expected those of edges and graphs, got {recipes!r:.60}; {_AGAIN}")


def _check_unmatched(where: str, protocol: dict[str, Any], hits: dict[str, HitRanks]) -> None:
    """Raise ValueError where the results count other queries without a match than the features have."""
    for direction, said in protocol["queries_without_match"].items():
        found = int((hits[direction].count == 0).sum()) if direction in hits else None
        if said != found:
            raise ValueError(
                f"{where}: protocol: queries_without_match: {direction}: expected {found}, as in {FEATURES},"
                f" got {said}; {_AGAIN}"
            )


def _check_same_evaluation(folder: Path, results: Results) -> None:
    """Features and metrics are written together; those of two evaluations must not be shown as one."""
    path = folder / FEATURES
    with hdf5_errors(path, "attribute recipe"):
        file = h5py.File(path, "r", locking=False)
        try:
            recipe = parse_json(read_text(file, "recipe"))
        finally:
            with suppress(OSError, RuntimeError):
                file.close()
    wanted = parse_json(canonical_recipe(results.provenance))
    if recipe == wanted:
        return
    differing = differing_keys(wanted, recipe) if isinstance(recipe, dict) else {"all": ("known", "foreign")}
    listed = [f"{key} {a}, here {b}" for key, (a, b) in list(differing.items())[:_SHOWN]]
    raise ValueError(
        f"{path}: expected the features that {folder / METRICS} was made from, got those of another evaluation:"
        f" {'; '.join(listed)}; {_AGAIN}"
    )


def missing_parts(folder: Path) -> list[str]:
    """What a run lacks to be compared with: names of files, empty where it is complete."""
    missing = [name for name in (METRICS, FEATURES) if not (folder / name).is_file()]
    return missing if checkpoint_files(folder / "checkpoints") else [*missing, "checkpoints"]


def evaluated_checkpoint(run: ReportedRun) -> ChosenCheckpoint:
    """The checkpoint that the results are of, found by its name and content.

    Raises FileNotFoundError where it is gone, ValueError where another stands under its name.
    """
    described = run.results.provenance["checkpoint"]
    path = run.folder / "checkpoints" / str(described["file"])
    if path not in checkpoint_files(path.parent):
        raise FileNotFoundError(f"{path}: the checkpoint that the results are of is not there any more; {_AGAIN}")
    if file_sha256(path) != described.get("sha256"):
        raise ValueError(f"{path}: another checkpoint than the one that the results are of; {_AGAIN}")
    return choose_checkpoint(run.trained, path)


def disagreements(run: ReportedRun, config: RunConfig) -> list[str]:
    """Sentences on what a reader would not expect of the run; none where all fits.

    config: the settings that the report was asked for with
    """
    described = run.results.provenance["checkpoint"]
    sentences = [*_other_figures(run), *_other_settings(run, config)]
    newest = checkpoint_files(run.folder / "checkpoints")[-1:]
    if newest and newest[0].name > str(described["file"]):
        sentences.append(
            f"The results are of {described['file']}, but training has gone on to {newest[0].name}: {_AGAIN}."
        )
    return sentences


def _other_figures(run: ReportedRun) -> list[str]:
    """Where the features give other figures than metrics.json has."""
    sentences = []
    for direction in DIRECTIONS:
        said, found = run.results.metrics[direction], retrieval_metrics(run.hits[direction])
        off = [key for key in FIGURES if abs(found[key] - said[key]) > _SAME]
        if off:
            listed = ", ".join(f"{key} {100 * said[key]:.3f} → {100 * found[key]:.3f}" for key in off)
            sentences.append(
                f"{direction.replace('_to_', ' → ')}: ranking features.h5 anew gives other figures than metrics.json"
                f" ({listed}): another machine's arithmetic, or a file that was changed; {_AGAIN}."
            )
    return sentences


def _other_settings(run: ReportedRun, config: RunConfig) -> list[str]:
    differing = differing_keys(asdict(config), asdict(run.trained))
    listed = [f"{key} {b} (the config says {a})" for key, (a, b) in differing.items() if key != "root"]
    if not listed:
        return []
    return [f"The run was trained with other settings than the config has now: {'; '.join(listed)}."]
