"""Any terminal gets readable text, and no command fails on an encoding after its work is done."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line.terminal.terminal_text import READABLE, make_output_readable

ROOT = Path(__file__).resolve().parents[3]
SAYS = "infrared → visible … 1–3 × 2, ≥ 0.3, α Zoë 雪"  # noqa: RUF001
EXPECTED = {
    "utf-8": SAYS,
    "latin-1": "infrared -> visible ... 1-3 × 2, >= 0.3, alpha Zoë \\u96ea",  # noqa: RUF001
    "cp1252": "infrared -> visible … 1–3 × 2, >= 0.3, alpha Zoë \\u96ea",  # noqa: RUF001
    "ascii": "infrared -> visible ... 1-3 x 2, >= 0.3, alpha Zo\\xeb \\u96ea",
}


def said(code: str, encoding: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", EXPECTED)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_command_says_what_the_terminal_can_show(encoding: str, stream: str) -> None:
    code = (
        "import argparse, sys\n"
        "from command_line.run_command import run\n"
        "parser = argparse.ArgumentParser()\n"
        f"parser.set_defaults(run=lambda _: sys.{stream}.write({SAYS!r}) and 0)\n"
        "sys.exit(run(parser, []))\n"
    )
    done = said(code, encoding)
    assert done.returncode == 0, done.stderr
    assert getattr(done, stream).decode(encoding) == EXPECTED[encoding]


@pytest.mark.parametrize("encoding", EXPECTED)
def test_errors_and_help_are_said_too(encoding: str) -> None:
    code = "import sys; from model.__main__ import main; sys.exit(main(sys.argv[1:]))"
    done = said(code.replace("sys.argv[1:]", "['train', '--help']"), encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    done = said(code.replace("sys.argv[1:]", "['results', '→.json']"), encoding)
    assert done.returncode == 1
    name = "→.json" if encoding == "utf-8" else "->.json"
    assert done.stderr.decode(encoding).startswith(f"error: {name}: no such file")


def test_a_name_that_is_not_utf_8_is_escaped() -> None:
    code = (
        "import os, sys\n"
        "from command_line.terminal.terminal_text import make_output_readable\n"
        "make_output_readable()\n"
        "print(os.fsdecode(b'caf\\xe9.jpg'))\n"
    )
    for encoding in EXPECTED:
        assert said(code, encoding).stdout == b"caf\\udce9.jpg\n"


def test_every_replacement_is_ascii_and_replaces_what_is_not() -> None:
    assert all(text.isascii() and not sign.isascii() for sign, text in READABLE.items())


def test_streams_that_are_no_files_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    make_output_readable()
    sys.stdout.write("→\n")
    assert capsys.readouterr().out == "→\n"


def test_the_signs_that_the_code_says_are_all_known() -> None:
    """Of every text in the code but docstrings; a new sign needs its ASCII, or it would be said as an escape."""
    tops = ("command_line", "star", "pipeline", "model", "data_cache")
    texts = [text for top in tops for file in (ROOT / top).rglob("*.py") for text in spoken(file)]
    used = {sign for text in texts for sign in text if not sign.isascii()}
    assert {"→", "…"} <= used
    assert used - READABLE.keys() == set()


def spoken(file: Path) -> list[str]:
    """The texts of a file that are no statement of their own, as docstrings are."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone]
    return [node.value for node in constants if isinstance(node.value, str)]
