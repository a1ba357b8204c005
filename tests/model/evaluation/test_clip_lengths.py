"""`evaluate --frames 1…12`: the figures of single evaluations in one file, and every text that is not such a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data_cache.contract.records import Modality
from model.__main__ import main
from model.clips.clip_reader import ClipArrays
from model.evaluation import clip_embedder
from model.evaluation.clip_lengths import ClipLengths, LengthMetrics, read_clip_lengths
from model.evaluation.evaluate_command import frame_counts
from model.retrieval.ranking import DIRECTIONS
from model.training import trained_network
from tests.model.evaluation.evaluation_runs import stub_features, write_run

HOME = Path("artifacts/tiny/runs/full")
FILE = HOME / "clip_lengths.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        write_run()
    return path


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers made of the images instead of the compiled network, where features are not the question."""
    monkeypatch.setattr(clip_embedder, "clip_embedder", lambda network: stub_features)


def evaluate(*options: str) -> int:
    return main(["evaluate", "--config", "full.yaml", *options])


def single(frames: int, *options: str) -> dict[str, Any]:
    """What the evaluation of one T writes."""
    out = Path(f"single-{frames}{''.join(options)}")
    assert evaluate("--frames", str(frames), "--out", str(out), *options) == 0
    content: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return content


def test_a_network_s_figures_are_those_of_single_evaluations() -> None:
    assert evaluate("--frames", "2,5", "--batch", "5", "--out", "together") == 0
    found = read_clip_lengths(Path("together/clip_lengths.json"))
    assert [length.frames for length in found.lengths] == [2, 5]
    expected = single(5, "--batch", "5")
    assert found.lengths[1].metrics == {direction: expected[direction] for direction in DIRECTIONS}
    assert found.lengths[0].metrics != found.lengths[1].metrics


def test_every_length_is_there_with_its_own_figures_and_one_provenance(
    stub: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--frames", "1…13") == 0
    table = capsys.readouterr().out
    found = read_clip_lengths(FILE)
    assert [length.frames for length in found.lengths] == list(range(1, 14))
    for frames in (1, 3, 7, 13):
        expected = single(frames)
        assert found.lengths[frames - 1].metrics == {direction: expected[direction] for direction in DIRECTIONS}
        protocol = expected["provenance"]["protocol"]
        del protocol["frames"], expected["provenance"]["features"]  # which every length has of its own
        assert found.provenance == {**expected["provenance"], "protocol": {**protocol, "label": "default"}}
    assert len({json.dumps(length.metrics) for length in found.lengths}) > 3, "T changes nothing"
    (row,) = [line for line in table.splitlines() if line.startswith("3 (trained)")]
    shares = [100 * found.lengths[2].metrics[direction][name] for direction in DIRECTIONS for name in ("rank-1", "mAP")]
    assert row.split()[2:] == [f"{share:.1f}%" for share in shares]
    assert f"results: {FILE}" in table
    assert not (HOME / "metrics.json").exists(), "several lengths are no evaluation by the run's own protocol"
    capsys.readouterr()
    assert main(["results", str(FILE)]) == 0
    assert capsys.readouterr().out.splitlines() == table.splitlines()[:-1]


@pytest.mark.parametrize(
    ("options", "where"),
    [
        (("--clips", "all"), HOME / "protocols/clips-all"),
        (("--split", "train"), HOME / "protocols/split-train"),
        (("--set", "data.min_frames=14"), HOME / "protocols/min-frames-14"),
        (("--out", "elsewhere"), Path("elsewhere")),
    ],
)
def test_other_protocols_have_their_own_file(stub: None, options: tuple[str, ...], where: Path) -> None:
    assert evaluate("--frames", "4,2", *options) == 0
    found = read_clip_lengths(where / "clip_lengths.json")
    assert [length.frames for length in found.lengths] == [2, 4]
    protocol = found.provenance["protocol"]
    assert protocol["label"] == (where.name if "protocols" in where.parts else "default")
    expected = single(2, *options[:2]) if "--out" not in options else single(2)
    assert found.lengths[0].metrics == {direction: expected[direction] for direction in DIRECTIONS}


def test_what_ends_it_half_way_leaves_the_older_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lengths: list[int] = []

    def diverge(modality: Modality, arrays: ClipArrays) -> NDArray[np.float32]:
        lengths.append(arrays.images.shape[1])
        return stub_features(modality, arrays) * np.float32(np.nan if len(set(lengths)) > 2 else 1)

    monkeypatch.setattr(clip_embedder, "clip_embedder", lambda network: diverge)
    HOME.mkdir(exist_ok=True)
    FILE.write_text("older")
    assert evaluate("--frames", "1-6") == 1
    assert set(lengths) == {1, 2, 3}
    assert "the network has diverged or its checkpoint is damaged" in capsys.readouterr().err
    assert FILE.read_text() == "older"
    assert [path.name for path in HOME.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", (7,)),
        ("1…5", (1, 2, 3, 4, 5)),
        ("2-4", (2, 3, 4)),
        ("8,1,2,2-3", (1, 2, 3, 8)),
        ("1, 24", (1, 24)),
        ("5-5", (5,)),
    ],
)
def test_numbers_and_ranges(text: str, frames: tuple[int, ...]) -> None:
    assert frame_counts(text) == frames


