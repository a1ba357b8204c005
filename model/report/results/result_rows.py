"""The results table: this run among the other runs of its data set, and what was published on HITSZ-VCM."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from command_line.json_data import parse_json
from model.evaluation.evaluation import METRICS
from model.evaluation.protocol import DEFAULT
from model.evaluation.results import ranked_tracks, read_results
from model.report.charts import Table
from model.report.reported_run import FIGURES, check_figures
from model.report.results.published_results import ABLATION, DATASET, METHODS, TRACKS
from model.retrieval.ranking import DIRECTIONS
from model.run.differing_keys import differing_keys
from model.run.earlier_settings import trained_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from model.report.reported_run import ReportedRun
    from model.report.results.published_results import PublishedRow
    from model.run.config import RunConfig

VARIANTS = ("baseline", "frame", "sequence", "full")  # the order of table 3
_GUIDANCE = ("model.frame_guidance", "model.sequence_guidance")
_SHOWN = 6  # differing settings


@dataclass(frozen=True)
class OtherRun:
    """A run beside the reported one: its settings and its figures, direction → name → fraction."""

    name: str
    trained: RunConfig
    protocol: dict[str, Any]
    metrics: dict[str, dict[str, float]]


def read_other_runs(run: ReportedRun) -> tuple[list[OtherRun], list[str]]:
    """Every evaluated run beside `run`, itself among them, and a sentence for each that cannot be read."""
    found, left_out = [], []
    for path in sorted(run.folder.parent.glob(f"*/{METRICS}")):
        try:
            results = read_results(path)
            check_figures(path, results)
            trained = trained_settings(results.provenance["config"], f"{path}: provenance: config")
        except (ValueError, OSError) as error:
            left_out.append(f"Left out: {error}.")
            continue
        protocol = results.provenance["protocol"]
        if protocol.get("label", DEFAULT) != DEFAULT or protocol["dataset"] != run.protocol["dataset"]:
            left_out.append(f"Left out: {path}: not an evaluation of its own protocol on {run.protocol['dataset']}.")
            continue
        found.append(OtherRun(path.parent.name, trained, protocol, results.metrics))
    return found, left_out


def run_table(run: ReportedRun, others: Sequence[OtherRun]) -> Table:
    """A row a run, the baseline first; what else than the guidance differs from this run stands in words."""
    rows: list[tuple[str, ...]] = []
    marked: set[int] = set()
    for other in sorted(others, key=lambda one: (VARIANTS.index(one.trained.model.variant), one.name)):
        if other.name == run.name:
            marked.add(len(rows))
        figures = [_percent(other.metrics[direction][key]) for direction in DIRECTIONS for key in FIGURES]
        rows.append((other.name, other.trained.model.variant, *figures, _differences(run, other)))
    head = ("run", "variant", *(FIGURES * len(DIRECTIONS)), "also differs in")
    groups = (("", 2), *((_words(direction), len(FIGURES)) for direction in DIRECTIONS), ("", 1))
    caption = f"Runs on {run.protocol['dataset']}, in percent; this run is marked"
    return Table(caption, head, tuple(rows), frozenset(marked), groups)


def own_table(run: ReportedRun) -> Table:
    """A column a direction of the reported run: narrow enough for a phone."""
    counts = ranked_tracks(run.protocol)
    rows = [(side, *(f"{counts[direction][side]:,}" for direction in DIRECTIONS)) for side in ("queries", "gallery")]
    rows += [(key, *(_percent(run.results.metrics[direction][key]) for direction in DIRECTIONS)) for key in FIGURES]
    head = ("figure", *(_words(direction) for direction in DIRECTIONS))
    return Table(
        f"This run, {run.name} on {run.protocol['dataset']}: tracks, and figures in percent", head, tuple(rows)
    )


def is_comparable(run: ReportedRun) -> bool:
    """Whether the run was measured on the data set that the published figures are of."""
    return bool(run.protocol["dataset"] == DATASET)


def published_tables(run: ReportedRun) -> tuple[Table, Table]:
    """Methods and ablation as published; on HITSZ-VCM with this run's row among them."""
    own = _own_row(run) if is_comparable(run) else None
    name = "on HITSZ-VCM" if own else "on HITSZ-VCM, not comparable with this run's data"
    methods = _published(f"Published {name}, in percent", METHODS, "method", own)
    same_variant = [row for row in ABLATION if row.method == run.trained.model.variant]
    ablation = _published(f"The paper's ablation {name}, in percent", ABLATION, "variant", own, same_variant)
    return methods, ablation


def comparison_remarks(run: ReportedRun) -> list[str]:
    """Whether this run was tested on as many tracks as the published protocol has."""
    if not is_comparable(run) or run.protocol["tracks"] == TRACKS:
        return []
    got = ", ".join(f"{count:,} {name}" for name, count in run.protocol["tracks"].items())
    wanted = ", ".join(f"{count:,} {name}" for name, count in TRACKS.items())
    return [f"This run was tested on {got} tracks, where the published protocol has {wanted}: compare with care."]


def _published(
    caption: str,
    published: Iterable[PublishedRow],
    kind: str,
    own: tuple[str, ...] | None,
    marked_rows: Sequence[PublishedRow] = (),
) -> Table:
    rows: list[tuple[str, ...]] = []
    marked: set[int] = set()
    for row in published:
        if row in marked_rows or row.ours:
            marked.add(len(rows))
        both = (row.infrared_to_visible, row.visible_to_infrared)
        rows.append((row.method, row.where, *(f"{value:.2f}" for one in both for value in one)))
    if own is not None:
        marked = {len(rows)}
        rows.append(own)
    head = (kind, "where", *(("rank-1", "mAP") * len(DIRECTIONS)))
    groups = (("", 2), *((_words(direction), 2) for direction in DIRECTIONS))
    return Table(caption, head, tuple(rows), frozenset(marked), groups)


def _own_row(run: ReportedRun) -> tuple[str, ...]:
    figures = [run.results.metrics[direction][key] for direction in DIRECTIONS for key in ("rank-1", "mAP")]
    return (f"{run.name} ({run.trained.model.variant})", "this run", *(_percent(value) for value in figures))


def _differences(run: ReportedRun, other: OtherRun) -> str:
    """The settings in which `other` differs from this run, besides name and guidance, and its T and tracks."""
    if other.name == run.name:
        return "this run"
    found = differing_keys(*(parse_json(json.dumps(asdict(one.trained))) for one in (run, other)))
    listed = [f"{key} {theirs}" for key, (_, theirs) in found.items() if key not in ("name", "root", *_GUIDANCE)]
    for key in ("tracks", "frames", "min_frames"):
        if other.protocol.get(key) != run.protocol.get(key) and f"model.{key}" not in found:
            listed.append(f"tested with {key} {other.protocol.get(key)}")
    more = [f"and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
    return ", ".join(listed[:_SHOWN] + more) or "nothing else"


def _words(direction: str) -> str:
    return direction.replace("_to_", " → ")


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"
