"""The edges file: `pairwise_edges` of all frames, streamed, with its recipe, over the same frames and tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.verification.check import check_file
from pipeline.__main__ import main
from pipeline.settings import EdgeSettings
from pipeline.skeletons import edge_file
from pipeline.skeletons.edge_file import write_edges
from pipeline.skeletons.edges import pairwise_edges
from tests.factories import RECIPE, random_index, write_cache


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "keypoints.h5", seed=3)


@pytest.mark.parametrize("settings", [EdgeSettings(), EdgeSettings("atan2", "none")])
@pytest.mark.parametrize("rows", [1, 7, 1024])
def test_holds_the_edges_of_all_frames(
    keypoints: Path, settings: EdgeSettings, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_file, "ROWS", rows)
    out = keypoints.with_name("edges.h5")
    frames = write_edges(keypoints, out, settings, 0.3)
    with open_cache(keypoints) as source, open_cache(out, "edges") as made:
        n = source.frames
        xy, score, size = (source.read(name, 0, n) for name in ("keypoints", "score", "size"))
        seen = (source.status == Status.OK)[:, None] & (np.nan_to_num(score, nan=-1) >= 0.3)
        expected = pairwise_edges(xy, seen, size[:, 0], settings.angle, settings.normalize)
        assert frames == n == made.frames > 20
        assert 0 < seen.sum() < seen.size and (source.status != Status.OK).any()
        assert made.read("edges", 0, n).tobytes() == expected.tobytes()
        assert made.paths == source.paths and made.dataset == source.dataset and made.split == source.split
        np.testing.assert_array_equal(made.status, source.status)
        for name in ("person", "camera", "modality", "start", "stop", "role"):
            np.testing.assert_array_equal(getattr(made.tracks, name), getattr(source.tracks, name))
    assert check_file(out) == []


def test_recipe_has_code_settings_and_the_recipe_of_the_keypoints(keypoints: Path) -> None:
    out = keypoints.with_name("edges.h5")
    write_edges(keypoints, out, EdgeSettings("atan2", "none"), 0.25)
    with open_cache(out) as made:
        assert made.recipe == {
            "code": 1,
            "angle": "atan2",
            "normalize": "none",
            "min_score": 0.25,
            "keypoints": RECIPE,
        }


def test_the_same_bytes_every_time_and_in_steps_of_any_size(keypoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for run, rows in enumerate((1024, 1024, 5)):
        monkeypatch.setattr(edge_file, "ROWS", rows)
        out = keypoints.with_name(f"{run}.h5")
        write_edges(keypoints, out, EdgeSettings(), 0.3)
        made.append(out.read_bytes())
    assert made[0] == made[1] == made[2]
    write_edges(keypoints, keypoints.with_name("other.h5"), EdgeSettings(), 0.6)
    assert keypoints.with_name("other.h5").read_bytes() != made[0]


def test_a_split_without_frames_gives_a_file_without_edges(tmp_path: Path) -> None:
    source = write_cache(tmp_path / "keypoints.h5", index=random_index(tracks=0, orphans=0))
    assert write_edges(source, tmp_path / "edges.h5", EdgeSettings(), 0.3) == 0
    with open_cache(tmp_path / "edges.h5", "edges") as made:
        assert made.read("edges", 0, 0).shape == (0, 17, 17, 2)


def test_command_takes_its_settings_from_the_file(keypoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = keypoints.with_name("settings.yaml")
    config.write_text("edges: {angle: atan2}\nmin_score: 0.5\n")
    out = keypoints.with_name("made") / "edges.h5"
    command = ["edges", "--config", str(config), "--keypoints", str(keypoints), "--out", str(out)]
    assert main(command) == 0
    with open_cache(out, "edges") as made:
        assert (made.recipe["angle"], made.recipe["normalize"], made.recipe["min_score"]) == ("atan2", "height", 0.5)
    config.write_text("edges: {angel: atan2}\n")
    out.unlink()
    assert main(command) == 1
    assert "unknown key 'angel'" in capsys.readouterr().err
    assert not out.exists()
    with pytest.raises(SystemExit) as usage:
        main(command[:-2])
    assert usage.value.code == 2
