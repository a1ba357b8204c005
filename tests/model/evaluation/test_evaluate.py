"""What `star evaluate` writes, against the network called by hand and plain loops over the ranking."""

from __future__ import annotations

import functools
import json
import logging
from pathlib import Path
from typing import Any

import cv2
import h5py
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from sklearn.metrics import average_precision_score

from command_line.digests import file_sha256
from data_cache.contract.records import Status
from data_cache.contract.skeleton import JOINTS
from model.__main__ import main
from model.clips.training_persons import hold_out
from model.evaluation import clip_embedder
from model.evaluation.feature_file import read_features
from model.network.network import StarNetwork
from model.retrieval.ranking import TrackFeatures
from model.run.run_folder import cache_files
from model.training.checkpoints.checkpoint_file import read_checkpoint
from tests.model.evaluation.evaluation_runs import (
    RUN,
    TEST_TRACKS,
    TRAIN_PERSONS,
    occluded,
    stub_features,
    train_tracks,
    write_config,
    write_dataset,
    write_run,
)

HOME = Path("artifacts/tiny/runs/full")
CHECKPOINT = HOME / "checkpoints/step-00000123.safetensors"
RANKS = (1, 5, 10, 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that has been evaluated by its own protocol."""
    path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        write_run()
        assert main(["evaluate", "--config", "full.yaml", "--batch", "5"]) == 0
    return path


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers made of the images instead of the compiled network, where features are not the question."""
    monkeypatch.setattr(clip_embedder, "clip_embedder", lambda network: stub_features)


def evaluate(*options: str) -> None:
    assert main(["evaluate", "--config", "full.yaml", *options]) == 0


def naive_clips(frames: list[int], ok: np.ndarray, count: int) -> list[list[int]]:
    """The clips of a track by the words of the data set's description, frame by frame."""
    padded = list(frames)
    while len(padded) % count:
        padded.append(frames[-1])
    size = len(padded) // count
    chunks = [padded[size * n : size * n + size] for n in range(count)]
    good = [frame for frame in frames if ok[frame]]
    clips = []
    for place in range(size):
        clip = []
        for chunk in chunks:
            usable = [frame for frame in chunk if ok[frame]]
            nearest = min(good, key=lambda g: (max(chunk[0] - g, g - chunk[-1], 0), g))
            first = usable[0] if usable else nearest
            clip.append(chunk[place] if ok[chunk[place]] else first)
        clips.append(clip)
    return clips


@functools.cache
def trained_network() -> StarNetwork:
    """The checkpoint's network, by MindSpore's own loading of parameters."""
    checkpoint = read_checkpoint(CHECKPOINT)
    network = StarNetwork(RUN.model, checkpoint.facts["persons"])
    ms.load_param_into_net(network, {n: ms.Parameter(Tensor(a)) for n, a in checkpoint.part("network").items()}, True)
    return network.set_train(False)


def naive_embedding(network: StarNetwork, rows: list[int], modality: str) -> np.ndarray:
    """One clip through the network, read with cv2 and h5py, in pynative mode."""
    files = cache_files(RUN, "test")
    upper = [(i, j) for i in range(len(JOINTS)) for j in range(i + 1, len(JOINTS))]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    with h5py.File(files.edges) as edges, h5py.File(files.graphs) as graphs:
        images, places = [], []
        for row in rows:
            image = cv2.cvtColor(cv2.imread(f"{RUN.root}/{edges['frames/path'][row].decode()}"), cv2.COLOR_BGR2RGB)
            small = cv2.resize(image, (RUN.model.image_width, RUN.model.image_height))
            images.append(((small / 255 - mean) / deviation).transpose(2, 0, 1))
            x, y = (graphs["frames/nodes"][row][:, :2] * image.shape[0]).T  # pixels of the crop
            places.append(np.stack([(x + 0.5) / image.shape[1], (y + 0.5) / image.shape[0]], 1))
        values = [[v for i, j in upper for v in edges["frames/edges"][row][i, j]] for row in rows]
        nodes, seen = ([graphs[f"frames/{name}"][row] for row in rows] for name in ("nodes", "seen"))
        placed = np.where(np.array(seen)[..., None], places, 0).astype(np.float32)
    skeletons = (np.array(values, np.float32), np.array(nodes), np.array(seen, np.float32), placed)
    arrays = (np.array(images, np.float32), *skeletons)
    embedded: np.ndarray = network.embed(*(Tensor(array[None]) for array in arrays), modality).asnumpy()[0]
    return embedded


def naive_features(side: TrackFeatures, modality: str, frames: int, all_clips: bool = False) -> np.ndarray:
    """The features of the tracks that `side` lists, one clip at a time."""
    network = trained_network()
    with h5py.File(cache_files(RUN, "test").edges) as file:
        start, stop = file["tracks/start"][...], file["tracks/stop"][...]
        ok = file["frames/status"][...] == Status.OK
    found = []
    for track in side.track:
        clips = naive_clips(list(range(start[track], stop[track])), ok, frames)
        used = clips if all_clips else clips[:1]
        mean = np.mean([naive_embedding(network, c, modality) for c in used], axis=0)
        found.append(mean / np.sqrt((mean**2).sum()))
    return np.array(found)


def assert_naive(side: TrackFeatures, modality: str, frames: int, rows: list[int], all_clips: bool = False) -> None:
    """Some of the tracks, since every clip that is called by hand takes its time."""
    some = TrackFeatures(*(getattr(side, name)[rows] for name in ("features", "person", "camera", "track")))
    np.testing.assert_allclose(some.features, naive_features(some, modality, frames, all_clips), atol=1e-5)


def naive_metrics(query: TrackFeatures, gallery: TrackFeatures) -> dict[str, float]:
    """The figures by scikit-learn's average precision and loops over the sorted gallery."""
    precisions, penalties, best = [], [], []
    for feature, person, camera in zip(query.features, query.person, query.camera, strict=True):
        counts = ~((gallery.person == person) & (gallery.camera == camera))
        match, score = gallery.person[counts] == person, gallery.features[counts] @ feature
        if not match.any():
            continue
        places = [place for place, item in enumerate(np.argsort(-score), 1) if match[item]]
        precisions.append(average_precision_score(match, score))
        penalties.append(len(places) / places[-1])
        best.append(places[0])
    figures = {f"rank-{r}": float(np.mean([b <= r for b in best])) for r in RANKS}
    return {**figures, "mAP": float(np.mean(precisions)), "mINP": float(np.mean(penalties))}


def test_features_are_those_of_the_network_called_clip_by_clip() -> None:
    for side, modality in zip(read_features(HOME / "features.h5"), ("infrared", "visible"), strict=True):
        assert_naive(side, modality, 3, [0, 2, -1])
        expected = [
            (number, track.person, track.camera)
            for number, track in enumerate(TEST_TRACKS)
            if track.modality.name.lower() == modality and track.frames >= 12
        ]
        assert list(zip(side.track, side.person, side.camera, strict=True)) == expected
        assert len(np.unique(side.features.round(3), axis=0)) == len(side), "tracks that look alike prove nothing"


def test_metrics_are_those_of_plain_loops_over_the_features_file() -> None:
    infrared, visible = read_features(HOME / "features.h5")
    metrics = json.loads((HOME / "metrics.json").read_text())
    for name, query, gallery in (
        ("infrared_to_visible", infrared, visible),
        ("visible_to_infrared", visible, infrared),
    ):
        expected = naive_metrics(query, gallery)
        assert list(metrics[name]) == list(expected)
        assert metrics[name] == pytest.approx(expected, abs=1e-12)
        assert 0 < expected["mAP"] < 1


def test_provenance_says_where_the_figures_come_from() -> None:
    provenance = json.loads((HOME / "metrics.json").read_text())["provenance"]
    assert provenance["config"]["model"]["lstm_hidden"] == 11
    assert provenance["checkpoint"]["file"] == CHECKPOINT.name
    assert provenance["checkpoint"]["sha256"] == file_sha256(CHECKPOINT)
    assert provenance["checkpoint"]["position"]["total_steps"] == 123
    assert provenance["recipes"]["edges"]["angle"] == "arctan"
    protocol = provenance["protocol"]
    assert (protocol["label"], protocol["split"], protocol["frames"], protocol["clips"]) == (
        "default",
        "test",
        3,
        "one",
    )
    assert protocol["tracks"] == {"infrared": 6, "visible": 7}
    assert protocol["persons"] == {"infrared": 3, "visible": 4, "together": 4}
    assert protocol["queries_without_match"] == {"infrared_to_visible": 0, "visible_to_infrared": 1}
    assert protocol["left_out_of_the_cached_split"] == {"short_tracks": 1, "bad_tracks": 0, "bad_frames": 4}
    with h5py.File(HOME / "features.h5") as file:
        assert json.loads(bytes(file.attrs["recipe"])) == provenance


def test_batch_and_workers_do_not_change_the_features(tmp_path: Path) -> None:
    evaluate("--batch", "3", "--workers", "2", "--out", str(tmp_path))
    for found, expected in zip(
        read_features(tmp_path / "features.h5"), read_features(HOME / "features.h5"), strict=True
    ):
        np.testing.assert_allclose(found.features, expected.features, atol=1e-5)
        np.testing.assert_array_equal(found.track, expected.track)


def test_all_clips_are_averaged_under_a_label_of_their_own() -> None:
    before = (HOME / "metrics.json").read_bytes()
    evaluate("--clips", "all", "--batch", "11")
    infrared, visible = read_features(HOME / "protocols/clips-all/features.h5")
    assert_naive(infrared, "infrared", 3, [0], all_clips=True)
    assert_naive(visible, "visible", 3, [-2], all_clips=True)
    one, _ = read_features(HOME / "features.h5")
    assert np.abs(infrared.features - one.features).max() > 1e-3
    assert (HOME / "metrics.json").read_bytes() == before


@pytest.mark.parametrize("frames", [1, 13])
def test_any_clip_length_works_with_the_same_checkpoint(frames: int) -> None:
    evaluate("--frames", str(frames))
    home = HOME / f"protocols/frames-{frames}"
    infrared, _ = read_features(home / "features.h5")
    assert_naive(infrared, "infrared", frames, [0, -1])
    assert json.loads((home / "metrics.json").read_text())["provenance"]["protocol"]["frames"] == frames


def test_the_config_s_frames_are_no_default_protocol_either(stub: None, caplog: pytest.LogCaptureFixture) -> None:
    before = (HOME / "metrics.json").read_bytes()
    with caplog.at_level(logging.INFO):
        evaluate("--set", "model.frames=5", "--set", "data.min_frames=14")
    assert (HOME / "protocols/frames-5_min-frames-14/metrics.json").is_file()
    assert "caches" not in caplog.text
    assert "left out: 7 tracks that are too short, 0 without a readable frame" in caplog.text
    assert (HOME / "metrics.json").read_bytes() == before


def test_training_and_validation_persons_share_none(stub: None) -> None:
    persons: dict[str, set[int]] = {}
    for split in ("train", "validation"):
        evaluate("--split", split)
        infrared, visible = read_features(HOME / f"protocols/split-{split}/features.h5")
        persons[split] = set(infrared.person.tolist()) | set(visible.person.tolist())
    held_out = hold_out(train_tracks(), RUN.data.validation_persons)[1]
    assert persons["validation"] == set(held_out.tracks.person.tolist())
    assert len(persons["train"]) == 3
    assert persons["train"] | persons["validation"] == set(TRAIN_PERSONS)
    assert not persons["train"] & persons["validation"]


@pytest.mark.parametrize("checkpoint", [CHECKPOINT, CHECKPOINT.parent], ids=["file", "folder"])
def test_another_data_set_is_labelled_and_lies_with_the_run(
    stub: None, caplog: pytest.LogCaptureFixture, checkpoint: Path
) -> None:
    other = occluded()
    write_dataset(other, seed=5)
    config = write_config(other, Path("occluded.yaml"))
    assert main(["evaluate", "--config", str(config), "--checkpoint", str(checkpoint), "--clips", "all"]) == 0
    result = json.loads((HOME / "protocols/clips-all_on-tiny-occluded/metrics.json").read_text())
    protocol: dict[str, Any] = result["provenance"]["protocol"]
    assert (protocol["dataset"], protocol["root"]) == ("tiny-occluded", "data/tiny-occluded")
    assert result["provenance"]["config"]["dataset"] == "tiny"
    assert result["provenance"]["checkpoint"]["file"] == CHECKPOINT.name
    assert not Path("artifacts/tiny-occluded/runs").exists()
    assert "caches: made by another recipe than those trained on: edges.keypoints.seed 5, in training 0" in caplog.text
