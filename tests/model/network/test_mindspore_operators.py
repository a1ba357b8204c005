"""Every MindSpore operator and cell that the model uses says in its documentation that Ascend and the CPU have it."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from tests.model.network.test_network import BV, PERSON, TrainingStep, build, inputs

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = Path(__file__).resolve().parents[3] / "model"
NEEDED = {"Ascend", "CPU"}
# Where operators and cells live; other modules of MindSpore (context, serialization, …) run on the host.
OPERATORS = ("mindspore.ops.", "mindspore.nn.", "mindspore.mint.")
# What Python's own syntax calls: ==, >, a factor on the left, +, −, [], and a cell or a tensor asked for its parts.
SYNTAX = {
    "__eq__",
    "__gt__",
    "__rmul__",
    "__neg__",
    "_getitem_origin",
    "tensor_add_ext",
    "tensor_sub_ext",
    "__call__",
    "__getattr__",
    "shape",
    "ndim",
    "dtype",
}


def mindspore_names(tree: ast.AST) -> dict[str, str]:
    """Local name → dotted name of everything that a file imports from MindSpore."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "mindspore":
                    names[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else "mindspore"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mindspore":
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return None


def operators_used(source: str) -> set[str]:
    """Dotted names of operators and cells, and `mindspore.Tensor.<method>` where a function of tensors calls it."""
    tree = ast.parse(source)
    imported = mindspore_names(tree)
    used = {name for name in imported.values() if name.startswith(OPERATORS)}
    for node in ast.walk(tree):
        root, _, rest = (dotted(node) or "").partition(".")
        if rest and root in imported and f"{imported[root]}.{rest}".startswith(OPERATORS):
            used.add(f"{imported[root]}.{rest}")
        if isinstance(node, ast.FunctionDef) and takes_tensors(node):
            calls = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
            methods = [f.attr for f in calls if isinstance(f, ast.Attribute) and is_value(f.value, imported)]
            used.update(f"mindspore.Tensor.{method}" for method in methods if hasattr(ms.Tensor, method))
    return used


def takes_tensors(function: ast.FunctionDef) -> bool:
    return any(arg.annotation and "Tensor" in ast.unparse(arg.annotation) for arg in function.args.args)


def is_value(node: ast.AST, imported: dict[str, str]) -> bool:
    """Neither a module nor the cell itself: what a tensor's method may be called on."""
    return (dotted(node) or "").split(".")[0] not in {*imported, "self", "np", "math"}


def platforms(name: str) -> set[str]:
    """What the line after `Supported Platforms` of an operator's documentation lists; empty where it has none."""
    parts = name.split(".")
    value: object = importlib.import_module("mindspore")
    for part in parts[1:]:
        value = getattr(value, part)
    found = re.search(r"Supported Platforms:\s*\n\s*((?:``\w+``\s*)+)", value.__doc__ or "")
    return set(re.findall(r"``(\w+)``", found[1])) if found else set()


# MindSpore documents no collective operator for the CPU, but has a library (mccl) there: training in two processes on
# the CPU, with equal weights in both, is a test of its own.
SHOWN_OTHERWISE = {"mindspore.nn.DistributedGradReducer": {"CPU"}}
FILES = sorted(MODEL.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_ascend_and_the_cpu_have_every_operator(file: Path) -> None:
    used = sorted(operators_used(file.read_text("utf-8")))
    lacking = {name: NEEDED - platforms(name) - SHOWN_OTHERWISE.get(name, set()) for name in used}
    assert {name: missing for name, missing in lacking.items() if missing} == {}


@pytest.mark.parametrize("name", SHOWN_OTHERWISE)
def test_what_is_shown_otherwise_is_used_and_lacks_what_is_said(name: str) -> None:
    assert name in set().union(*(operators_used(file.read_text("utf-8")) for file in FILES))
    assert NEEDED - platforms(name) == SHOWN_OTHERWISE[name]


def test_the_network_is_seen_to_use_operators() -> None:
    used = set().union(*(operators_used(file.read_text("utf-8")) for file in FILES))
    assert {"mindspore.nn.LSTM", "mindspore.nn.Conv2d", "mindspore.ops.softmax", "mindspore.ops.gather"} <= used


@pytest.mark.parametrize(
    ("source", "name", "missing"),
    [
        ("from mindspore import ops\nops.einsum('ij->i', 1)", "mindspore.ops.einsum", {"Ascend", "CPU"}),
        ("import mindspore.ops as o\ndef f(x):\n    return o.einsum(x)", "mindspore.ops.einsum", {"Ascend", "CPU"}),
        ("import mindspore as ms\nms.ops.einsum", "mindspore.ops.einsum", {"Ascend", "CPU"}),
        ("from mindspore.ops import einsum", "mindspore.ops.einsum", {"Ascend", "CPU"}),
        ("from mindspore import mint\nmint.nn.Dropout(0.1)", "mindspore.mint.nn.Dropout", {"CPU"}),
        (
            "from mindspore import Tensor\ndef f(x: Tensor):\n    return (x + 1).swapaxes(0, 1)",
            "mindspore.Tensor.swapaxes",
            NEEDED,
        ),
    ],
)
def test_an_operator_that_a_platform_lacks_is_found(source: str, name: str, missing: set[str]) -> None:
    assert name in operators_used(source)
    assert NEEDED - platforms(name) == missing


def called_from_the_model(function: Callable[..., Any], *arguments: Any) -> set[str]:
    """Last names of all functions of MindSpore that files of the model call while `function` runs, not compiled."""
    names: set[str] = set()

    def watch(frame: Any, event: str, called: Any) -> None:
        caller = frame.f_back if event == "call" else frame
        if caller is None or event not in ("call", "c_call") or MODEL not in Path(caller.f_code.co_filename).parents:
            return
        module = frame.f_globals.get("__name__") if event == "call" else getattr(called, "__module__", None)
        if str(module).split(".")[0] == "mindspore":
            names.add(frame.f_code.co_name if event == "call" else called.__name__)

    sys.setprofile(watch)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return names


def test_what_training_and_testing_call_is_what_was_looked_at() -> None:
    """The list above comes from reading the files; this one from running them, with every option."""
    looked_at = {name.split(".")[-1] for file in FILES for name in operators_used(file.read_text("utf-8"))}
    called: set[str] = set()
    options = {"learn_exponents": True, "bidirectional": True, "edge_source": "last"}
    by_part = {"pool_parts": True, "seen_flags": True}
    for settings in ({}, by_part, {**options, "pool_over": "time"}, {"frame": False, "sequence": False}):
        step = TrainingStep(build(**settings))
        arguments = [Tensor(value) for value in (PERSON, *inputs(step.network.channels))]
        step.set_train()
        called |= called_from_the_model(step, *arguments)
        step.set_train(False)
        called |= called_from_the_model(step.network.embed, arguments[2], *(a[:BV] for a in arguments[3:7]), "visible")
    assert {"gather", "softmax", "matmul", "log_softmax"} <= called
    assert called - looked_at - SYNTAX == set()


def test_a_method_that_reading_would_overlook_is_seen_in_running() -> None:
    source = "def hidden(x):\n    return x.swapaxes(0, 1)"
    space: dict[str, Any] = {}
    exec(compile(source, str(MODEL / "hidden.py"), "exec"), space)
    assert operators_used(source) == set()
    found = called_from_the_model(space["hidden"], Tensor(np.ones((3, 5), np.float32)))
    assert found - SYNTAX
