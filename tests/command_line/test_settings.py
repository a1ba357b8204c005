"""Settings are strict: every mistake is one error that names the file, the key and what is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import EdgeSettings, PoseSettings, Settings, load_settings

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_loads(path: Path) -> None:
    assert isinstance(load_settings(path), Settings)


def test_there_are_configs_for_both_data_sets() -> None:
    assert {path.stem for path in CONFIGS} >= {"sample", "hitsz-vcm"}


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "")) == Settings()


def test_values_reach_their_place(tmp_path: Path) -> None:
    text = (
        "pose: {preset: custom, config: a.py, weights: b.pth, batch: 7, max_bad: 0}\n"
        "edges: {angle: atan2, normalize: none}\nmin_score: 1\n"
    )
    assert load_settings(write(tmp_path, text)) == Settings(
        pose=PoseSettings(preset="custom", config="a.py", weights="b.pth", batch=7, max_bad=0.0),
        edges=EdgeSettings(angle="atan2", normalize="none"),
        min_score=1.0,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("posse: {}", ["config.yaml: unknown key 'posse', nearest is 'pose'; known keys are pose, edges, min_score"]),
        (
            "pose: {batch_size: 3}",
            ["config.yaml: pose: unknown key 'batch_size', nearest is 'batch'; known keys", "are preset, config"],
        ),
        ("pose: {batch: many}", ["pose.batch: expected a whole number in 1…4096, got 'many'"]),
        ("pose: {batch: true}", ["pose.batch: expected a whole number in 1…4096, got True"]),
        ("pose: {batch: 0}", ["pose.batch: expected a whole number in 1…4096, got 0"]),
        ("pose: {chunk_frames: -1}", ["pose.chunk_frames: expected a whole number in 1…65536, got -1"]),
        ("pose: {max_bad: 1.5}", ["pose.max_bad: expected a number in 0…1, got 1.5"]),
        ("pose: {preset: hrnet}", ["pose.preset: expected one of 'sample', 'hrnet-w32'", "got 'hrnet'"]),
        ("pose: {preset: custom}", ["pose.preset: expected config and weights beside 'custom', got (None, None)"]),
        ("pose: {config: a.py}", ["pose.config: expected none with preset 'sample', got 'a.py'"]),
        ("pose: {engine: tensorrt}", ["pose.engine: expected one of 'auto', 'onnxruntime', 'torch', got 'tensorrt'"]),
        ("pose: 3", ["config.yaml: pose: expected a mapping of settings, got 3"]),
        ("edges: {angle: sin}", ["edges.angle: expected one of 'arctan', 'atan2', 'sincos', got 'sin'"]),
        ("min_score: 2", ["config.yaml: min_score: expected a number in 0…1, got 2"]),
        ("min_score: '0.3'", ["min_score: expected a number in 0…1, got '0.3'"]),
        ("- pose", ["config.yaml: expected a mapping of settings, got ['pose']"]),
        ("pose: [", ["config.yaml", "not valid YAML"]),
        ("pose: !!python/object/apply:os.system ['true']", ["config.yaml", "not valid YAML"]),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, expected: list[str]) -> None:
    with pytest.raises(ValueError, match=r"config\.yaml") as caught:
        load_settings(write(tmp_path, text))
    message = str(caught.value)
    assert all(part in message for part in expected), message
    assert "\n" not in message


def test_a_missing_file_and_a_binary_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"configs/\*\.yaml"):
        load_settings(tmp_path / "none.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="YAML text file"):
        load_settings(binary)
