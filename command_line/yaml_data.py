"""YAML 1.2 text to plain data, as DVC reads it (by ruamel.yaml): mappings, lists, text, numbers, true, false and null.

Numbers are JSON's and more: `5e-4`, `1E5`, `.inf`, `0x1f`; `010` is ten, and `yes`, `on` and `1:30` are text. A date is
text too. A key that is there twice is an error, and so is every tag that would make anything else: nothing is executed;
whole numbers have 64 bits at most, and nesting is bounded.
"""

from __future__ import annotations

import functools
import warnings
from itertools import chain
from typing import Any

from command_line.json_data import MAX_DEPTH, MAX_WHOLE

MAX_TEXT = 1 << 20  # characters of a text, and of what it stands for with every alias written out
_SHOWN = 20


def parse_yaml(text: str) -> Any:
    """Return what `text` holds; None for an empty one. ``ValueError`` says in one line what is wrong, and where."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(text) > MAX_TEXT:
        raise ValueError(f"expected at most {MAX_TEXT} characters, got more")
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _plain_constructor()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an anchor that is there twice, on several lines
            return reader.load(text)
    except RecursionError:
        raise ValueError("not valid YAML: nested too deeply") from None
    except (YAMLError, ValueError, LookupError) as error:  # the latter two: a value that does not fit its tag
        mark = getattr(error, "problem_mark", None)
        said = ", ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None)))) or str(error)
        place = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"not valid YAML: {place}{' '.join(said.split())}") from None


@functools.cache
def _plain_constructor() -> type[Any]:
    """ruamel's safe constructor without the types that JSON has not, and with a bound on what aliases stand for."""
    from ruamel.yaml.constructor import ConstructorError, SafeConstructor

    class PlainConstructor(SafeConstructor):
        def construct_document(self, node: Any) -> Any:
            characters, levels = _extent(node, {})
            if characters > MAX_TEXT:
                problem = f"expected at most {MAX_TEXT} characters with every alias (*name) written out, got more"
                raise ConstructorError(problem=problem)
            if levels > MAX_DEPTH:
                raise RecursionError
            return super().construct_document(node)

    names = ("null", "bool", "int", "float", "str", "seq", "map")
    known = {f"tag:yaml.org,2002:{name}": getattr(SafeConstructor, f"construct_yaml_{name}") for name in names}
    known["tag:yaml.org,2002:int"] = _whole_number
    known["tag:yaml.org,2002:timestamp"] = SafeConstructor.construct_yaml_str
    PlainConstructor.yaml_constructors = {**known, None: SafeConstructor.construct_undefined}
    return PlainConstructor


def _extent(node: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Characters and levels of `node` with its aliases written out; more than allowed for one that contains itself."""
    if isinstance(node.value, str):
        node.value.encode()  # half a surrogate pair, which an escape can write, is no text
        return 1 + len(node.value), 0
    if id(node) not in known:
        known[id(node)] = MAX_TEXT + 1, MAX_DEPTH + 1  # until it is known
        parts = chain.from_iterable(part if isinstance(part, tuple) else (part,) for part in node.value)
        extents = [_extent(part, known) for part in parts]
        known[id(node)] = 1 + sum(size for size, _ in extents), 1 + max((levels for _, levels in extents), default=0)
    return known[id(node)]


def _whole_number(constructor: Any, node: Any) -> int:
    from ruamel.yaml.constructor import SafeConstructor

    number: int = SafeConstructor.construct_yaml_int(constructor, node)
    if abs(number) >= MAX_WHOLE:
        raise ValueError(f"expected whole numbers of 64 bits, got {node.value[:_SHOWN]}…")
    return number
