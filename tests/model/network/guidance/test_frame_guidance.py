"""Eqs 3 to 7 against torch with the same weights: values and gradients, in both modes, for every T."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_cache.contract.skeleton import JOINTS
from model.clips.skeletons.skeleton_inputs import edge_values
from model.network.frame_guidance import CrossAttention, EdgeEncoder, FeedForward, FrameGuidance, SqueezeExcite
from model.run.config import ModelConfig
from tests.model.network.cells import (
    MODES,
    assert_close,
    backward,
    call,
    gradients,
    leaf,
    random_array,
    randomise,
    set_weights,
    torch_weights,
)

B, T, C = 3, 7, 20
CONFIG = ModelConfig(edge_hidden=5, lstm_hidden=11, heads=4, se_ratio=6)


def torch_cross_attention(cell: CrossAttention) -> torch.nn.MultiheadAttention:
    """torch's own attention with the weights of `cell`."""
    twin = torch.nn.MultiheadAttention(C, cell.heads, batch_first=True)
    weights = {name: parameter.asnumpy() for name, parameter in cell.parameters_and_names()}
    projections = ("query", "key", "value")
    with torch.no_grad():
        twin.in_proj_weight.copy_(torch.tensor(np.concatenate([weights[f"{p}.weight"] for p in projections])))
        twin.in_proj_bias.copy_(torch.tensor(np.concatenate([weights[f"{p}.bias"] for p in projections])))
        twin.out_proj.weight.copy_(torch.tensor(weights["out.weight"]))
        twin.out_proj.bias.copy_(torch.tensor(weights["out.bias"]))
    return twin


def torch_linear(weights: dict[str, torch.Tensor], x: torch.Tensor, name: str) -> torch.Tensor:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def assert_gradients(by_weight: dict[str, np.ndarray], weights: dict[str, torch.Tensor], *layers: str) -> None:
    for name in (f"{layer}.{part}" for layer in layers for part in ("weight", "bias")):
        assert_close(by_weight[name], weights[name].grad, name)


def test_edge_values_are_the_pairs_above_the_diagonal() -> None:
    edges = random_array(0, B, T, 17, 17, 2)
    expected = [edges[1, 4, i, j, m] for i in range(17) for j in range(i + 1, 17) for m in range(2)]
    got = edge_values(edges)
    assert got.shape == (B, T, len(JOINTS) * 16)
    np.testing.assert_array_equal(got[1, 4], expected)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_edge_encoder_is_torchs_lstm(bidirectional: bool, mode: str) -> None:
    cell = EdgeEncoder(ModelConfig(edge_hidden=5, lstm_hidden=11, bidirectional=bidirectional), C)
    randomise(cell, 1, 0.1)
    twin = torch.nn.LSTM(5, 11, batch_first=True, bidirectional=bidirectional)
    set_weights(cell, {f"lstm.{name}": value for name, value in twin.named_parameters()})
    x, seen = random_array(2, B, T, 272), np.ones((B, T, 17), np.float32)
    a, weights = leaf(x), torch_weights(cell)
    steps = twin(torch.relu(torch_linear(weights, a, "fc")))[0]
    expected = torch_linear(weights, steps, "to_channels")
    backward(expected)
    value, (by_x,), by_weight = gradients(cell, (x, seen), (0,), mode)
    assert_close(value, expected)
    assert_close(call(cell, x, seen)[1], steps)
    assert_close(by_x, a.grad)
    for name, parameter in twin.named_parameters():
        assert_close(by_weight[f"lstm.{name}"], parameter.grad, name)
    assert_gradients(by_weight, weights, "fc", "to_channels")


@pytest.mark.parametrize("mode", MODES)
def test_cross_attention_is_torchs(mode: str) -> None:
    cell = CrossAttention(C, 4)
    randomise(cell, 3)
    twin = torch_cross_attention(cell)
    query, key = random_array(4, B, T, C), random_array(5, B, T, C)
    a, b = leaf(query), leaf(key)
    expected = backward(twin(a, b, b, need_weights=False)[0])
    value, (by_query, by_key), by_weight = gradients(cell, (query, key), (0, 1), mode)
    assert_close(value, expected)
    assert_close(by_query, a.grad)
    assert_close(by_key, b.grad)
    stacked = np.concatenate([by_weight[f"{p}.weight"] for p in ("query", "key", "value")])
    assert_close(stacked, twin.in_proj_weight.grad)
    assert_close(by_weight["out.weight"], twin.out_proj.weight.grad)


