"""YAML 1.2: what people write is what they mean, DVC agrees, and no file costs memory or runs code."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml as parse_as_dvc_does
from hypothesis import given
from hypothesis import strategies as st

from command_line.settings_file import overridden, read_mapping
from command_line.yaml_data import MAX_TEXT, parse_yaml

SCALARS: dict[str, object] = {
    "5e-4": 5e-4,
    "1e-3": 1e-3,
    "1E5": 1e5,
    "-2.5e+3": -2500.0,
    ".5": 0.5,
    "5.": 5.0,
    "7": 7,
    "7.0": 7.0,
    ".inf": float("inf"),
    "010": 10,
    "0o10": 8,
    "0x1F": 31,
    "'5e-4'": "5e-4",
    '"7"': "7",
    "'true'": "true",
    "1e": "1e",
    "e5": "e5",
    "1:30": "1:30",
    "yes": "yes",
    "No": "No",
    "on": "on",
    "off": "off",
    "y": "y",
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "[1, 1e1]": [1, 10.0],
}
# every character that JSON text and YAML share
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")), max_size=13)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - (1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=11,
)


@pytest.mark.parametrize("text", SCALARS)
def test_values_are_those_of_yaml_1_2_in_files_options_and_dvc(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(f"a: {text}\n", encoding="utf-8")
    found = read_mapping(tmp_path / "run.yaml")
    expected = {"a": SCALARS[text]}
    assert (found, parse_as_dvc_does(f"a: {text}", "run.yaml")) == (expected, expected)
    assert overridden({}, [f"a={text}"]) == expected
    assert type(found["a"]) is type(SCALARS[text])  # type: ignore[index]  # 7 is not 7.0, nor 1 true


@given(JSON)
def test_every_json_text_means_the_same(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert json.dumps(parse_yaml(text), sort_keys=True) == json.dumps(json.loads(text), sort_keys=True)


def test_a_date_is_text_where_dvc_makes_an_object() -> None:
    assert parse_yaml("name: 2026-11-25") == {"name": "2026-11-25"}
    assert parse_as_dvc_does("name: 2026-11-25", "run.yaml") == {"name": date(2026, 11, 25)}


def test_anchors_and_merges_are_written_out() -> None:
    assert parse_yaml("a: &one {x: 1, y: 2}\nb: {<<: *one, y: 3}") == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a: 1\nb: 2\na: 3", 'line 3: while constructing a mapping, found duplicate key "a" with value "3"'),
        ("model:\n  frames: 1\n  frames: 1", 'line 3: while constructing a mapping, found duplicate key "frames"'),
        ("a: [", "line 1: "),
        ("a: 1\n\tb: 2", "line 2: "),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: *b", "found undefined alias 'b'"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor for the tag"),
        ("a: !!set {x}", "could not determine a constructor for the tag 'tag:yaml.org,2002:set'"),
        ("a: !!binary aGk=", "could not determine a constructor for the tag 'tag:yaml.org,2002:binary'"),
        ("a: !!bool maybe", "'maybe'"),
        ("a: !!int ''", "index out of range"),
        ("a: !!int x", "invalid literal"),
        (f"a: {'1' * 5000}", "Exceeds the limit"),
        ('a: "\\ud800"', "surrogates not allowed"),
        ("a: \x07", "special characters are not allowed"),
        ("a: &a [*a]", "with every alias (*name) written out"),
    ],
)
def test_what_is_not_such_yaml_is_named_in_one_line(text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"run\.yaml: not valid YAML: ") as refused:
        read_mapping(tmp_path / "run.yaml")
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_nested_too_deeply_is_said_so() -> None:
    """At Python's own limit, which libraries of other tests in this process raise."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        with pytest.raises(ValueError, match=r"^not valid YAML: nested too deeply$"):
            parse_yaml(f"a: {'[' * 700}")
    finally:
        sys.setrecursionlimit(before)


BOMBS = {
    "lists": ("[x, x, x]", "[{}]"),
    "mappings": ("{k: 1}", "[{}]"),
    "merges": ("{k: 1}", "{{<<: [{}]}}"),
    "long text": (f"'{'x' * 100_000}'", "[{}]"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_aliases_that_multiply_cost_no_memory(kind: str) -> None:
    first, other = BOMBS[kind]
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} {other.format(', '.join([f'*a{n - 1}'] * 11))}" for n in range(1, 14)]  # 11 ** 13 values
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({1 << 29}, {1 << 29}))\n"
        "from command_line.yaml_data import parse_yaml\n"
        "parse_yaml(sys.stdin.read())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input="\n".join(lines), capture_output=True, text=True, check=False
    )
    assert "with every alias (*name) written out" in done.stderr.splitlines()[-1]


def test_a_large_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "run.yaml").open("w", encoding="utf-8") as file:
        file.write("# " + "x" * MAX_TEXT)
    with pytest.raises(ValueError, match=r"run\.yaml: expected at most 1048576 characters, got more"):
        read_mapping(tmp_path / "run.yaml")
    with pytest.raises(ValueError, match="expected at most 1048576 characters"):
        read_mapping(Path("/dev/zero"))
