"""JSON schemas of the settings files, for editors: `python -m docs.settings_schema` writes configs/schema/.

What spans several settings (nesterov with momentum, milestones that rise) only the program checks.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

from command_line.params_file import Params
from command_line.setting_schema import schema_of
from docs.settings_page import describe_fields, summary
from model.run.config import RunConfig
from pipeline.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "configs" / "schema"
SCHEMAS: dict[str, type[Any]] = {"params": Params, "stage-one": Settings, "run": RunConfig}
_DRAFT = "http://json-schema.org/draft-07/schema#"  # the newest that every editor knows


def schema_text(schema: type[Any]) -> str:
    """The file of the dataclass `schema`: its JSON schema, with the sentences of the docstrings as descriptions."""
    whole = {"$schema": _DRAFT, **_describe(schema_of(schema), schema)}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _describe(node: dict[str, Any], schema: type[Any]) -> dict[str, Any]:
    hints, meanings = typing.get_type_hints(schema), describe_fields(schema)
    described = {}
    for name, part in node["properties"].items():
        if dataclasses.is_dataclass(hints[name]):  # a group with nothing in it (null) is its defaults
            described[name] = {**_describe(part, hints[name]), "type": ["object", "null"]}
        else:
            described[name] = {**part, "description": meanings[name]}
    return {**node, "description": summary(schema), "properties": described}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, schema in SCHEMAS.items():
        (FOLDER / f"{name}.json").write_text(schema_text(schema), encoding="utf-8")
