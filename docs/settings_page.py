"""The page of all settings, docs/settings.md, made from the dataclasses: `python -m docs.settings_page` writes it.

The classes are the one home of names, types, ranges, defaults and descriptions.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import typing
from pathlib import Path
from typing import Any

from command_line.setting_schema import expected_words, schema_of
from model.run.config import RunConfig
from pipeline.settings import Settings
from pipeline.synth.settings import SynthSettings

PAGE = Path(__file__).resolve().parent / "settings.md"
_OPENING = """# Settings

<!-- Generated from the dataclasses; write it anew with: python -m docs.settings_page -->

A settings file lists what differs from these defaults; an unknown key is an error that names the known ones. Worker
counts, devices and addresses are options and not settings: speed is not a result. The settings below decide what comes
out; cache files and checkpoints carry what they were made with.

The files are YAML 1.2, as DVC reads them: `5e-4` and `1E5` are numbers, `010` is ten, and `yes`, `on`, `1:30` and
`2026-11-25` are text, as is everything in quotes. A key that is there twice is an error. An editor that knows the YAML
language server completes and checks them by `configs/schema/`, which the first line of every shipped file names.

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
    for name, node in schema_of(schema)["properties"].items():
        if dataclasses.is_dataclass(hints[name]):
            groups += _describe_class(hints[name], f"{group}{name}.")
            continue
        default = node["default"] if isinstance(node["default"], str) else json.dumps(node["default"])
        cells = (f"`{group}{name}`", expected_words(node), f"`{default}`", meanings[name])
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    heading = [f"### {group.rstrip('.')}\n{summary(schema)}\n"] if group else []
    table = "| setting | may be | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
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


def summary(schema: type[Any]) -> str:
    """The docstring's first paragraph."""
    return " ".join((inspect.getdoc(schema) or "").split("\n\n")[0].split())


if __name__ == "__main__":
    PAGE.write_text(describe_settings(), encoding="utf-8")
