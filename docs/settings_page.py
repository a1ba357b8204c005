"""The page of all settings, docs/settings.md, made from the dataclasses: `python -m docs.settings_page` writes it.

The classes are the one home of names, types, defaults and descriptions; what a setting may be is asked of the class
itself, by giving it what it should refuse.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from pathlib import Path
from typing import Any

from model.run.config import RunConfig
from pipeline.settings import Settings
from pipeline.synth.settings import SynthSettings

PAGE = Path(__file__).resolve().parent / "settings.md"
_OPENING = """# Settings

<!-- Generated from the dataclasses; write it anew with: python -m docs.settings_page -->

A settings file lists what differs from these defaults; an unknown key is an error that names the known ones. Worker
counts, devices and addresses are options and not settings: speed is not a result. The settings below decide what comes
out; cache files and checkpoints carry what they were made with.

`params.yaml` says what `dvc repro` works on: `dataset`, `root`, `runs` and `clip_lengths`.
"""
_FILES = (
    ("Stage one", "`configs/<dataset>.yaml`, read by stage one.", Settings),
    (
        "Stage two",
        "`configs/runs/<dataset>/<run>.yaml`, read by stage two. `--set group.name=value` goes over the file,"
        " for instance `--set train.epochs=30`.",
        RunConfig,
    ),
    ("Generated data", "Options of `star synth`: `--train-persons` is `train_persons`.", SynthSettings),
)
# What most settings refuse: each is tried, and what the class then says it expected is the range.
_REFUSED: tuple[object, ...] = ("/", -1, -0.5, 2**40, 1.5, float("inf"), 0, (), (0,), (0.0,))


def describe_settings() -> str:
    """The whole page as Markdown."""
    sections = [_OPENING]
    for title, place, schema in _FILES:
        sections.append(f"## {title}\n{place}\n")
        sections += _describe_class(schema, "")
    return "\n".join(sections)


def _describe_class(schema: type[Any], group: str) -> list[str]:
    """One table of the plain settings of a class, then those of its groups."""
    hints = typing.get_type_hints(schema)
    meanings = describe_fields(schema)
    rows, groups = [], []
    for field in dataclasses.fields(schema):
        kind = hints[field.name]
        if dataclasses.is_dataclass(kind):
            groups += _describe_class(typing.cast("type[Any]", kind), f"{group}{field.name}.")
            continue
        cells = (
            f"`{group}{field.name}`",
            _type_name(kind),
            f"`{_plain(field.default)}`",
            _range(schema, field.name, kind),
            meanings[field.name],
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    heading = [f"### {group.rstrip('.')}\n{_summary(schema)}\n"] if group else []
    table = "| setting | type | default | may be | meaning |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    return [*heading, *([table] if rows else []), *groups]


def describe_fields(schema: type[Any]) -> dict[str, str]:
    """Setting → its sentence in the docstring's lines `name: text` and `name, name: text; name: text`.

    ``ValueError`` names the settings without one, and those that the docstring describes and the class has not.
    """
    names = {field.name for field in dataclasses.fields(schema)}
    entries: list[str] = []
    for line in (inspect.getdoc(schema) or "").split("\n")[1:]:
        if line.startswith(" ") and entries:
            entries[-1] += f" {line.strip()}"
        elif line.strip():
            entries.append(line)
    found: dict[str, str] = {}
    for entry in entries:
        now: list[str] = []
        for piece in entry.split("; "):
            match = re.match(r"((?:\w+, )*\w+): (.*)$", piece)
            if match and set(match[1].split(", ")) & names:
                now = match[1].split(", ")
                found |= dict.fromkeys(now, match[2].rstrip("."))
            else:
                found |= {name: f"{found[name]}; {piece.rstrip('.')}" for name in now}
    groups = {name for name, kind in typing.get_type_hints(schema).items() if dataclasses.is_dataclass(kind)}
    lacking, unknown = sorted(names - groups - set(found)), sorted(set(found) - names)
    if lacking or unknown:
        raise ValueError(f"{schema.__name__}: expected a description of {lacking}, and none of {unknown}")
    return found


def _summary(schema: type[Any]) -> str:
    """The docstring's first paragraph."""
    return " ".join((inspect.getdoc(schema) or "").split("\n\n")[0].split())


def _type_name(kind: Any) -> str:
    """An annotation in words."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return "text" if isinstance(parts[0], str) else "number"
    if origin is tuple:
        return f"list of {_type_name(parts[0])}s"
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if part is type(None) else _type_name(part) for part in parts)
    return {bool: "true or false", int: "whole number", float: "number", str: "text"}[kind]


def _plain(value: object) -> str:
    """A default as YAML writes it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"[{', '.join(map(_plain, value))}]" if isinstance(value, tuple) else str(value)


def _range(schema: type[Any], name: str, kind: Any) -> str:
    """What the class says it expects of a setting, when it is given what does not fit."""
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(kind))
    said: list[str] = []
    for value in _REFUSED:
        try:
            schema(**{name: value})
        except ValueError as error:
            match = re.fullmatch(rf"{name}: expected (.*), got .*", str(error))
            said += [match[1]] if match and match[1] not in said else []
        except TypeError:  # a number where the class counts the parts of a list, and the like
            continue
    return "; ".join(said)


if __name__ == "__main__":
    PAGE.write_text(describe_settings(), encoding="utf-8")
