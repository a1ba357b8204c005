"""A YAML file becomes a frozen dataclass: the dataclass is the schema and the one home of defaults."""

from __future__ import annotations

import copy
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from command_line.yaml_data import MAX_TEXT, parse_yaml

T = TypeVar("T")


def read_settings(path: Path, schema: type[T]) -> T:
    """Read `path` (YAML, plain data only) into the frozen dataclass `schema`.

    The file lists what differs from the defaults. Errors name the file, the key, what is known and what was
    found: ``FileNotFoundError`` for a missing file, ``ValueError`` for broken YAML, an unknown key, a wrong type
    or a value that the dataclass itself refuses.
    """
    return build_settings(read_mapping(path), schema, str(path))


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
            raise ValueError(f"--set {override}: expected a YAML value after '=', got {text!r}: {error}") from None
    return result


def build_settings(content: object, schema: type[T], where: str) -> T:
    """Build `schema` from a mapping; `where` is the file (and key) that the errors name."""
    assert dataclasses.is_dataclass(schema)
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected a mapping of settings, got {type(content).__name__}")
    fields = {field.name: field for field in dataclasses.fields(schema)}
    unknown = [str(key) for key in content if key not in fields]
    if unknown:
        raise ValueError(f"{where}: unknown key {', '.join(map(repr, unknown))}; known keys are {', '.join(fields)}")
    hints = typing.get_type_hints(schema)
    values = {key: _convert(value, hints[key], f"{where}: {key}") for key, value in content.items()}
    if lacking := [
        field.name
        for field in fields.values()
        if field.name not in values and field.default is field.default_factory is dataclasses.MISSING
    ]:
        raise ValueError(f"{where}: expected the key {', '.join(map(repr, lacking))}, which has no default, got none")
    try:
        return schema(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _convert(value: Any, kind: Any, where: str) -> Any:
    """Check `value` against the annotation `kind`: a dataclass, a Literal, a union with None, or a plain type."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return build_settings({} if value is None else value, kind, where)
    origin = typing.get_origin(kind)
    if origin is tuple:  # tuple[kind, ...]: a YAML list
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where}: expected a list, got {value!r} ({type(value).__name__})")
        inner = typing.get_args(kind)[0]
        return tuple(_convert(item, inner, f"{where}[{number}]") for number, item in enumerate(value))
    if origin is typing.Literal:
        choices = typing.get_args(kind)
        if value not in choices or isinstance(value, bool):  # True == 1 would pass for a choice of numbers
            raise ValueError(f"{where}: expected one of {', '.join(map(repr, choices))}, got {value!r}")
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in typing.get_args(kind):
            return None
        (inner,) = (part for part in typing.get_args(kind) if part is not type(None))
        return _convert(value, inner, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{where}: expected {kind.__name__}, got {value!r} ({type(value).__name__})")
    return value
