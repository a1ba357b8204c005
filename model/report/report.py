"""From a finished run to its report: everything is read and checked, then the page is written whole."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from command_line.text_table import amount, flatten, percent
from data_cache.files.published_file import publish_files
from model.evaluation.result_table import FEW_PERSONS
from model.evaluation.results import ranked_tracks
from model.report.charts import Table
from model.report.curves.clip_length_curves import length_section
from model.report.curves.exponent_grid import exponent_section
from model.report.curves.match_curves import match_section
from model.report.curves.training_curves import curves_section
from model.report.galleries.ranked_galleries import ranked_galleries
from model.report.galleries.shown_tracks import open_shown_tracks, recipe_remarks
from model.report.galleries.track_pictures import FramePictures
from model.report.heat.heat_section import explain_runs
from model.report.page import ReportPage, ResultSection, render_page
from model.report.reported_run import disagreements, read_reported_run
from model.report.results.compared_run import find_baseline
from model.report.results.result_rows import (
    comparison_remarks,
    is_comparable,
    own_table,
    published_tables,
    read_other_runs,
    run_table,
)
from model.report.skeleton_quality import quality_section
from model.retrieval.ranking import DIRECTIONS
from model.run.run_folder import ARTIFACTS, run_folder

if TYPE_CHECKING:
    from pathlib import Path

    from model.evaluation.protocol_tracks import ProtocolTracks
    from model.report.charts import ChartSection
    from model.report.reported_run import ReportedRun
    from model.report.results.result_rows import OtherRun
    from model.run.config import RunConfig

_log = logging.getLogger(__name__)

PICTURES = (
    "This page holds pictures of persons, made from the frames of the data set: its licence decides who may see and"
    " share them."
)


@dataclass(frozen=True)
class ReportOptions:
    """What a report shows and where it goes.

    baseline: name of the run to compare with; none takes `baseline` where there is one
    out:      the file; none takes artifacts/<dataset>/reports/<run>.html
    queries:  best and worst ones a direction; clips: persons with heat maps, one clip of each modality
    device:   what computes heat maps
    """

    baseline: str | None = None
    out: Path | None = None
    queries: int = 5
    clips: int = 3
    device: str = "CPU"


@dataclass(frozen=True, eq=False)
class Material:
    """What the sections are made from; `absent`: why there is no baseline."""

    config: RunConfig
    run: ReportedRun
    baseline: ReportedRun | None
    absent: str
    others: list[OtherRun]
    left_out: list[str]
    tracks: ProtocolTracks


def write_report(config: RunConfig, options: ReportOptions) -> Path:
    """Write the report of the run that `config` names; returns the file's path.

    Whatever ends it before, an older report stays as it is. Raises FileNotFoundError, ValueError and OSError, each
    with a remedy, for what is missing, damaged, does not belong together or cannot be written.
    """
    run = read_reported_run(run_folder(config))
    baseline, absent = find_baseline(run, options.baseline)
    others, left_out = read_other_runs(run)
    material = Material(config, run, baseline, absent, others, left_out, open_shown_tracks(config, run))
    out = options.out or ARTIFACTS / config.dataset / "reports" / f"{config.name}.html"
    with publish_files(out) as (file,):
        text = render_page(build_page(material, options)).encode()
        file.write(text)
    _log.info("%s: %.1f MB", out, len(text) / 1e6)
    return out


def build_page(material: Material, options: ReportOptions) -> ReportPage:
    """Make every section."""
    run, tracks = material.run, material.tracks
    pictures = FramePictures(tracks.split.files.root, tracks.split.paths)
    galleries = ranked_galleries(run, tracks, options.queries, pictures.address)
    sections = _chart_sections(material)
    results = _results(material)
    # Last, since it takes longest: what is wrong with the others is known before.
    heat, parts = explain_runs(run, material.baseline, tracks, options.clips, options.device, material.absent)
    return ReportPage(
        title=f"{run.name} on {run.protocol['dataset']}",
        facts=tuple(_facts(material)),
        notices=tuple(_notices(material)),
        results=results,
        galleries=tuple(galleries),
        heat=heat,
        charts={section.name: section for section in (*sections, parts)},
        settings=_settings(material),
    )


def _chart_sections(material: Material) -> list[ChartSection]:
    run, baseline = material.run, material.baseline
    name = f"configs/runs/{run.trained.dataset}/{run.name}.yaml"
    lengths = f"`star evaluate --config {name} --frames 1-12`"
    exponents = (
        f"`star train --config {name} --set name=exponents-1-1 --set 'model.exponents=[0.7,1.0,3.0]'`, then"
        " `star evaluate` with the same options"
    )
    return [
        curves_section(run.folder, baseline.folder if baseline is not None else None),
        match_section(run, baseline),
        length_section(run, baseline, lengths),
        exponent_section(run, material.others, exponents),
        quality_section(material.config.dataset, _min_score(run)),
    ]


def _min_score(run: ReportedRun) -> float | None:
    value = run.results.provenance["recipes"].get("graphs", {}).get("min_score")
    return float(value) if isinstance(value, int | float) else None


def _facts(material: Material) -> list[tuple[str, str]]:
    run = material.run
    protocol, checkpoint = run.protocol, run.results.provenance["checkpoint"]
    position = checkpoint.get("position") or {}
    steps = f", after {amount(position['total_steps'], 'step')}" if "total_steps" in position else ""
    clips = "the mean of all clips" if protocol["clips"] == "all" else "one clip"
    counts = ranked_tracks(protocol)
    ranked = "; ".join(
        f"{direction.replace('_to_', ' → ')}: {counts[direction]['queries']:,} queries,"
        f" {counts[direction]['gallery']:,} tracks in the gallery"
        for direction in DIRECTIONS
    )
    return [
        ("Run", run.name),
        ("Variant", run.trained.model.variant),
        ("Trained on", run.trained.dataset),
        ("Checkpoint", f"{checkpoint['file']}{steps}"),
        ("Tested on", f"{protocol['split']} split of {protocol['dataset']}, {amount(_persons(run), 'person')}"),
        ("Protocol", f"{clips} of {amount(protocol['frames'], 'frame')} a track; {ranked}"),
        ("Compared with", material.baseline.name if material.baseline is not None else "no other run"),
    ]


def _persons(run: ReportedRun) -> int:
    return int(run.protocol["persons"]["together"])


def _notices(material: Material) -> list[str]:
    run = material.run
    notices = [PICTURES]
    if _persons(run) < FEW_PERSONS:
        counts = ranked_tracks(run.protocol)
        fewest = min(counts[d]["queries"] - run.protocol["queries_without_match"][d] for d in DIRECTIONS)
        notices.append(
            f"Only {amount(_persons(run), 'person')} were tested: one query more or less moves rank-1 by"
            f" {percent(1 / max(fewest, 1))}. Look at how things work here, and compare no methods by these figures."
        )
    notices += disagreements(run, material.config)
    notices += recipe_remarks(run, material.tracks)
    if material.baseline is not None:
        notices += [
            f"{material.baseline.name}: {text}" for text in disagreements(material.baseline, material.baseline.trained)
        ]
    return notices


def _results(material: Material) -> ResultSection:
    run = material.run
    remarks = [*comparison_remarks(run), *material.left_out]
    for direction, count in run.protocol["queries_without_match"].items():
        if count:
            remarks.append(
                f"{direction.replace('_to_', ' → ')}: {count:,} of the queries without a match, not counted."
            )
    runs = run_table(run, material.others)
    return ResultSection(own_table(run), runs, published_tables(run), is_comparable(run), tuple(remarks))


def _settings(material: Material) -> tuple[Table, ...]:
    provenance: dict[str, Any] = material.run.results.provenance
    titles = {
        "config": "Settings that the checkpoint was trained with",
        "checkpoint": "Checkpoint",
        "protocol": "Protocol of the evaluation",
        "recipes": "Recipes of the caches",
    }
    return tuple(
        Table(title, ("setting", "value"), tuple(flatten(provenance[key])))
        for key, title in titles.items()
        if key in provenance
    )
