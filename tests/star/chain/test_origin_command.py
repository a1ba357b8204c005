"""`star origin` follows a result back to the frames and tells what changed; `star inspect` shows what was noted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from model.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint
from model.training.trained_network import load_network
from pipeline.settings import EdgeSettings
from pipeline.skeletons.edge_file import write_edges
from pipeline.skeletons.graph_file import write_graphs
from star.__main__ import main
from star.chain.links import Link, State, find_links
from tests.factories import write_cache
from tests.model.training.training_runs import CHECKPOINTS, EPOCHS, RUN, STEPS, TRAIN, list_frames, write_training_run

HOME = CHECKPOINTS.parent
METRICS, LAST = HOME / "metrics.json", CHECKPOINTS / f"step-{EPOCHS * STEPS:08d}.safetensors"
EDGES = Path("artifacts/tiny/edges/test.h5")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that was trained and evaluated on double angles, and lists of its frames."""
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_training_run(angle="sincos")
        for split in ("train", "test"):
            list_frames(split)
        assert main([*TRAIN]) == 0
        assert main(["evaluate", "--config", "short.yaml"]) == 0
    return folder


@pytest.fixture(autouse=True)
def copied(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(evaluated, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def chain(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, list[str]]]:
    """Exit status of `star origin --json`, and state by state the links in it."""
    capsys.readouterr()
    status = main(["origin", "--json", *options])
    found: dict[str, list[str]] = {state.value: [] for state in State}
    for link in json.loads(capsys.readouterr().out)["links"]:
        found[link["state"]].append(link["name"])
    return status, found


def test_the_run_reads_double_angles() -> None:
    """From the training's statistics to the evaluation: distance, sin 2θ and cos 2θ of 136 pairs."""
    checkpoint = read_checkpoint(LAST)
    weights, recipe = checkpoint.part("network"), checkpoint.record.recipes["edges"]
    assert recipe["angle"] == json.loads(METRICS.read_text())["provenance"]["recipes"]["edges"]["angle"] == "sincos"
    assert weights["edge_encoder.fc.weight"].shape[1] == 408
    mean, deviation = (weights[f"edge_encoder.standardize.{name}"].reshape(-1, 3) for name in ("mean", "deviation"))
    squares = (mean**2 + deviation**2)[:, 1:].sum(axis=1)  # the means of sin² and of cos²
    np.testing.assert_allclose(squares, 1, atol=1e-5)
    before = Checkpoint(checkpoint.tensors, {**checkpoint.facts, "recipes": {}})  # says nothing: there was arctan alone
    with pytest.raises(ValueError, match=r"fc\.weight of shape \(\d+, 408\) where \(\d+, 272\) is expected"):
        load_network(before)


@pytest.mark.parametrize("file", [METRICS, HOME / "features.h5", LAST])
def test_nothing_differs_after_an_evaluation(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = chain(capsys, str(file), "--root", RUN.root)
    assert (status, found["differs"], found["not here"]) == (0, [], [])
    assert {"edges", "graphs", "frames", "code model/network"} <= set(found["same"])
    assert main(["origin", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    # What made the caches of this test is not noted: edges and graphs of one split, or of both.
    assert lines[-1].endswith(f" links the same, 0 differ, {2 if file == LAST else 4} not noted")
    assert all(line.startswith("same") or line.startswith("not noted") for line in lines if "artifacts/" in line[20:])


def change_frame() -> None:
    with open_cache(EDGES) as cache:
        path = next(path for path in cache.paths if (Path(RUN.root) / path).is_file())
    with (Path(RUN.root) / path).open("ab") as frame:
        frame.write(b"more")


def change_list() -> None:
    change_frame()
    list_frames("test")


def change_figures() -> None:
    content = json.loads(METRICS.read_text())
    content["infrared_to_visible"]["mAP"] -= 0.001
    METRICS.write_text(json.dumps(content))


def change_label() -> None:
    with h5py.File(EDGES, "r+") as cache:
        cache["tracks/person"][0] += 1


def change_cache() -> None:
    write_cache(EDGES, "edges", index=open_cache(EDGES).index(), seed=7)


def change_weights() -> None:
    data = bytearray(LAST.read_bytes())
    data[-5] ^= 1
    LAST.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (change_frame, ["frames"]),
        (change_list, ["frames"]),
        (change_figures, ["figures"]),
        (change_label, ["edges"]),
        (change_cache, ["edges"]),
        (change_weights, ["checkpoint"]),
    ],
)
def test_what_changed_is_named(change: object, named: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(change)
    change()
    root = ("--root", RUN.root) if change is change_frame else ()
    status, found = chain(capsys, str(METRICS), *root)
    assert (status, found["differs"]) == (1, named)


def test_other_code_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("star.chain.run_chain.room_digest", lambda room: "0" * 64 if "network" in room else "1" * 64)
    status, found = chain(capsys, str(LAST))
    assert status == 1 and len(found["differs"]) == 5
    assert main(["origin", str(LAST)]) == 1
    assert "`dvc repro` makes it anew" in capsys.readouterr().out.splitlines()[-1]


def test_what_is_not_here_is_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("artifacts/tiny/graphs")
    shutil.rmtree("artifacts/tiny/frames")
    (HOME / "features.h5").unlink()
    status, found = chain(capsys, str(METRICS))
    assert (status, found["differs"]) == (0, [])
    assert set(found["not here"]) == {"figures", "features", "graphs", "frames"}


def test_a_cache_is_followed_to_its_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keypoints = write_cache(tmp_path / "artifacts" / "keypoints" / "train.h5", seed=3)
    edges, graphs = (keypoints.parents[1] / kind / "train.h5" for kind in ("edges", "graphs"))
    write_edges(keypoints, edges, EdgeSettings(), 0.3)
    write_graphs(keypoints, graphs, 0.3)
    for file in (edges, graphs):
        status, found = chain(capsys, str(file))
        assert (status, found["same"], found["not noted"]) == (0, ["content", "keypoints", "code"], ["code"])
    write_cache(keypoints, seed=4)
    status, found = chain(capsys, str(edges))
    assert (status, found["differs"]) == (1, ["keypoints"])


def test_inspect_shows_what_was_noted(capsys: pytest.CaptureFixture[str]) -> None:
    for file, words in (
        (METRICS, "infrared → visible"),
        (HOME / "features.h5", "features of 6 infrared and 7 visible tracks"),
        (LAST, f"checkpoint of short, trained on tiny: {EPOCHS * STEPS} steps, {EPOCHS} epochs done"),
    ):
        assert main(["inspect", str(file)]) == 0
        shown = capsys.readouterr().out
        assert words in shown and "made from" in shown and "code model/network" in shown
        with open_cache(EDGES) as cache:
            assert cache.origin is not None
            assert (cache.origin.content[:12] in shown) == (file != LAST)
    assert main(["inspect", str(EDGES)]) == 0
    with open_cache(EDGES) as cache:
        assert cache.origin is not None and f"content  {cache.origin.content[:12]}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["inspect", str(METRICS), "--track", "3"])
    assert "--track goes with a cache file only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda file: file.write_text("{}"), "expected the metrics.json of an evaluation"),
        (lambda file: file.write_bytes(b"\x89HDF\r\n\x1a\nmore"), "truncated or damaged"),
        (lambda file: file.unlink(), "no such file"),
        (lambda file: spoil_provenance(file, "checkpoint", {"file": "x", "origin": {"edges": 3}}), "origin.edges"),
        (lambda file: spoil_provenance(file, "config", {}), "no key"),
    ],
)
def test_what_is_no_file_of_ours_is_one_line(write: object, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(write)
    write(METRICS)
    for command in ("origin", *(("inspect",) if METRICS.is_file() else ())):
        assert main([command, str(METRICS)]) == 1
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1


def spoil_provenance(file: Path, key: str, value: object) -> None:
    content = json.loads(file.read_text())
    content["provenance"][key] = value
    file.write_text(json.dumps(content))


def test_links_reached_twice_are_followed_once() -> None:
    asked: list[str] = []

    def find(name: str, digest: str) -> list[str]:
        asked.append(name)
        return [digest]

    shared = Link("keypoints", "a" * 64, find=lambda: find("keypoints", "b" * 64))
    links = [Link(name, "c" * 64, find=lambda: ["c" * 64], sources=(shared,)) for name in ("edges", "graphs")]
    found = find_links(links, verify=True)
    assert [(one.link.name, one.depth, one.state) for one in found] == [
        ("edges", 0, State.SAME),
        ("keypoints", 1, State.DIFFERS),
        ("graphs", 0, State.SAME),
        ("keypoints", 1, State.DIFFERS),
    ]
    assert asked == ["keypoints"] and found[-1].words == "as above"
    assert [one.state for one in find_links([Link("origin", None), shared], verify=False)] == ["not noted", ""]
