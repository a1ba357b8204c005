"""The learning rate, against torch's schedulers and the words of section 4.1.3."""

from __future__ import annotations

import pytest
import torch

from model.run.config import TrainConfig
from model.training.schedule import learning_rate

STEPS = 7


def test_milestones_are_those_of_torch() -> None:
    config = TrainConfig(learning_rate=0.3, warmup_epochs=0, milestones=(3, 5))
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[3, 5], gamma=0.1)
    for epoch in range(8):
        assert learning_rate(config, epoch, 0, STEPS) == pytest.approx(optimizer.param_groups[0]["lr"])
        assert learning_rate(config, epoch, STEPS - 1, STEPS) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()


def test_the_papers_schedule() -> None:
    config = TrainConfig()
    rates = [learning_rate(config, epoch, 0, 268) for epoch in (10, 59, 60, 99, 100, 199)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_warm_up_rises_evenly_to_the_full_rate() -> None:
    config = TrainConfig(learning_rate=0.5, warmup_epochs=3, milestones=(11,))
    rates = [learning_rate(config, epoch, step, STEPS) for epoch in range(3) for step in range(STEPS)]
    assert rates == pytest.approx([0.5 * (n + 1) / (3 * STEPS) for n in range(3 * STEPS)])
    assert learning_rate(config, 3, 0, STEPS) == 0.5


def test_the_cosine_is_that_of_torch_after_warm_up() -> None:
    config = TrainConfig(learning_rate=0.3, warmup_epochs=2, epochs=5, schedule="cosine", milestones=(3,))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3 * STEPS)
    rates = [learning_rate(config, epoch, step, STEPS) for epoch in range(5) for step in range(STEPS)]
    assert rates[: 2 * STEPS] == pytest.approx([0.3 * (n + 1) / (2 * STEPS) for n in range(2 * STEPS)])
    for rate in rates[2 * STEPS :]:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        falling.step()
    assert rates[-1] > 0 == pytest.approx(learning_rate(config, 5, 0, STEPS))
