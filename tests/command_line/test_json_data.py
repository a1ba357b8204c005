"""JSON of files: what Python's reader gives, or one ValueError of one line, whatever the text is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line.json_data import MAX_DEPTH, parse_json, read_json
from command_line.settings_file import overridden, read_mapping

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("command_line", "data_cache", "pipeline", "model", "star")
WHOLE = st.integers(1 - (1 << 64), (1 << 64) - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=11,
)
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "Expecting value: line 1 column 1"),
    "cut": ('{"a":\n [1, 2', "line 2 column 7"),
    "something after it": ("1 2", "Extra data"),
    "400 digits": (f"[{'7' * 400}]", "expected whole numbers of 64 bits, got 777"),
    "5000 digits": (f"[-{'7' * 5000}]", "expected whole numbers of 64 bits, got -777"),
    "65 bits": (str(1 << 64), "expected whole numbers of 64 bits, got 18446744073709551616"),
    "an exponent": ('{"mAP": 1e400}', "expected finite numbers, got 1e400"),
    "NaN": ('{"mAP": NaN}', "expected finite numbers, got NaN"),
    "infinity": ("[-Infinity]", "expected finite numbers, got -Infinity"),
    "lists": ("[" * 20_000 + "]" * 20_000, "nested too deeply: expected at most 100"),
    "mappings": ('{"a":' * 20_000 + "1" + "}" * 20_000, "nested too deeply: expected at most 100"),
    "a level too much": ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deeply"),
    "a key twice": ('[{"b": {"a": 1, "c": 2, "a": 3}}]', "expected every key once, got 'a' twice"),
    "half a character": ('["x\\ud800"]', r"got half a surrogate pair in 'x\ud800'"),
    "the other half": ('[{"\\uDC07": 1}]', r"got half a surrogate pair in '\udc07'"),
    "half a character, not escaped": ('["\ud800"]', "expected UTF-8, got other bytes (surrogates not allowed at 2)"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "expected UTF-8 without a byte order mark, got one"),
    "UTF-16": ("{}".encode("utf-16"), "expected UTF-8, got other bytes (invalid start byte at 0)"),
}


@given(VALUES, st.booleans())
def test_plain_values_are_those_of_pythons_reader(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    for given_as in (text, text.encode()):
        assert json.dumps(parse_json(given_as)) == json.dumps(json.loads(text))


@given(st.text() | st.text('[]{}"\\ud8,:1e.-NaInfty \n', max_size=40) | st.binary())
def test_any_text_is_a_value_or_one_line(text: str | bytes) -> None:
    try:
        parse_json(text)
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_plain_json_is_named_in_one_line(case: str, tmp_path: Path) -> None:
    text, said = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        parse_json(text)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 160
    if isinstance(text, bytes):
        (tmp_path / "a.json").write_bytes(text)
        with pytest.raises(ValueError, match=re.escape(said)):
            read_json(tmp_path / "a.json", 100)


def test_what_is_allowed_to_the_last() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse_json(deep)) == deep
    assert parse_json(f"[{(1 << 64) - 1}, -1.5e308]") == [(1 << 64) - 1, -1.5e308]
    assert parse_json('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"
    nan, infinity = parse_json("[NaN, 1e400]", finite=False)
    assert nan != nan and infinity == float("inf")
    assert parse_json('{"a": 1, "a": 2}', list) == [("a", 1), ("a", 2)]


def test_a_large_file_is_not_read_to_its_end() -> None:
    with pytest.raises(ValueError, match="expected at most 2 KiB, got more"):
        read_json(Path("/dev/zero"), 2048)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("7" * 400, "expected whole numbers of 64 bits, got 777"),
        (f"0x{'f' * 400}", "expected whole numbers of 64 bits, got 0xfff"),
        ("[" * 20_000, "nested too deeply"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deeply"),
        ("{a: " * 20_000, "nested too deeply"),
    ],
)
def test_settings_refuse_such_numbers_and_nesting(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(f"a: {text}\n")
    for read in (lambda: read_mapping(tmp_path / "run.yaml"), lambda: overridden({}, [f"a={text}"])):
        with pytest.raises(ValueError, match=said) as refused:
            read()
        assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_no_other_place_reads_json() -> None:
    found = [
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if re.search(r"\bjson\.loads?\(|JSONDecoder\(", file.read_text(encoding="utf-8"))
    ]
    assert found == ["command_line/json_data.py"]