def test_heads_that_do_not_divide_the_channels_are_named() -> None:
    with pytest.raises(ValueError, match=r"heads: expected a divisor of the backbone's 20 channels, got 3"):
        CrossAttention(20, 3)


@pytest.mark.parametrize("mode", MODES)
def test_squeeze_and_excite_is_two_linear_layers_and_a_sigmoid(mode: str) -> None:
    cell = SqueezeExcite(C, 6)
    randomise(cell, 6)
    x = random_array(7, B, T, C)
    a, layers = leaf(x), torch_weights(cell)
    squeezed = torch.relu(torch_linear(layers, a, "squeeze"))
    assert squeezed.shape[-1] == C // 6
    expected = backward(torch.sigmoid(torch_linear(layers, squeezed, "excite")))
    value, (by_x,), by_weight = gradients(cell, (x,), (0,), mode)
    assert_close(value, expected)
    assert_close(by_x, a.grad)
    assert_gradients(by_weight, layers, "squeeze", "excite")


@pytest.mark.parametrize("mode", MODES)
def test_feed_forward_drops_what_the_mask_says(mode: str) -> None:
    cell = FeedForward(C)
    randomise(cell, 8)
    x, keep = random_array(9, B, T, 2 * C), (np.random.default_rng(1).random((B, T, C)) > 0.3).astype(np.float32) / 0.7
    a, layers = leaf(x), torch_weights(cell)
    hidden = torch.nn.functional.gelu(torch_linear(layers, a, "widen")) * torch.tensor(keep)
    expected = backward(torch_linear(layers, hidden, "narrow"))
    value, (by_x,), by_weight = gradients(cell, (x, keep), (0,), mode)
    assert_close(value, expected)
    assert_close(by_x, a.grad)
    assert_gradients(by_weight, layers, "widen", "narrow")


def test_without_a_mask_nothing_is_dropped() -> None:
    cell = FeedForward(C)
    randomise(cell, 8)
    x = random_array(9, B, T, 2 * C)
    np.testing.assert_array_equal(call(cell, x), call(cell, x, np.ones((B, T, C), np.float32)))


def test_untrained_guidance_leaves_the_feature() -> None:
    x, guidance = random_array(10, B, T, C), random_array(11, B, T, C)
    np.testing.assert_array_equal(call(FrameGuidance(CONFIG, C), x, guidance), x + np.float32(1e-3))


@pytest.mark.parametrize("mode", MODES)
def test_frame_guidance_is_equations_4_to_7(mode: str) -> None:
    cell = FrameGuidance(CONFIG, C)
    randomise(cell, 12)
    x, guidance = random_array(13, B, T, C), random_array(14, B, T, C)
    a, b, layers = leaf(x), leaf(guidance), torch_weights(cell)
    over_time = torch_cross_attention(cell.time_attention)(a, b, b, need_weights=False)[0]  # eq 4
    squeezed = torch.relu(torch_linear(layers, over_time, "weights.squeeze"))
    weights = torch.sigmoid(torch_linear(layers, squeezed, "weights.excite"))  # eq 5
    over_sight = torch_cross_attention(cell.visual_attention)(b, a, a, need_weights=False)[0]  # eq 6
    hidden = torch.nn.functional.gelu(torch_linear(layers, torch.cat((over_sight, over_time), -1), "ffn.widen"))
    expected = backward(torch_linear(layers, hidden, "ffn.narrow") * weights + a + 1e-3)  # eq 7
    value, (by_x, by_guidance), by_weight = gradients(cell, (x, guidance), (0, 1), mode)
    assert_close(value, expected)
    assert_close(by_x, a.grad)
    assert_close(by_guidance, b.grad)
    assert_gradients(by_weight, layers, "weights.squeeze", "weights.excite", "ffn.widen", "ffn.narrow")


def test_clips_do_not_see_each_other() -> None:
    cell = FrameGuidance(CONFIG, C)
    randomise(cell, 15)
    x, guidance = random_array(16, B, T, C), random_array(17, B, T, C)
    before = call(cell, x, guidance)
    guidance[1] += 1.0
    after = call(cell, x, guidance)
    assert (before[1] != after[1]).any()
    np.testing.assert_allclose(before[[0, 2]], after[[0, 2]], atol=1e-5)
