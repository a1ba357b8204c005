"""`inspect` counts queries and gallery where a file says who is what."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.contract.records import Role
from tests.factories import age_to_version_1, random_index, write_cache


def printed(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["inspect", str(path), "--json"]) == 0
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


def test_summary_counts_roles_where_there_are_any(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_cache(tmp_path / "roles.h5", index=random_index(4, tracks=13))
    with h5py.File(path) as file:
        stored = file["tracks/role"][...].tolist()
    roles = {name: stored.count(number) for number, name in enumerate(("both", "query", "gallery"))}
    assert min(roles.values()) > 0
    assert printed(path, capsys)["roles"] == roles
    line = f"tracks: {roles['query']} query only, {roles['gallery']} gallery only, {roles['both']} both"
    assert main(["inspect", str(path)]) == 0
    assert line in capsys.readouterr().out.splitlines()
    assert printed(age_to_version_1(path), capsys)["roles"] == {"both": 13, "query": 0, "gallery": 0}
    assert main(["inspect", str(path)]) == 0
    assert "query only" not in capsys.readouterr().out


@pytest.mark.parametrize("role", [Role.GALLERY, Role.BOTH])
def test_distractors_are_tracks_and_no_person(tmp_path: Path, capsys: pytest.CaptureFixture[str], role: Role) -> None:
    index = random_index(4, tracks=13)
    person, roles = index.tracks.person.copy(), index.tracks.role.copy()
    person[[2, 5, 11]], roles[[2, 5, 11]] = 0, role
    index = replace(index, tracks=replace(index.tracks, person=person, role=roles))
    found = printed(write_cache(tmp_path / "roles.h5", index=index), capsys)
    others = set(person[person > 0].tolist())
    assert (found["tracks"], found["persons"]) == (13, len(others) + (role == Role.BOTH))
    for number, name in ((1, "infrared"), (2, "visible")):
        own = index.tracks.modality == number
        counted = {who for who, part in zip(person[own].tolist(), roles[own].tolist(), strict=True) if who or part != 2}
        assert found["modalities"][name]["persons"] == len(counted)
    assert np.any(index.tracks.modality == 1)