@pytest.mark.parametrize("text", ["", "x", "1-", "-3", "1,,2", "5-2", "1..3", "1.5", "²", "1-999999999", "1-2-3"])
def test_other_text_is_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "--config", "full.yaml", f"--frames={text}"])
    assert stop.value.code == 2
    assert "--frames: expected a whole number, or some as 1-12 or 1,2,4,8, got" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "got"), [("20-25", "25"), ("0…3", "0")])
def test_lengths_out_of_range_are_a_sentence_before_a_network_is_built(
    text: str, got: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained_network, "load_network", lambda checkpoint: pytest.fail("a network is built"))
    assert evaluate("--frames", text, "--out", "nowhere") == 1
    assert f"error: --frames: frames: expected a whole number in 1…24, got {got}" in capsys.readouterr().err
    assert not Path("nowhere").exists()


def written() -> dict[str, Any]:
    """The content of a file with two lengths."""
    figures = {"rank-1": 0.25, "mAP": 0.5}
    protocol = {
        "split": "test",
        "dataset": "tiny",
        "persons": {"together": 13},
        "tracks": {"infrared": 7, "visible": 11},
        "clips": "one",
        "queries_without_match": dict.fromkeys(DIRECTIONS, 0),
    }
    provenance = {
        "config": {"name": "full", "dataset": "tiny", "model": {"frames": 3}},
        "checkpoint": {"file": "step.safetensors", "sha256": "0"},
        "protocol": protocol,
    }
    lengths = tuple(LengthMetrics(frames, dict.fromkeys(DIRECTIONS, figures)) for frames in (3, 5))
    content: dict[str, Any] = json.loads(ClipLengths(lengths, provenance).to_json())
    return content


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format": (lambda c: c.update(format="star-reid.marks"), "format: expected 'star-reid.clip-lengths'"),
    "version": (lambda c: c.update(version=2), "version: expected 1, got '2'"),
    "no lengths": (lambda c: c.update(lengths=[]), "expected rising numbers of frames, got []"),
    "falling": (lambda c: c["lengths"].reverse(), "expected rising numbers of frames, got [5, 3]"),
    "twice": (lambda c: c["lengths"].insert(0, c["lengths"][0]), "expected rising numbers of frames, got [3, 3, 5]"),
    "half a frame": (lambda c: c["lengths"][0].update(frames=2.5), "frames: expected a whole number, got 2.5"),
    "a long clip": (lambda c: c["lengths"][1].update(frames=25), "frames: expected 1…24, got 25"),
    "one direction": (lambda c: c["lengths"][0].pop(DIRECTIONS[1]), f"no key '{DIRECTIONS[1]}'"),
    "no mAP": (lambda c: c["lengths"][0][DIRECTIONS[0]].pop("mAP"), "mAP of 3 frames: expected a fraction in 0…1"),
    "NaN": (lambda c: c["lengths"][0][DIRECTIONS[0]].update(mAP=float("nan")), "expected finite numbers, got NaN"),
    "percent": (lambda c: c["lengths"][1][DIRECTIONS[1]].update({"rank-5": 97.1}), "rank-5: expected a fraction"),
    "text": (lambda c: c["lengths"][1][DIRECTIONS[1]].update({"rank-1": "best"}), "best"),
    "no provenance": (lambda c: c.pop("provenance"), "no key 'provenance'"),
    "no tracks": (lambda c: c["provenance"]["protocol"].pop("tracks"), "no key 'tracks'"),
    "too large": (lambda c: c.update(more="." * (1 << 20)), "expected at most 1024 KiB, got more"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_is_no_such_file_is_a_sentence(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, content = tmp_path / "clip_lengths.json", written()
    path.write_text(json.dumps(content))
    assert main(["results", str(path)]) == 0
    spoil, expected = SPOILED[case]
    spoil(content)
    path.write_text(json.dumps(content))
    assert main(["results", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {path}: expected the clip_lengths.json of an evaluation, got something else (")
    assert expected in line and line.endswith("star evaluate --frames 1-12 writes it anew")


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, "\xff"])
def test_other_text_in_the_file_is_a_sentence(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "clip_lengths.json"
    path.write_bytes(text.encode("latin-1"))
    assert main(["results", str(path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    path.unlink()
    assert main(["results", str(path)]) == 1
    assert "clip_lengths.json: no such file; star evaluate --frames 1-12" in capsys.readouterr().err
