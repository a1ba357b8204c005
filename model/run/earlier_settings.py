"""The settings of a run that was trained earlier, as its checkpoint and results keep them.

A setting that came later is absent there; it means what the code of that time did, which need not be today's default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from command_line.settings_file import build_settings
from model.run.config import RunConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

# Skeletons were read raw before these settings came.
BEFORE: Mapping[str, Mapping[str, Any]] = {"model": {"standardize_edges": False, "standardize_nodes": False}}


def trained_settings(config: object, source: str) -> RunConfig:
    """The settings that a file keeps, as nested mappings; `source` names file and place in messages.

    Raises ValueError as `build_settings`.
    """
    if isinstance(config, dict):
        config = dict(config)
        for part, values in BEFORE.items():
            if isinstance(config.get(part), dict):
                config[part] = {**values, **config[part]}
    return build_settings(config, RunConfig, source)
