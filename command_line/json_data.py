"""JSON text of files to plain data: mappings, lists, text, finite numbers of 64 bits, true, false and null.

Python's own reader takes more (NaN, numbers of any length, a key twice, half a character) and ends in two errors that
are no ValueError; here everything that is not plain JSON is one ValueError of one line.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from pathlib import Path

MAX_DEPTH = 100  # lists and mappings in each other; what goes through the data afterwards is recursive too
MAX_WHOLE = 1 << 64  # whole numbers are nearer to 0
_DIGITS = 20  # of the largest one
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # of a character that takes two escapes
_SHOWN = 40

MakeObject = Callable[[list[tuple[str, Any]]], Any]


def parse_json(text: str | bytes, make_object: MakeObject | None = None, *, finite: bool = True) -> Any:
    """Return what `text` holds; bytes are UTF-8 without a byte order mark.

    make_object: what becomes of the keys and values of an object, for one that says itself which key is there twice
    finite:      False leaves NaN and infinity to the caller, for one that says itself whose they are
    Raises ValueError, in one line, for anything that is no JSON (then it is a json.JSONDecodeError) and for a number
    that is not finite or has more than 64 bits, a key that is there twice, half a surrogate pair, and more than
    `MAX_DEPTH` levels.
    """
    whole = _decoded(text)
    try:
        value = json_decoder(make_object, finite=finite).decode(whole)
    except RecursionError:
        raise _too_deep() from None
    check_plain(value, whole)
    return value


def read_json(path: Path, most: int) -> Any:
    """Return what the file `path` holds, of at most `most` bytes.

    Raises as `parse_json`, without the file's name, and OSError.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"expected at most {most >> 10} KiB, got more")
    return parse_json(content)


def json_decoder(make_object: MakeObject | None = None, *, finite: bool = True) -> json.JSONDecoder:
    """A decoder that refuses what `parse_json` does (ValueError), but for what `check_plain` finds.

    What is no JSON at all is a json.JSONDecodeError; RecursionError is the caller's to catch.
    """
    return json.JSONDecoder(
        object_pairs_hook=make_object or _each_key_once,
        parse_int=_whole_number,
        parse_float=_finite_number if finite else float,
        parse_constant=_refuse_constant if finite else float,
    )


def check_plain(value: object, text: str) -> None:
    """Raise ValueError where `value`, read from `text`, is nested too deeply or holds half a surrogate pair."""
    halves = _ESCAPED_HALF.search(text) is not None
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        if halves:
            _check_text(level)
        containers = [part for part in level if isinstance(part, dict | list)]
        if not containers:
            return
        level = [part for whole in containers for part in (whole.values() if isinstance(whole, dict) else whole)]
    raise _too_deep()


def _decoded(text: str | bytes) -> str:
    try:
        whole = text.decode("utf-8") if isinstance(text, bytes) else text
        if not whole.isascii():
            whole.encode("utf-8")  # text that is none: halves of surrogate pairs
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise ValueError(f"expected UTF-8, got other bytes ({error.reason} at {error.start})") from None
    if whole.startswith(codecs.BOM_UTF8.decode()):
        raise ValueError("expected UTF-8 without a byte order mark, got one; save the file without it")
    return whole


def _check_text(level: list[Any]) -> None:
    keys = chain.from_iterable(part for part in level if isinstance(part, dict))
    for text in chain(keys, (part for part in level if isinstance(part, str))):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            got = f"half a surrogate pair in {_short(ascii(text))}"
            raise ValueError(f"expected whole characters, got {got}") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"expected every key once, got {_short(ascii(twice))} twice")
    return found


def _whole_number(text: str) -> int:
    if len(text) > _DIGITS + 1 or abs(int(text)) >= MAX_WHOLE:
        raise ValueError(f"expected whole numbers of 64 bits, got {_short(text)}")
    return int(text)


def _finite_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"expected finite numbers, got {_short(text)}")
    return number


def _refuse_constant(text: str) -> Never:
    raise ValueError(f"expected finite numbers, got {text}")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _too_deep() -> ValueError:
    return ValueError(f"nested too deeply: expected at most {MAX_DEPTH} lists and mappings in each other")
