"""Heat maps and part contributions of the run and its baseline on the same clips (figures 4 and 3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from model.report.charts import ChartSection
from model.report.galleries.ranked_galleries import spread
from model.report.heat.explained_clips import heat_layers
from model.report.heat.part_curves import part_section
from model.report.page import HeatSection
from model.report.reported_run import evaluated_checkpoint

if TYPE_CHECKING:
    from model.evaluation.chosen_checkpoint import ChosenCheckpoint
    from model.evaluation.protocol_tracks import ProtocolTracks
    from model.report.heat.explanations import ClipExplanation
    from model.report.reported_run import ReportedRun

_log = logging.getLogger(__name__)


def explain_runs(
    run: ReportedRun,
    baseline: ReportedRun | None,
    tracks: ProtocolTracks,
    persons: int,
    device: str,
    absent: str,
) -> tuple[HeatSection, ChartSection]:
    """The heat maps, and the contributions of the body parts; MindSpore is loaded for them and not before.

    persons: so many persons' clips; absent: why there is no baseline
    A checkpoint that is gone or another than evaluated leaves the sections with a sentence.
    """
    numbers = clips_to_explain(tracks, persons)
    if not numbers:
        sentence = "Not computed: asked for no clips; --clips 3 shows three persons, one clip of each modality."
        return HeatSection((), (sentence,)), part_section([], sentence)
    explained: list[list[ClipExplanation]] = []
    names: list[str] = []
    remarks = [absent] if absent else []
    for one in [run] if baseline is None else [baseline, run]:
        try:
            chosen = evaluated_checkpoint(one)
        except (FileNotFoundError, ValueError) as error:
            remarks.append(f"{one.name}: no heat maps: {error}.")
            continue
        _log.info("%s: heat maps of %d clips", one.name, len(numbers))
        explained.append(_explain(chosen, one, tracks, numbers, device))
        names.append(one.name)
    own = explained[names.index(run.name)] if run.name in names else []
    why = "" if own else " ".join(remarks)
    return HeatSection(heat_layers(names, explained), tuple(remarks)), part_section(own, why)


def _explain(
    chosen: ChosenCheckpoint, run: ReportedRun, tracks: ProtocolTracks, numbers: list[int], device: str
) -> list[ClipExplanation]:
    from model.report.heat.explanations import explain_clips  # chooses the device, then loads MindSpore

    return explain_clips(chosen, tracks, numbers, (run.infrared, run.visible), device)


def clips_to_explain(tracks: ProtocolTracks, persons: int) -> list[int]:
    """Rows of /tracks: the first infrared and the first visible track of `persons` evenly spread persons of both."""
    sides = (tracks.infrared, tracks.visible)
    both = np.intersect1d(tracks.infrared.tracks.person, tracks.visible.tracks.person).tolist()
    numbers = []
    for person in spread(both, persons) if persons else []:
        numbers += [int(side.number[np.flatnonzero(side.tracks.person == person)[0]]) for side in sides]
    return numbers
