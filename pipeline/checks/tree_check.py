"""Check an unpacked tree of any known kind: text files, labels, lists, every frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from pipeline.checks.buptcampus_check import check_buptcampus
from pipeline.checks.file_names import find_undecodable_names
from pipeline.checks.frame_check import ProbeOptions
from pipeline.checks.hitsz_vcm_check import check_hitsz_vcm
from pipeline.checks.report import DatasetReport
from pipeline.datasets.findings import Findings
from pipeline.datasets.kinds import Kind, recognise

CHECKS: Mapping[Kind, Callable[[Path, ProbeOptions], DatasetReport]] = MappingProxyType(
    {Kind.HITSZ_VCM: check_hitsz_vcm, Kind.BUPTCAMPUS: check_buptcampus}
)


def check_dataset(root: Path, options: ProbeOptions | None = None) -> DatasetReport:
    """Check the whole tree at ``root`` against its kind's grammar and published numbers.

    Names that are not UTF-8 come first: they stop other programs, which do not say which name it is. Errors and noise
    are collected in the report; nothing is written.
    Raises FileNotFoundError, NotADirectoryError or ValueError where there is no tree of one known kind.
    """
    kind = recognise(root)
    names = Findings()
    find_undecodable_names(root, names)
    report = CHECKS[kind](root, options or ProbeOptions())
    return replace(report, findings=(*names.collected(), *report.findings))
