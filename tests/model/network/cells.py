"""Run a MindSpore cell in pynative and in graph mode, with gradients, and compare with what torch gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mindspore as ms
import numpy as np
import torch
from mindspore import Tensor, ops

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mindspore import nn
    from numpy.typing import NDArray

    Array = NDArray[Any]

MODES = ("pynative", "graph")
CLOSE = 1e-4


def random_array(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def call(function: Callable[..., Any], *inputs: Array, mode: str = "pynative") -> Any:
    """Outputs as numpy arrays, a tuple of them where there are several."""

    def forward(*arguments: Tensor) -> Any:
        return function(*arguments)

    run = ms.jit(forward) if mode == "graph" else forward
    outputs = run(*(Tensor(value) for value in inputs))
    return tuple(o.asnumpy() for o in outputs) if isinstance(outputs, tuple) else outputs.asnumpy()


def gradients(
    cell: nn.Cell, inputs: Sequence[Array], positions: Sequence[int] = (0,), mode: str = "pynative", output: int = 0
) -> tuple[Array, list[Array], dict[str, Array]]:
    """Output `output`, and the gradients of Σ output · `cotangent` by the inputs at `positions` and all parameters."""
    parameters = list(cell.trainable_params())

    def weighted(*arguments: Tensor) -> Any:
        outputs = cell(*arguments)
        value = outputs[output] if isinstance(outputs, tuple) else outputs
        wave = ops.reshape(ops.cos(ops.arange(value.size).astype(ms.float32)), value.shape)
        return ops.sum(value * wave), value

    derive = ms.value_and_grad(weighted, tuple(positions), parameters or None, has_aux=True)
    if mode == "graph":
        derive = ms.jit(derive)
    (_, value), found = derive(*(Tensor(v) for v in inputs))
    by_input, by_weight = found if parameters else (found, ())
    if isinstance(by_input, Tensor):
        by_input = (by_input,)
    names = {id(p): name for name, p in cell.parameters_and_names()}
    weights = {names[id(p)]: g.asnumpy() for p, g in zip(parameters, by_weight, strict=True)}
    return value.asnumpy(), [g.asnumpy() for g in by_input], weights


def backward(value: torch.Tensor) -> torch.Tensor:
    """The same Σ output · cotangent in torch; call it, then read `.grad`."""
    wave = torch.cos(torch.arange(value.numel(), dtype=torch.float32)).reshape(value.shape)
    (value * wave).sum().backward()
    return value


def assert_close(got: Array, expected: torch.Tensor | Array | None, what: str = "") -> None:
    """Equal to 1e-4 of the largest expected value (of 1, where that is smaller)."""
    assert expected is not None, what
    wanted = expected.detach().numpy() if isinstance(expected, torch.Tensor) else np.asarray(expected)
    assert got.shape == wanted.shape, what
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    np.testing.assert_allclose(got, wanted, rtol=CLOSE, atol=CLOSE * scale, err_msg=what)


def leaf(value: Array) -> torch.Tensor:
    return torch.tensor(value, requires_grad=True)


def set_weights(cell: nn.Cell, weights: Mapping[str, torch.Tensor | Array]) -> None:
    """Put torch's weights into the parameters named; every name must be there and fit."""
    parameters = dict(cell.parameters_and_names())
    for name, value in weights.items():
        array = value.detach().numpy() if isinstance(value, torch.Tensor) else value
        assert parameters[name].shape == array.shape, name
        parameters[name].set_data(Tensor(array.astype(np.float32)))


def randomise(cell: nn.Cell, seed: int = 0, scale: float = 0.3) -> None:
    """Other values than the initial ones in every trainable parameter: also in those that start at 0 or 1."""
    random = np.random.default_rng(seed)
    for parameter in cell.trainable_params():
        base = parameter.asnumpy()
        parameter.set_data(Tensor((base + scale * random.normal(size=base.shape)).astype(np.float32)))


def torch_weights(cell: nn.Cell) -> dict[str, torch.Tensor]:
    """All trainable parameters by name as torch leaves: after `backward` their `.grad` is what the cell's should be."""
    trainable = {id(p) for p in cell.trainable_params()}
    return {name: leaf(p.asnumpy()) for name, p in cell.parameters_and_names() if id(p) in trainable}
