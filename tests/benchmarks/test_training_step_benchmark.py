"""The training-step benchmark: equal work on both sides, its arithmetic, and a run of seconds."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.training import convolution_kernels, loader, training_step
from benchmarks.training.step_process import OURS, PHASES, TORCH, Timing
from benchmarks.training.torch_loader import torch_batches
from data_cache.contract.records import SplitIndex
from model.clips.augment import ImageSettings
from model.clips.batches import BatchLoader
from model.clips.clip_requests import BatchRequest, training_requests
from model.clips.clips import ClipSettings, clip_tracks
from model.clips.draws import StepPosition
from model.clips.sampler import BatchSettings
from model.clips.training_persons import training_persons
from model.run.config import ModelConfig, RunConfig
from tests.model.clips.clip_trees import person_tracks, write_clip_tree

IMAGES = ImageSettings(height=37, width=19, pad=5, flip=0.5, random_erasing=0.6)
T, PERSONS, TRACKS, STEPS = 5, 3, 2, 3


def requests_of(index: SplitIndex) -> list[BatchRequest]:
    tracks = clip_tracks(index.tracks, np.zeros(len(index.paths), np.uint8), ClipSettings(T, 7))
    persons = training_persons(tracks, PERSONS)
    source = training_requests(persons, BatchSettings(PERSONS, TRACKS), IMAGES, StepPosition(0, 0, 0), STEPS)
    return [next(source) for _ in range(STEPS)]


def test_torchs_loader_reads_the_same_clips(tmp_path: Path) -> None:
    tree = write_clip_tree(tmp_path, [track for person in (3, 5, 7) for track in person_tracks(person, 2, 3)])
    requests = requests_of(tree.index)
    drawn = [augmentation for request in requests for augmentation in request.drawn]
    assert {d.flip for d in drawn} == {d.erased is None for d in drawn} == {True, False}
    clips = PERSONS * TRACKS * 2
    with BatchLoader(tree.files, IMAGES, clips, T) as loader:
        for ours, theirs in zip(loader.load(requests), torch_batches(tree.files, IMAGES, requests), strict=True):
            images, *skeletons = (tensor.numpy() for tensor in theirs)
            assert images.shape == (clips, T, 3, IMAGES.height, IMAGES.width)
            np.testing.assert_allclose(ours.arrays.images, images, atol=1e-5)
            for got, expected in zip(ours.arrays[1:], skeletons, strict=True):
                np.testing.assert_array_equal(got, expected)


def test_the_loader_takes_turns_with_torchs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten frames a second against five, by a clock that the readers themselves move."""
    tree = write_clip_tree(tmp_path, [track for person in (3, 5, 7) for track in person_tracks(person, 2, 3)])
    requests = requests_of(tree.index)
    now = [0.0]
    monkeypatch.setattr(loader, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    frames = PERSONS * TRACKS * 2 * T

    def took(way: Any, seconds: float) -> Any:
        for batch in way:
            now[0] += seconds
            yield batch

    real, theirs = BatchLoader.load, torch_batches
    monkeypatch.setattr(BatchLoader, "load", lambda self, wanted: took(real(self, wanted), frames / 10))
    monkeypatch.setattr(
        "benchmarks.training.torch_loader.torch_batches", lambda *given: took(theirs(*given), frames / 5)
    )
    monkeypatch.setattr(loader, "IMAGES", IMAGES)
    assert loader.beside_torch(tree.files, requests, rounds=2) == pytest.approx((10, 5, 2))


def timings(*seconds: float, peak: int = 0, terms: list[float] | None = None) -> list[Timing]:
    return [Timing(second, peak, terms) for second in seconds]


def test_ratios_are_medians_of_rounds() -> None:
    # the second round is twice as slow for both, the third hit torch alone
    times = {
        OURS: {"load": timings(1, 2, 1), "step": timings(3, 6, 3, peak=7 * 10**9, terms=[0.5])},
        TORCH: {"load": timings(2, 4, 20, peak=10**9), "step": timings(2, 4, 2, terms=[0.25])},
    }
    workload: Any = SimpleNamespace(run=RunConfig(), requests=(range(32),))
    figures = training_step.summarize(times, workload)
    assert figures["phases"]["load"] == {OURS: 1, TORCH: 4, "ratio": 0.5}
    assert figures["phases"]["step"]["ratio"] == pytest.approx(1.5)
    assert (figures["frames"], figures["rounds"]) == (192, 3)
    assert figures["peak_bytes"] == {OURS: 7 * 10**9, TORCH: 10**9}
    assert figures["terms"] == {OURS: [0.5], TORCH: [0.25]}
    lines = training_step.describe(figures)
    assert lines[1].split() == ["load", "1.000", "4.000", "0.50"]
    assert "288x144" in lines[-1] and "7.0 GB" in lines[-1]


def test_networks_that_are_not_equal_are_not_compared() -> None:
    training_step.check_equal([1.0, 0.0], [1.0005, 0.0])
    for other in ([1.01, 0.0], [1.0, 0.1], [float("nan"), 0.0]):
        with pytest.raises(ValueError, match="expected the same of both networks"):
            training_step.check_equal(other, [1.0, 0.0])


def test_both_networks_are_measured_in_every_phase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The baseline, which compiles fast; that the full network is equal is test_torch_star.py's affair."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = tmp_path / "run.yaml"
    run.write_text(
        "model: {backbone: narrow, frame_guidance: false, sequence_guidance: false,"
        " frames: 3, image_height: 47, image_width: 31}\n"
        "data: {tracks_per_modality: 1, pad: 3}\n"
    )
    out = tmp_path / "figures.json"
    arguments = ["--config", str(run), "--persons", "3", "--rounds", "1", "--json", str(out)]
    assert training_step.main(arguments) == 0
    figures = json.loads(out.read_text())
    assert (figures["variant"], figures["batch"], figures["frames"]) == ("baseline", [3, 1, 2, 3], 18)
    assert list(figures["phases"]) == list(PHASES)
    for values in figures["phases"].values():
        assert values["ratio"] == pytest.approx(values[OURS] / values[TORCH])
        assert values[OURS] > 0
    assert all(peak > 50e6 for peak in figures["peak_bytes"].values())
    assert all(np.isfinite(terms).all() and len(terms) == 5 for terms in figures["terms"].values())


@pytest.mark.slow
def test_the_papers_own_configuration_takes_a_step(tmp_path: Path) -> None:
    """Two persons, since eight take more memory than many machines have; docs/benchmarks.md says how much."""
    out = tmp_path / "figures.json"
    assert training_step.main(["--paper", "--persons", "2", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert RunConfig().model == ModelConfig()
    assert (figures["backbone"], figures["variant"], figures["pixels"]) == ("resnet50", "full", [288, 144])
    for terms in figures["terms"].values():
        assert np.isfinite(terms).all() and len(terms) == 5


def test_kernels_are_read_from_the_log_of_onednn() -> None:
    log = """onednn_verbose,v1,info,oneDNN v3.10.1 (commit N/A)
onednn_verbose,v1,primitive,create:cache_miss,cpu,convolution,x64:gemm:jit,forward_training,src:f32,,,mb4,0.1
onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src:f32,,,64,0.1
onednn_verbose,v1,primitive,exec,cpu,convolution,jit_uni_ncsp:conv+ref:any,forward_training,src:f32,,,mb4,3.4
onednn_verbose,v1,primitive,exec,cpu,convolution,x64:gemm:jit,backward_weights,src:f32,,,mb4,0.2"""
    expected = {"forward_training": "jit_uni_ncsp:conv+ref:any", "backward_weights": "x64:gemm:jit"}
    assert convolution_kernels.kernels(log) == expected


def test_the_convolution_of_both_libraries_is_the_same() -> None:
    ours, by_ours = convolution_kernels.mindspore_convolution(1)
    theirs, by_theirs = convolution_kernels.torch_convolution(1)
    pairs = [(ours(), theirs().detach()), *zip(by_ours(), by_theirs(), strict=True)]  # type: ignore[attr-defined,call-overload]
    for got, expected in pairs:
        wanted = expected.numpy()
        assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_kernels_table_is_relative_to_torch() -> None:
    found = {
        name: {"forward": forward, "backward": 2 * forward, "kernels": {"forward_training": kernel}}
        for name, forward, kernel in zip(
            convolution_kernels.WAYS, (0.5, 0.02, 0.01), ("ref:any", "a", "b"), strict=True
        )
    }
    lines = convolution_kernels.describe(found)
    assert "50.0" in lines[1] and "ref:any" in lines[1] and "500.0" in lines[1]
    assert "2.0" in lines[2] and "40.0" in lines[2]
