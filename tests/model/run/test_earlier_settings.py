"""A run that was trained before a setting came keeps what its code did then, not today's default."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from model.run.config import ModelConfig, RunConfig
from model.run.earlier_settings import BEFORE, trained_settings


def kept(**model: Any) -> dict[str, Any]:
    """The settings of a checkpoint from before: without the keys that came later, but for those named."""
    config = asdict(RunConfig(name="old"))
    for part, values in BEFORE.items():
        for key in values:
            del config[part][key]
    config["model"] |= model
    return config


def test_absent_settings_mean_what_was_done_then() -> None:
    found = trained_settings(kept(), "old.safetensors: config")
    assert found.model == ModelConfig(standardize_edges=False, standardize_nodes=False)
    assert found.name == "old"
    assert ModelConfig().standardize_edges and ModelConfig().standardize_nodes


def test_settings_that_are_there_count() -> None:
    found = trained_settings(kept(standardize_edges=True, standardize_nodes=False), "new.safetensors: config")
    assert (found.model.standardize_edges, found.model.standardize_nodes) == (True, False)


@pytest.mark.parametrize("config", [None, [], {"model": None}, {"model": {"frames": "x"}}, {"other": 1}])
def test_what_is_no_settings_is_a_sentence_or_the_defaults(config: object) -> None:
    try:
        found = trained_settings(config, "odd.safetensors: config")
    except ValueError as error:
        assert str(error).startswith("odd.safetensors: config")
    else:
        assert config in (None, {"model": None}) and isinstance(found, RunConfig)
