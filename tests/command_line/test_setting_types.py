"""Settings check themselves however they are made, stay dataclasses, and name every fault in one line."""

from __future__ import annotations

import dataclasses
import json
import pickle
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from command_line.setting_schema import expected_words, schema_of
from command_line.setting_types import Count, Share, settings
from command_line.settings_file import build_settings

Angle = Literal["arctan", "atan2"]


@settings
@dataclass(frozen=True)
class Inner:
    """A group."""

    frames: Annotated[int, Field(ge=2, le=7)] = 3
    width: Count | None = None
    rates: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.5,)
    angle: Angle = "arctan"

    def __post_init__(self) -> None:
        if self.width == self.frames:
            raise ValueError(f"width: expected another number than frames, got {self.width}")


@settings
@dataclass(frozen=True)
class Outer:
    """A whole file."""

    name: str
    inner: Inner = field(default_factory=Inner)
    rate: Annotated[float, Field(gt=0)] = 1.0
    fast: bool = False


@dataclass(frozen=True)
class Plain:
    """What is read by the same function, but not ours to decorate."""

    rows: tuple[Inner, ...]


GOOD: dict[str, Any] = {"name": "a", "inner": {"width": 5, "rates": [0, 1, 0.25], "angle": "atan2"}, "rate": 2}
BUILT = Outer(name="a", inner=Inner(width=5, rates=(0.0, 1.0, 0.25), angle="atan2"), rate=2.0)


def test_plain_data_becomes_the_dataclass_and_goes_back() -> None:
    built = build_settings(GOOD, Outer, "x")
    assert built == BUILT
    assert [type(value) for value in (*built.inner.rates, built.rate)] == [float] * 4
    assert build_settings(json.loads(json.dumps(dataclasses.asdict(built))), Outer, "x") == built
    assert build_settings({"name": "a", "inner": None}, Outer, "x") == Outer(name="a")
    assert build_settings({"rows": [{"frames": 7}, {}]}, Plain, "x") == Plain((Inner(frames=7), Inner()))


def test_it_stays_a_frozen_dataclass() -> None:
    assert repr(BUILT.inner) == "Inner(frames=3, width=5, rates=(0.0, 1.0, 0.25), angle='atan2')"
    assert [entry.name for entry in dataclasses.fields(Outer)] == ["name", "inner", "rate", "fast"]
    assert vars(Inner(width=5)) == {"frames": 3, "width": 5, "rates": (0.5,), "angle": "arctan"}
    again = pickle.loads(pickle.dumps(BUILT))
    assert (again, hash(again), type(again)) == (BUILT, hash(BUILT), Outer)
    assert dataclasses.replace(BUILT, rate=3.0).inner is BUILT.inner
    assert dataclasses.replace(BUILT, rate=3.0) != BUILT
    with pytest.raises(dataclasses.FrozenInstanceError):
        BUILT.rate = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frames": 8}, "frames: expected a whole number in 2…7, got 8"),
        ({"frames": 3.0}, "frames: expected a whole number in 2…7, got 3.0"),
        ({"frames": True}, "frames: expected a whole number in 2…7, got True"),
        ({"frames": "3"}, "frames: expected a whole number in 2…7, got '3'"),
        ({"width": 0}, "width: expected a whole number of 1 or more, or none, got 0"),
        ({"width": 3}, "width: expected another number than frames, got 3"),
        ({"rates": ()}, "rates: expected a list of 1 or more, each a number in 0…1, got ()"),
        ({"rates": (0.5, float("nan"))}, "rates[1]: expected a number in 0…1, got nan"),
        ({"rates": [0.5]}, "rates: expected a list of 1 or more, each a number in 0…1, got [0.5]"),
        ({"angle": "sin"}, "angle: expected one of 'arctan', 'atan2', got 'sin'"),
        ({"angel": "sin"}, "unknown key 'angel', nearest is 'angle'; known keys are frames, width, rates, angle"),
        ({"frames": "x" * 99}, f"frames: expected a whole number in 2…7, got '{'x' * 58}…"),
        (
            {"frames": 0, "width": "a", "angle": 1},
            "frames: expected a whole number in 2…7, got 0; width: expected a whole number of 1 or more, or none,"
            " got 'a'; angle: expected one of 'arctan', 'atan2', got 1",
        ),
        (
            {"rates": (1, "a", 2, 3, -1)},
            "rates[1]: expected a number in 0…1, got 'a'; rates[2]: expected a number in 0…1, got 2;"
            " rates[3]: expected a number in 0…1, got 3; and 1 more",
        ),
    ],
)
def test_what_code_makes_is_checked_too(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        Inner(**values)
    assert str(refused.value) == message
    with pytest.raises(ValueError) as refused:
        dataclasses.replace(Inner(), **values)
    assert str(refused.value) == message


def test_too_many_values_are_named() -> None:
    with pytest.raises(ValueError, match="known keys are frames, width, rates, angle"):
        Inner(3, None, (0.5,), "arctan", 9)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a mapping of settings, got None"),
        ([1], "expected a mapping of settings, got [1]"),
        ({}, "expected the key 'name', which has no default, got none"),
        ({"name": 3}, "name: expected text, got 3"),
        ({"name": "a", "fast": "yes"}, "fast: expected true or false, got 'yes'"),
        ({"name": "a", "rate": float("inf")}, "rate: expected a finite number of more than 0, got inf"),
        ({"name": "a", "rate": None}, "rate: expected a finite number of more than 0, got None"),
        ({"name": "a", "inner": []}, "inner: expected a mapping of settings, got []"),
        ({"name": "a", "inner": {"width": 3}}, "inner.width: expected another number than frames, got 3"),
        ({"name": "a", "inner": {"rate": 1}}, "inner: unknown key 'rate', nearest is 'rates'; known keys are frames"),
        ({"name": "a", 7: 1}, "unknown key '7'; known keys are name, inner, rate, fast"),
        ({"name": "a", ("b",): 1}, "expected plain settings, got other values (keys must be str"),
        ({"name": {"a"}}, "expected plain settings, got other values (Object of type set"),
        ({"name": "\ud800"}, "expected settings, got "),
    ],
)
def test_faults_of_plain_data_are_named(content: object, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        build_settings(content, Outer, "x.yaml")
    assert str(refused.value).startswith(f"x.yaml: {message}")
    assert "\n" not in str(refused.value)


def test_a_plain_dataclass_is_held_to_the_same() -> None:
    for content, message in (
        ({"rows": [{}, {"frames": 9}]}, "x: rows[1].frames: expected a whole number in 2…7, got 9"),
        ({"rows": [], "row": 1}, "x: unknown key 'row', nearest is 'rows'; known keys are rows"),
        ({"rows": "abc"}, "x: rows: expected a list, each a mapping of settings, got 'abc'"),
    ):
        with pytest.raises(ValueError) as refused:
            build_settings(content, Plain, "x")
        assert str(refused.value) == message


def test_the_schema_has_its_groups_in_place_and_no_title_of_a_field() -> None:
    schema = schema_of(Outer)
    assert "$defs" not in schema
    assert schema["required"] == ["name"]
    assert schema["properties"]["inner"]["properties"]["frames"] == {
        "default": 3,
        "maximum": 7,
        "minimum": 2,
        "type": "integer",
    }
    assert expected_words(schema["properties"]["name"]) == "text"
