"""Explained clips of a small run against its files, the network called by hand, and what cannot be explained."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from data_cache.contract.records import Modality, Status
from model.evaluation.chosen_checkpoint import ChosenCheckpoint, choose_checkpoint
from model.evaluation.evaluation import EvaluationOptions, plan_protocol
from model.evaluation.protocol_tracks import ProtocolTracks, open_protocol
from model.report.heat.explanations import ClipExplanation, explain_clips
from model.retrieval.ranking import TrackFeatures
from model.run.run_folder import cache_files
from model.training.trained_network import load_network
from tests.model.evaluation.evaluation_runs import RUN, TEST_TRACKS, write_run
from tests.model.evaluation.test_evaluate import naive_clips, naive_embedding

CHANNELS = 128
Features = tuple[TrackFeatures, TrackFeatures]
ASKED = [row for row, track in enumerate(TEST_TRACKS) if track.person in (13, 19)][::-3]  # of both modalities


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


def opened() -> tuple[ChosenCheckpoint, ProtocolTracks]:
    chosen = choose_checkpoint(RUN, None)
    return chosen, open_protocol(RUN, plan_protocol(RUN, EvaluationOptions()), chosen)


def random_features(tracks: ProtocolTracks, channels: int = CHANNELS) -> Features:
    """Features as an evaluation might have found them."""
    random = np.random.default_rng(5)
    infrared, visible = (
        TrackFeatures(
            random.normal(size=(len(side), channels)).astype(np.float32),
            side.tracks.person,
            side.tracks.camera,
            side.number,
        )
        for side in (tracks.infrared, tracks.visible)
    )
    return infrared, visible


@pytest.fixture(scope="module")
def explained(folder: Path) -> list[ClipExplanation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        chosen, tracks = opened()
        return explain_clips(chosen, tracks, ASKED, random_features(tracks), "CPU")


def test_clips_are_those_asked_for_in_that_order(explained: list[ClipExplanation]) -> None:
    assert [clip.number for clip in explained] == ASKED
    assert {clip.modality for clip in explained} == {Modality.INFRARED, Modality.VISIBLE}
    with h5py.File(cache_files(RUN, "test").edges) as file:
        start, stop = file["tracks/start"][...], file["tracks/stop"][...]
        ok = file["frames/status"][...] == Status.OK
    for clip in explained:
        track = TEST_TRACKS[clip.number]
        assert (clip.modality, clip.person, clip.camera) == (track.modality, track.person, track.camera)
        frames = list(range(start[clip.number], stop[clip.number]))
        assert clip.rows.tolist() == naive_clips(frames, ok, RUN.model.frames)[0]
        assert clip.exponents == RUN.model.exponents


def test_images_are_the_files_resized(explained: list[ClipExplanation]) -> None:
    with h5py.File(cache_files(RUN, "test").edges) as file:
        paths = [path.decode() for path in file["frames/path"][...]]
    for clip in explained:
        assert clip.images.dtype == np.uint8
        for row, image in zip(clip.rows, clip.images, strict=True):
            file_image = cv2.cvtColor(cv2.imread(f"{RUN.root}/{paths[row]}"), cv2.COLOR_BGR2RGB)
            expected = cv2.resize(file_image, (RUN.model.image_width, RUN.model.image_height))
            np.testing.assert_array_equal(image, expected)


def test_joints_are_the_graph_s_nodes_in_the_image(explained: list[ClipExplanation]) -> None:
    with h5py.File(cache_files(RUN, "test").graphs) as file:
        nodes, seen = file["frames/nodes"][...], file["frames/seen"][...]
        paths = [path.decode() for path in file["frames/path"][...]]
    for clip in explained:
        for row, joints in zip(clip.rows, clip.joints, strict=True):
            height, width = cv2.imread(f"{RUN.root}/{paths[row]}").shape[:2]
            np.testing.assert_array_equal(np.isnan(joints[:, 0]), ~seen[row])
            for joint in np.flatnonzero(seen[row]):
                x, y = nodes[row, joint, :2] * height  # pixels of the file, counted by their centres
                share = (x + 0.5) / width, (y + 0.5) / height
                place = share[0] * RUN.model.image_width - 0.5, share[1] * RUN.model.image_height - 0.5
                np.testing.assert_allclose(joints[joint], place, atol=1e-3)


def test_similarity_is_that_of_the_network_with_the_same_person_in_the_other_modality(
    explained: list[ClipExplanation],
) -> None:
    chosen, tracks = opened()
    infrared, visible = random_features(tracks)
    network = load_network(chosen.checkpoint)
    for clip in explained:
        other = visible if clip.modality == Modality.INFRARED else infrared
        mean = np.mean([f for f, person in zip(other.features, other.person, strict=True) if person == clip.person], 0)
        embedded = naive_embedding(network, clip.rows.tolist(), clip.modality.name.lower())
        cosine = float(embedded @ mean) / float(np.linalg.norm(embedded) * np.linalg.norm(mean))
        assert clip.similarity == pytest.approx(cosine, abs=1e-5)
        assert abs(cosine) > 1e-4


def test_heat_and_contributions_have_one_scale_a_clip(explained: list[ClipExplanation]) -> None:
    for clip in explained:
        assert clip.heat.shape == clip.images.shape[:3] and clip.heat.dtype == np.float32
        assert clip.heat.min() >= 0 and clip.heat.max() in (0, 1)
        assert clip.contributions is not None
        assert clip.contributions.shape == (RUN.model.frames, 6, len(clip.exponents))
        np.testing.assert_allclose(clip.contributions.sum(axis=2), 1, atol=1e-5)
    assert any(clip.heat.max() == 1 for clip in explained)
    assert len({clip.heat.tobytes() for clip in explained}) > 1


def refused(numbers: list[int], features: Features | None = None) -> str:
    chosen, tracks = opened()
    with pytest.raises(ValueError) as error:
        explain_clips(chosen, tracks, numbers, features or random_features(tracks), "CPU")
    return str(error.value)


def test_tracks_that_are_not_evaluated_are_refused() -> None:
    short = next(row for row, track in enumerate(TEST_TRACKS) if track.frames < 12)
    for number in (short, len(TEST_TRACKS), -1):
        error = refused([0, number])
        assert f"track {number}: expected one of the 13 tracks that are evaluated, got another row of" in error
        assert error.endswith("name tracks that features.h5 lists")


def test_a_person_of_one_modality_is_refused() -> None:
    lonely = next(row for row, track in enumerate(TEST_TRACKS) if track.person == 23)
    error = refused([lonely])
    assert f"track {lonely}: expected tracks of person 23 in the other modality than visible, got none among" in error


def test_features_of_another_network_are_refused() -> None:
    features = random_features(opened()[1], channels=7)
    assert "features: expected 128 channels, as the network of" in refused(ASKED, features)


def test_a_frame_that_is_gone_is_refused() -> None:
    _, tracks = opened()
    gone = tracks.split.paths[int(tracks.infrared.test_frames(0)[1])]
    file = Path(RUN.root) / gone
    content = file.read_bytes()
    file.unlink()
    try:
        assert f"{file}: expected an image, as it was when" in refused([int(tracks.infrared.number[0])])
    finally:
        file.write_bytes(content)
