"""Every kind of input, in the order of the page."""

from __future__ import annotations

from benchmarks.campaign.inputs.buptcampus_files import BUPTCAMPUS_FILES
from benchmarks.campaign.inputs.imported_files import IMPORTED_FILES
from benchmarks.campaign.inputs.input_kind import InputKind
from benchmarks.campaign.inputs.stage_files import STAGE_FILES
from benchmarks.campaign.inputs.written_files import WRITTEN_FILES

ALL_KINDS: tuple[InputKind, ...] = (*STAGE_FILES, *WRITTEN_FILES, *BUPTCAMPUS_FILES, *IMPORTED_FILES)
