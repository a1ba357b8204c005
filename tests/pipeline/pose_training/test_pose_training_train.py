"""The training loop: an interrupted training ends with the same bits, and what differs is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from pipeline.pose_training.__main__ import main
from pipeline.pose_training.recipe import Recipe, Stage, dataset_at, learning_rate_share, read_recipe
from pipeline.pose_training.train import CHECKPOINT, LOG, average_weights, build_model, load_checkpoint, train
from pipeline.pose_training.train import start_training as start
from pipeline.pose_training.weights import load_weights

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "configs/pose/hrnet-small_256x192.py"


def tiny_config() -> Config:
    """Five crops, a network of a few thousand parameters, two stages of two epochs."""
    config = Config.fromfile(CONFIG)
    extra = config.model.backbone.extra
    extra.stage1.num_blocks, extra.stage1.num_channels = (1,), (4,)
    for number, widths in enumerate([(3, 5), (3, 5, 7), (3, 5, 7, 11)], start=2):
        extra[f"stage{number}"].update(num_modules=1, num_blocks=(1,) * number, num_channels=widths)
    config.model.head.in_channels = 3
    config.train_dataloader.batch_size = 2
    config.train_dataloader.dataset.update(data_root=str(ROOT / "data/pose-labels"), indices=5)
    config.training.update(
        warmup_steps=2,
        stages=[
            {"input_size": (32, 64), "sigma": 1.0, "epochs": 2, "bfloat16": True},
            {"input_size": (64, 64), "sigma": 1.0, "epochs": 2, "bfloat16": False},
        ],
    )
    return config


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_resumed_training_equals_an_undisturbed_one_bit_for_bit(tmp_path: Path) -> None:
    whole = train(tiny_config(), tmp_path / "whole", resume=False, workers=0)
    for epochs in (1, 3, None):
        parts = train(tiny_config(), tmp_path / "parts", resume=True, workers=1, epochs=epochs)
    assert parts.epoch == whole.epoch == 4 and parts.step == whole.step == 8
    for name in ("model", "averaged"):
        one, two = getattr(whole, name).state_dict(), getattr(parts, name).state_dict()
        assert all(torch.equal(one[key], two[key]) for key in one)
    lines = [json.loads(line) for line in (tmp_path / "parts" / LOG).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert [line["input_size"] for line in lines] == [[32, 64]] * 2 + [[64, 64]] * 2
    assert not list((tmp_path / "parts").glob("*.partial"))


def test_training_changes_the_weights_with_the_seed_only(tmp_path: Path) -> None:
    other = tiny_config()
    other.training.seed += 1
    first, again, second = (
        train(config, tmp_path / name, resume=False, workers=0, epochs=1).model.state_dict()
        for name, config in (("a", tiny_config()), ("b", tiny_config()), ("c", other))
    )
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["backbone.conv1.weight"], second["backbone.conv1.weight"])
    untrained = build_model(tiny_config(), tiny_config().training.seed).state_dict()
    assert not torch.equal(first["backbone.conv1.weight"], untrained["backbone.conv1.weight"])


def test_a_checkpoint_is_not_overwritten_without_resume(tmp_path: Path) -> None:
    train(tiny_config(), tmp_path, resume=False, workers=0, epochs=1)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match="--resume"):
        train(tiny_config(), tmp_path, resume=False, workers=0)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    train(tiny_config(), tmp_path, resume=False, workers=0, epochs=1)
    other = tiny_config()
    other.optim_wrapper.optimizer.lr *= 2
    with pytest.raises(ValueError, match="expected a checkpoint of this config"):
        load_checkpoint(start(other, read_recipe(other)), tmp_path / CHECKPOINT, other)
    (tmp_path / CHECKPOINT).write_bytes((tmp_path / CHECKPOINT).read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"checkpoint\.pt: damaged \(\w+\); train into a new folder"):
        train(tiny_config(), tmp_path, resume=True, workers=0)


def test_export_writes_the_averaged_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = train(tiny_config(), tmp_path, resume=False, workers=0)
    config = tmp_path / "tiny.py"
    tiny_config().dump(config)
    weights = tmp_path / "tiny.safetensors"
    arguments = ["export", "--config", str(config), "--out", str(tmp_path), "--weights", str(weights)]
    assert main(arguments) == 0 and "after 4 of 4 epochs" in capsys.readouterr().out
    model = build_model(tiny_config(), seed=1)
    metadata = load_weights(model, weights)
    assert metadata["seed"] == str(tiny_config().training.seed) and metadata["config"] == "tiny.py"
    assert torch.equal(model.head.final_layer.weight, state.averaged.head.final_layer.weight)
    assert not torch.equal(model.head.final_layer.weight, state.model.head.final_layer.weight)


def test_a_missing_config_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--config", str(tmp_path / "no.py"), "--out", str(tmp_path / "out")]) == 1
    assert "no.py: expected an MMPose config" in capsys.readouterr().err
    assert main(["evaluate", "--config", str(CONFIG), "--weights", "w", "--data", str(tmp_path)]) == 1
    assert "expected COCO keypoint labels" in capsys.readouterr().err


def test_averaged_weights_follow_the_formula() -> None:
    averaged, model = build_model(tiny_config(), seed=1), build_model(tiny_config(), seed=2)
    before = averaged.backbone.conv1.weight.detach().clone()
    average_weights(averaged, model, decay=0.9, step=1000)
    expected = 0.9 * before + 0.1 * model.backbone.conv1.weight
    torch.testing.assert_close(averaged.backbone.conv1.weight, expected)
    average_weights(averaged, model, decay=0.9, step=0)  # the first steps move by 1 - 1/10
    torch.testing.assert_close(averaged.backbone.conv1.weight, 0.1 * expected + 0.9 * model.backbone.conv1.weight)


def test_learning_rate_warms_up_and_ends_as_a_cosine() -> None:
    recipe = Recipe(1, 5, 0.01, 0.9, (Stage((32, 32), 1.0, 1, False),))
    rates = [learning_rate_share(step, 105, recipe) for step in range(106)]
    assert rates[0] == 0.2 and rates[4] == 1.0 == rates[5] and rates[105] == pytest.approx(0.01)
    assert rates[55] == pytest.approx(0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_stages_follow_each_other() -> None:
    recipe = read_recipe(Config.fromfile(CONFIG))
    firsts = [recipe.stage_at(epoch).input_size for epoch in range(recipe.epochs)]
    assert firsts[0] == (96, 128) and firsts[-1] == (192, 256) and firsts == sorted(firsts)
    with pytest.raises(ValueError, match="expected below"):
        recipe.stage_at(recipe.epochs)


def test_a_stage_changes_input_and_target_together() -> None:
    dataset = dataset_at(tiny_config().train_dataloader.dataset, Stage((96, 160), 1.5, 1, False))
    steps = {step["type"]: step for step in dataset["pipeline"]}
    assert steps["TopdownAffine"]["input_size"] == (96, 160)
    encoder = steps["GenerateTarget"]["encoder"]
    assert (encoder["input_size"], encoder["heatmap_size"], encoder["sigma"]) == ((96, 160), (24, 40), 1.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"stages": []}, "stages"),
        ({"unknown": 1}, "expected the keys"),
        ({"stages": [{"input_size": (48, 64), "sigma": 1.0, "epochs": 1, "bfloat16": False}]}, "multiples of 32"),
        ({"stages": [{"input_size": (32, 64), "sigma": 0.0, "epochs": 1, "bfloat16": False}]}, "sigma"),
        ({"stages": [{"input_size": (32, 64), "sigma": 1.0}]}, "expected the keys"),
    ],
)
def test_a_wrong_recipe_is_refused(change: dict[str, Any], message: str) -> None:
    config = tiny_config()
    config.training.update(change)
    with pytest.raises(ValueError, match=message):
        read_recipe(config)
