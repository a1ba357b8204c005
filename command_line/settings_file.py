"""A YAML file becomes a frozen dataclass: the dataclass is the schema and the one home of defaults."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import TYPE_CHECKING, TypeVar

from command_line.yaml_data import MAX_TEXT, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

T = TypeVar("T")
_SHOWN = 60  # characters of a value in an error


def read_settings(path: Path, schema: type[T], overrides: Sequence[str] = ()) -> T:
    """Read `path` (YAML, plain data only) into the frozen dataclass `schema`, with `key=value` put over it.

    The file lists what differs from the defaults. Errors name the file, the key, what is known and what was
    found: ``FileNotFoundError`` for a missing file, ``ValueError`` for broken YAML, an unknown key, a wrong type
    or a value that the dataclass itself refuses.
    """
    return build_settings(overridden(read_mapping(path), overrides), schema, str(path))


def read_mapping(path: Path) -> object:
    """What the YAML file `path` holds, unchecked; an empty mapping for an empty file. Errors as `read_settings`."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_TEXT + 1)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such settings file; name one of configs/*.yaml") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise ValueError(f"{path}: expected a YAML text file, got something else") from None
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return {} if content is None else content


def overridden(content: object, overrides: Sequence[str]) -> object:
    """`content` with `key=value` put over it: keys are dotted (`model.frames=12`), values are YAML.

    Returns a new mapping; what is wrong with keys or types is for `build_settings` to say. ``ValueError`` for an
    override that is not `key=value`, or reaches into what is not a mapping.
    """
    result = copy.deepcopy(content)
    for override in overrides:
        key, equals, text = override.partition("=")
        *groups, last = key.split(".")
        if not equals or not all((*groups, last)):
            raise ValueError(f"--set: expected key=value, for instance model.frames=12, got {override!r}")
        place = result
        for group in groups:
            if isinstance(place, dict) and place.get(group) is None:
                place[group] = {}
            place = place[group] if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise ValueError(f"--set {override}: expected {'.'.join(groups) or 'the file'} to be a mapping")
        try:
            place[last] = parse_yaml(text)
        except ValueError as error:
            shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
            raise ValueError(f"--set {key}: expected a YAML value after '=', got {shown!r}: {error}") from None
    return result


def build_settings(content: object, schema: type[T], where: str) -> T:
    """Build the dataclass `schema` from plain data; `where` is the file (and key) that the errors name.

    A list becomes a tuple, a mapping a dataclass, and a group with nothing in it (null) its defaults. ``ValueError``
    as `read_settings`.
    """
    from pydantic import ValidationError

    from command_line.setting_schema import adapter_of, describe_faults

    assert dataclasses.is_dataclass(schema)
    if isinstance(content, dict):
        groups = {
            field.name for field in dataclasses.fields(schema) if field.default_factory is not dataclasses.MISSING
        }
        content = {key: {} if value is None and key in groups else value for key, value in content.items()}
    try:
        built: T = adapter_of(schema).validate_json(json.dumps(content), strict=True, extra="forbid")
        return built
    except ValidationError as error:
        raise ValueError(f"{where}: {describe_faults(error, schema)}") from None
    except (TypeError, ValueError, RecursionError) as error:  # what JSON has not
        raise ValueError(f"{where}: expected plain settings, got other values ({error})") from None
