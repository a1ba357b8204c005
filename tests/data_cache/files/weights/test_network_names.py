"""Which of a file's tensors are the network: whatever stands before its names, and never a guess between two."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from data_cache.files.weights.network_names import network_tensors

NETWORK = {"conv1.weight": 1, "layer1.0.conv1.weight": 2, "bn1.bias": 3}
FILE = Path("a.pth")


def under(prefix: str, network: dict[str, int] = NETWORK) -> dict[str, int]:
    return {prefix + name: value for name, value in network.items()}


@pytest.mark.parametrize(
    "prefix", ["", "module.", "state_dict.", "model.", "state_dict.module.base.", "backbone.", "net.0."]
)
def test_what_stands_before_all_names_is_dropped(prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert network_tensors(FILE, under(prefix), NETWORK) == NETWORK
    assert caplog.records == []


def test_other_parts_of_a_larger_network_are_left_and_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tensors = {**under("base."), "neck.weight": 4, "classifier.weight": 5}
    assert network_tensors(FILE, tensors, NETWORK) == NETWORK
    assert caplog.messages == ["a.pth: takes what is under 'base', leaves 2 others (neck.weight, classifier.weight)"]


@pytest.mark.parametrize("plain", ["state_dict.", "model.", "state_dict.module."])
def test_the_network_itself_is_taken_before_its_average(plain: str) -> None:
    average = {name: -value for name, value in NETWORK.items()}
    assert network_tensors(FILE, {**under("ema_state_dict.module.", average), **under(plain)}, NETWORK) == NETWORK


@pytest.mark.parametrize(
    "prefixes",
    [("student.", "teacher."), ("state_dict.encoder_q.", "state_dict.encoder_k."), ("model.", "state_dict.")],
)
def test_between_two_networks_that_fit_nothing_is_guessed(prefixes: tuple[str, str]) -> None:
    first, second = (prefix.removesuffix(".") for prefix in prefixes)
    with pytest.raises(ValueError, match=rf"a\.pth: expected one .* got 2, under '{first}', '{second}'; keep one"):
        network_tensors(FILE, {**under(prefixes[0]), **under(prefixes[1])}, NETWORK)


def test_a_network_that_lacks_something_is_the_one_that_has_most() -> None:
    lacking = {"conv1.weight": 1, "bn1.bias": 3}
    assert network_tensors(FILE, {**under("a.", {"bn1.bias": 7}), **under("b.", lacking)}, NETWORK) == lacking


def test_a_foreign_network_keeps_the_names_below_what_all_share() -> None:
    foreign = {"state_dict.head.0.weight": 1, "state_dict.tail.bias": 2}
    assert network_tensors(FILE, foreign, NETWORK) == {"head.0.weight": 1, "tail.bias": 2}
    assert network_tensors(FILE, {"a": 1}, NETWORK) == {"a": 1}
