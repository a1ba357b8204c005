"""Reads the JSON of other programs item by item, in bounded memory and with bounded nesting."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any

from command_line.json_data import check_plain, json_decoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from hashlib import _Hash
    from pathlib import Path

_BLOCK_BYTES = 1 << 20
MAX_ITEM_CHARACTERS = 1 << 24  # of one object of a list, or one value beside the lists
_BLANKS = " \t\r\n"
_ENDS = (*_BLANKS, ",", ":", "]", "}")


class _Text:
    """A window on the text of a file: `peek` looks at the next character, `value` decodes the next value."""

    def __init__(self, path: Path, digest: _Hash | None) -> None:
        self.path = path
        self._digest = digest
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()  # Windows begins files with a mark
        self._json = json_decoder(finite=False)  # NaN is for the importer, which names its row
        self._buffer = ""
        self._place = 0
        self._ended = False

    def close(self) -> None:
        self._file.close()

    def peek(self) -> str:
        """The next character that is no blank, '' at the end of the file."""
        while True:
            while self._place < len(self._buffer) and self._buffer[self._place] in _BLANKS:
                self._place += 1
            if self._place < len(self._buffer):
                return self._buffer[self._place]
            if not self._more(_BLOCK_BYTES):
                return ""

    def take(self, wanted: str) -> str:
        """Take one character out of `wanted`."""
        found = self.peek()
        if not found or found not in wanted:
            expected = " or ".join(repr(character) for character in wanted)
            raise self.refusal(f"expected {expected}, found {repr(found) if found else 'its end'}")
        self._place += 1
        return found

    def value(self) -> Any:
        """Decode one whole value."""
        self.peek()
        block = _BLOCK_BYTES
        reason = "no end"
        while True:
            try:
                value, stop = self._json.raw_decode(self._buffer, self._place)
                # What ends with the block may go on in the next one: 1 of 12, or of 1.5.
                if self._buffer[stop : stop + 1] in _ENDS or not self._more(block):
                    check_plain(value, self._buffer[self._place : stop])
                    self._place = stop
                    return value
            except json.JSONDecodeError as error:
                reason = error.msg
                if not self._more(block):
                    raise self.refusal(reason) from None
            except RecursionError:
                raise self.refusal("its values are nested too deep") from None
            except ValueError as error:
                raise self.refusal(str(error)) from None
            if len(self._buffer) - self._place > MAX_ITEM_CHARACTERS:
                raise self.refusal(f"damage or an item of more than {MAX_ITEM_CHARACTERS} characters ({reason})")
            block *= 2  # so that a long item is not decoded over and over

    def refusal(self, reason: str) -> ValueError:
        return ValueError(f"{self.path}: expected whole JSON, but {reason}; copy or make the file again")

    def _more(self, count: int) -> bool:
        """Read on; False at the end of the file."""
        while not self._ended:
            data = self._file.read(count)
            self._ended = len(data) < count
            if self._digest is not None:
                self._digest.update(data)
            try:
                text = self._decoder.decode(data, self._ended)
            except UnicodeDecodeError:
                raise self.refusal("its text is not UTF-8") from None
            if text:
                self._buffer = self._buffer[self._place :] + text
                self._place = 0
                return True
        return False


def read_items(path: Path, digest: _Hash | None = None) -> Iterator[tuple[str | None, Any]]:
    """Yield (key, item) for the items of the lists of a JSON object and for its other values; the key is None for
    the items of a file that is one list.

    digest: is given every byte of the file, once all items were taken
    Raises ValueError for a file that is no such JSON, or cut off; OSError if it cannot be read.
    """
    text = _Text(path, digest)
    try:
        if text.peek() == "[":
            for item in _list_items(text):
                yield None, item
        else:
            yield from _object_items(text)
        if text.peek():
            raise text.refusal("something follows its end")
    finally:
        text.close()


def _object_items(text: _Text) -> Iterator[tuple[str, Any]]:
    text.take("{")
    if text.peek() == "}":
        text.take("}")
        return
    seen: set[str] = set()
    while True:
        key = text.value()
        if not isinstance(key, str):
            raise text.refusal("a key is not text")
        if key in seen:
            raise text.refusal(f"expected every key once, got {key!a:.40} twice")
        seen.add(key)
        text.take(":")
        if text.peek() == "[":
            for item in _list_items(text):
                yield key, item
        else:
            yield key, text.value()
        if text.take(",}") == "}":
            return


def _list_items(text: _Text) -> Iterator[Any]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",]") == "]":
            return
