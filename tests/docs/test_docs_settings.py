"""docs/settings.md is what the dataclasses say, and every setting has its sentence."""

from __future__ import annotations

import dataclasses
import re
import typing
from dataclasses import dataclass

import pytest

from docs.settings_page import PAGE, describe_fields, describe_settings
from model.run.config import RunConfig
from pipeline.settings import Settings
from pipeline.synth.settings import SynthSettings


def plain_settings(schema: type[typing.Any], group: str = "") -> list[str]:
    """Dotted names of all settings, as a settings file nests them."""
    hints, found = typing.get_type_hints(schema), []
    for field in dataclasses.fields(schema):
        kind = hints[field.name]
        inner = plain_settings(kind, f"{group}{field.name}.") if dataclasses.is_dataclass(kind) else None
        found += [f"{group}{field.name}"] if inner is None else inner
    return found


def test_the_page_is_what_the_classes_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == describe_settings(), (
        "docs/settings.md is not what the dataclasses say; write it anew: python -m docs.settings_page"
    )


def test_every_setting_has_a_row_with_a_meaning() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| `([^|]+)` \| ([^|]+) \|$", describe_settings(), re.M)
    expected = [name for schema in (Settings, RunConfig, SynthSettings) for name in plain_settings(schema)]
    assert sorted(row[0] for row in rows) == sorted(expected)
    assert ("model.frames", "a whole number in 1…24", "6", "T, frames of a clip") in rows
    known = [row[:3] for row in rows]
    assert ("train.milestones", "a list of rising epochs, each 1 or more", "[60, 100]") in known
    assert ("train.steps_per_epoch", "a whole number of 1 or more, or none", "null") in known
    assert ("edges.angle", "one of 'arctan', 'atan2', 'sincos'", "arctan") in known
    assert ("model.bidirectional", "true or false", "false") in known


@dataclass(frozen=True)
class Undescribed:
    """Two settings and a sentence for one.

    first, third: of three.
    """

    first: int = 1
    second: int = 2


@dataclass(frozen=True)
class Described:
    """Three settings.

    first: with a semicolon; not a setting: still
        of the first; second, third: together.
    """

    first: int = 1
    second: int = 2
    third: int = 3


def test_a_setting_without_a_sentence_and_a_sentence_without_a_setting_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^Undescribed: expected a description of \['second'\], and none of \['third'"
    ):
        describe_fields(Undescribed)


def test_sentences_are_told_apart() -> None:
    assert describe_fields(Described) == {
        "first": "with a semicolon; not a setting: still of the first",
        "second": "together",
        "third": "together",
    }
