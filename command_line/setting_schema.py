"""What settings may be as a JSON schema, in words, and in the one line of an error.

The JSON schema that pydantic makes of a class is the one description: editors read it, the page of settings is made of
it, and an error says what was expected in its words.
"""

from __future__ import annotations

import functools
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_SHOWN = 3  # faults of one error
_LONGEST = 60  # characters of a value in an error
_WORDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "none",
    "number": "a number",
    "string": "text",
}


@functools.cache
def adapter_of(schema: Any) -> TypeAdapter[Any]:
    """What builds the dataclass `schema` from plain data."""
    return TypeAdapter(schema)


def schema_of(schema: Any) -> dict[str, Any]:
    """The JSON schema of the dataclass `schema`, with its groups in place: a title says what a setting may be."""
    from pydantic.json_schema import GenerateJsonSchema

    class Untitled(GenerateJsonSchema):
        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    whole = adapter_of(schema).json_schema(schema_generator=Untitled)
    groups = whole.pop("$defs", {})

    def in_place(node: Any) -> Any:
        if isinstance(node, list):
            return [in_place(part) for part in node]
        if not isinstance(node, dict):
            return node
        group = groups[node["$ref"].rpartition("/")[2]] if "$ref" in node else {}
        return {key: in_place(part) for key, part in {**group, **node}.items() if key != "$ref"}

    placed: dict[str, Any] = in_place(whole)
    return placed


def expected_words(node: dict[str, Any]) -> str:
    """What a part of a JSON schema lets be, in words: `a whole number in 1…24`."""
    if "properties" in node:
        return "a mapping of settings"
    if "title" in node:
        return str(node["title"])
    if "anyOf" in node:
        return ", or ".join(map(expected_words, node["anyOf"]))
    if "enum" in node:
        return f"one of {', '.join(map(repr, node['enum']))}"
    if node["type"] == "array":
        least = f" of {node['minItems']} or more" if "minItems" in node else ""
        return f"a list{least}, each {expected_words(node['items'])}"
    lowest, highest = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    kind = _WORDS[node["type"]]
    if lowest is not None and highest is not None:
        return f"{kind} in {lowest}…{highest}"
    if node["type"] == "number" and highest is below is None:
        kind = "a finite number"
    bounds = ((lowest, "{} or more"), (above, "more than {}"), (highest, "up to {}"), (below, "less than {}"))
    said = " and ".join(words.format(bound) for bound, words in bounds if bound is not None)
    return f"{kind} of {said}" if said else kind


def describe_faults(error: ValidationError, schema: type[Any]) -> str:
    """What `error` found in what should become `schema`, in one line: `key: expected …, got …; key: …`."""
    details = error.errors(include_url=False)
    places = {fault["loc"] for fault in details}
    inner = {place[:length] for place in places for length in range(len(place))}
    root = schema_of(schema)
    # pydantic also calls a list too short when its items are wrong
    faults = [_describe_fault(fault, root) for fault in details if fault["loc"] not in inner]
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(faults[:_SHOWN]) + more


def _describe_fault(fault: ErrorDetails, root: dict[str, Any]) -> str:
    kind, place, got = fault["type"], fault["loc"], fault["input"]
    around = _part(root, place[:-1])
    if kind.startswith("unexpected_"):  # …keyword_argument, or more values than there are settings
        known = list(around["properties"])
        nearest = "".join(f", nearest is {name!r}" for name in get_close_matches(str(place[-1]), known, 1))
        return f"{_key(place[:-1])}unknown key {str(place[-1])!r}{nearest}; known keys are {', '.join(known)}"
    if kind == "missing":
        return f"{_key(place[:-1])}expected the key {str(place[-1])!r}, which has no default, got none"
    part = _part(root, place)
    if kind == "value_error" and "properties" in part:  # a class's own check, which begins with a key of its group
        return f"{_key(place).removesuffix(': ')}{'.' if place else ''}{fault['ctx']['error']}"
    if kind == "json_invalid":
        return f"expected settings, got {fault['ctx']['error']}"
    shown = repr(got) if len(repr(got)) <= _LONGEST else f"{repr(got)[: _LONGEST - 1]}…"
    return f"{_key(place)}expected {expected_words(part)}, got {shown}"


def _part(node: dict[str, Any], place: Sequence[int | str]) -> dict[str, Any]:
    """The part of the JSON schema `node` about the value at `place`."""
    for name in place:
        node = node["items"] if isinstance(name, int) else node["properties"][name]
    return node


def _key(place: Sequence[int | str]) -> str:
    """`model.exponents[1]: `; nothing for the whole."""
    text = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in place)
    return f"{text[1:]}: " if text else ""
