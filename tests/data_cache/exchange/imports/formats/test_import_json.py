"""JSON read item by item gives what the standard library reads at once, whatever lies on the border of two blocks."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_cache.exchange.imports.formats import json_items
from data_cache.exchange.imports.formats.json_items import read_items

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - (1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def items(folder: Path, text: str) -> list[tuple[str | None, object]]:
    path = folder / "a.json"
    path.write_text(text, encoding="utf-8")
    return list(read_items(path))


def flattened(content: object) -> list[tuple[str | None, object]]:
    if isinstance(content, list):
        return [(None, item) for item in content]
    assert isinstance(content, dict)
    return [(key, item) for key, value in content.items() for item in (value if isinstance(value, list) else [value])]


@settings(max_examples=150, deadline=None)
@given(
    content=st.lists(VALUES, max_size=6) | st.dictionaries(st.text(max_size=5), VALUES, max_size=6),
    block=st.integers(1, 23),
    indent=st.sampled_from([None, 1]),
    escaped=st.booleans(),
)
def test_items_are_those_of_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory, content: object, block: int, indent: int | None, escaped: bool
) -> None:
    text = json.dumps(content, indent=indent, ensure_ascii=escaped)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_items, "_BLOCK_BYTES", block)
        assert items(tmp_path_factory.mktemp("j"), text) == flattened(content)


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"a": number} for number in range(90_000)]) + "\n  ")
    digest = hashlib.sha256()
    assert path.stat().st_size > json_items._BLOCK_BYTES
    assert sum(1 for _ in read_items(path, digest)) == 90_000
    assert digest.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_not_a_number_is_read_as_such(tmp_path: Path) -> None:
    (found,) = items(tmp_path, "[NaN]")
    assert isinstance(found[1], float) and math.isnan(found[1])


BROKEN = {
    "cut in a value": '[{"a": 1}, {"b"',
    "cut after a value": '[{"a": 1}',
    "cut in a list": '{"images": [1, 2',
    "cut in a number's text": '{"a": tru',
    "two values": "[1] [2]",
    "no comma": "[1 2]",
    "comma at the end": "[1,]",
    "no key": "{1: 2}",
    "no colon": '{"a" 2}',
    "number": "5",
    "empty": "",
    "text": "Hello",
    "too deep": "[" * 200_000,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_json_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"a\.json: expected whole JSON, but .*; copy or make the file again"):
        items(tmp_path, text)


def test_other_bytes_and_endless_items_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    for data in (b"[\xff]", b'["\xc3'):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="its text is not UTF-8"):
            list(read_items(path))
    monkeypatch.setattr(json_items, "MAX_ITEM_CHARACTERS", 1000)
    monkeypatch.setattr(json_items, "_BLOCK_BYTES", 100)
    with pytest.raises(ValueError, match="an item of more than 1000 characters"):
        items(tmp_path, '["' + "a" * 5000 + '"]')
    with pytest.raises(ValueError, match=r"damage or .* characters \(Expecting value\)"):  # which of them is not known
        items(tmp_path, "[nope" + ", 1" * 5000 + "]")
    assert len(items(tmp_path, json.dumps(["a" * 500] * 20))) == 20
