"""The schema against the contract as it was agreed, written out by hand, and against its own page."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.contract.schema import AXIS_LABELS, FORMATS, VERSION, ArraySpec, describe_format, find_format
from data_cache.contract.skeleton import JOINTS
from docs.cache_page import describe_cache

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cache.md"
N, M = 43, 7
IN_EVERY_FILE = {
    "/frames/path": ((N,), "text"),
    "/frames/track": ((N,), "int32"),
    "/frames/status": ((N,), "uint8"),
    "/tracks/person": ((M,), "int32"),
    "/tracks/camera": ((M,), "int16"),
    "/tracks/modality": ((M,), "uint8"),
    "/tracks/start": ((M,), "int64"),
    "/tracks/stop": ((M,), "int64"),
    "/tracks/role": ((M,), "uint8"),
    "/skeleton/joints": ((17,), "text"),
    "/skeleton/limbs": ((19, 2), "int32"),
    "/skeleton/mirror": ((17,), "int32"),
}
CONTENT = {
    "keypoints": {
        "/frames/keypoints": ((N, 17, 2), "float32"),
        "/frames/score": ((N, 17), "float32"),
        "/frames/size": ((N, 2), "int32"),
    },
    "edges": {"/frames/edges": ((N, 17, 17, 2), "float32")},
    "graphs": {
        "/frames/nodes": ((N, 17, 3), "float32"),
        "/frames/seen": ((N, 17), "bool"),
        "/graph/spatial_edges": ((2, 38), "int32"),
        "/graph/parts": ((6, 17), "bool"),
        "/graph/part_names": ((6,), "text"),
    },
}


@pytest.mark.parametrize("kind", CONTENT)
def test_the_arrays_are_those_of_the_contract(kind):
    layout = find_format(kind)
    found = {
        spec.name: (spec.shape(N, M), spec.dtype if spec.dtype == "text" else np.dtype(spec.dtype).name)
        for spec in layout.arrays
    }
    assert found == IN_EVERY_FILE | CONTENT[kind]
    assert (layout.name, layout.version) == (f"star-reid.{kind}", 3)
    assert [spec.name for spec in layout.per_frame + layout.fixed] == [spec.name for spec in layout.content]


@pytest.mark.parametrize("kind", CONTENT)
def test_version_1_had_no_roles(kind):
    layout = find_format(kind)
    assert {spec.name for spec in layout.arrays} - {spec.name for spec in layout.at(1).arrays} == {"/tracks/role"}
    assert layout.at(3) == layout
    with pytest.raises(ValueError, match=rf"star-reid\.{kind}: expected version 1 to 3, got 4"):
        layout.at(4)


def test_there_are_three_kinds():
    assert list(FORMATS) == list(CONTENT)
    with pytest.raises(ValueError, match="kind of cache: expected one of keypoints, edges, graphs, got 'poses'"):
        find_format("poses")


def test_every_array_of_numbers_has_unit_and_description():
    for layout in FORMATS.values():
        for spec in layout.arrays:
            assert spec.description
            assert bool(spec.unit) == (spec.dtype != "text"), spec.name


def test_names_are_found_absolute_and_relative_to_the_frames():
    layout = find_format("keypoints")
    assert layout.find("score") is layout.find("/frames/score")
    assert layout.find("/tracks/start").dims == ("track",)
    for name in ("start", "tracks/start", "/score", "edges", ""):
        with pytest.raises(KeyError, match=r"no such dataset in star-reid.keypoints, expected one of /frames/path, "):
            layout.find(name)


def test_stored_types_are_what_every_program_reads():
    def stored(name: str, kind: str = "graphs", length: int = 1) -> np.dtype:
        return find_format(kind).find(name).stored_dtype(length)

    assert stored("nodes") == np.dtype("<f4")
    assert h5py.check_enum_dtype(stored("status")) == {"ok": 0, "unreadable": 1, "missing": 2}
    assert h5py.check_enum_dtype(stored("/tracks/modality")) == {"infrared": 1, "visible": 2}
    assert h5py.check_enum_dtype(stored("/tracks/role")) == {"both": 0, "query": 1, "gallery": 2}
    text = h5py.check_string_dtype(stored("path", length=23))
    assert (text.encoding, text.length) == ("utf-8", 23)
    assert h5py.check_string_dtype(stored("path", length=0)).length == 1


def test_an_axis_without_labels_cannot_be_used():
    with pytest.raises(KeyError, match="toes"):
        ArraySpec("/frames/x", ("frame", "toes"), "<f4", "1", "").shape(N, M)


def test_the_labels_of_edges_are_limbs_from_both_ends():
    edges = [label.split("-") for label in AXIS_LABELS["edge"]]
    assert [edge[::-1] for edge in edges[:19]] == edges[19:]
    assert {joint for edge in edges for joint in edge} == set(JOINTS)


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == describe_cache(), (
        'docs/cache.md is not what the schema says; write it anew: python -c "from pathlib import Path;'
        " from docs.cache_page import describe_cache;"
        " Path('docs/cache.md').write_text(describe_cache(), encoding='utf-8')\""
    )


def test_the_page_says_which_arrays_older_files_lack():
    row = next(line for line in describe_cache().splitlines() if "`/tracks/role`" in line)
    assert "both where a file has no roles; since version 2 |" in row
    assert describe_cache().count("since version 2") == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_the_page_names_every_array_and_text(kind):
    section = describe_format(kind)
    assert section in describe_cache()
    assert f"`star-reid.{kind}`, `version` is {VERSION}" in section
    for spec in find_format(kind).content:
        assert f"`{spec.name}`" in section
    for (group, attribute), text in find_format(kind).texts.items():
        assert f"Attribute `{attribute}` of `{group}`: {text}." in section


def test_the_temporal_rule_gives_the_edges_of_equation_9():
    """The text's formula, carried out for a clip of 5 frames, against the definition."""
    rule = find_format("graphs").texts[("/graph", "temporal")]
    assert "(t * 17 + j, (t + 1) * 17 + j) and back for 0 <= t < T - 1" in rule
    clip, joints = 5, 17
    written = {(t * 17 + j, (t + 1) * 17 + j) for t in range(clip - 1) for j in range(joints)}
    defined = {
        (a, b)
        for a in range(clip * joints)
        for b in range(clip * joints)
        if a % joints == b % joints and b // joints - a // joints == 1
    }
    assert written == defined
