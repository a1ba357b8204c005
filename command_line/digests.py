"""Digests of files, and of code by what it computes: comments, docstrings and layout do not count.

A number that people raise by hand is forgotten; with a digest, results of code that computed something else cannot be
taken for those of this code.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TOP = Path(__file__).resolve().parents[1]
# Of these, what a module imports belongs to what it computes. `command_line` reads what users say: it stands in
# recipes and settings by its values.
PACKAGES = ("data_cache", "pipeline", "model")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits. Raises FileNotFoundError."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_digest(modules: Iterable[str], top: Path = TOP) -> str:
    """sha256 of `modules` and of all in `PACKAGES` that they import, directly or not, in hexadecimal digits.

    modules: dotted names; those of other packages are left out
    top:     folder that the packages lie in
    """
    return _digest({name: _module_file(name, top) for name in imported_modules(modules, top)})


def room_digest(room: str, top: Path = TOP) -> str:
    """sha256 of all modules below a folder of code such as `model/network`, in hexadecimal digits."""
    return _digest({file.relative_to(top).as_posix(): file for file in (top / room).rglob("*.py")})


def imported_modules(modules: Iterable[str], top: Path = TOP) -> list[str]:
    """`modules` and what they import, directly or not, as far as it is in `PACKAGES`: dotted names in order.

    Imports for the type checker only do not count, those within functions do.
    """
    found: set[str] = set()
    waiting = [name for name in modules if name.partition(".")[0] in PACKAGES]
    while waiting:
        name = waiting.pop()
        if name in found or not _module_file(name, top).is_file():
            continue
        found.add(name)
        waiting += [other for other in _imports(_stripped(_module_file(name, top))) if _in_packages(other)]
    return sorted(found)


def _in_packages(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def _module_file(name: str, top: Path) -> Path:
    path = top.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imports(tree: ast.Module) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)  # where it is a module itself


def _digest(files: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        digest.update(f"{name}\0{ast.dump(_stripped(file))}\n".encode())
    return digest.hexdigest()


def _stripped(file: Path) -> ast.Module:
    """The module without what changes nothing when it runs."""
    tree = _WithoutWords().visit(ast.parse(file.read_bytes()))
    assert isinstance(tree, ast.Module)
    return tree


class _WithoutWords(ast.NodeTransformer):
    """Takes out docstrings, and imports that only the type checker sees."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Text that nobody takes, such as a docstring."""
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """``if TYPE_CHECKING:``; what else is to be done stays."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
        return self.generic_visit(node) if node.body or node.orelse else None
