"""The one place where errors become a line and an exit status."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from command_line.run_command import NO_FILES, NO_MEMORY, add_debug_option, run


def parser_that_raises(error: BaseException | None) -> argparse.ArgumentParser:
    def command(_: argparse.Namespace) -> int:
        if error is not None:
            raise error
        return 0

    parser = argparse.ArgumentParser(prog="star")
    parser.set_defaults(run=command)
    add_debug_option(parser)
    return parser


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a.txt:3: expected\n 5 integers"), "error: a.txt:3: expected 5 integers"),
        (KeyError("no joint 'tail'"), "error: no joint 'tail'"),
        (FileNotFoundError(2, "No such file or directory", "x.h5"), "error: x.h5: No such file or directory"),
        (OSError("disk is full"), "error: disk is full"),
        (ValueError(), "error: ValueError"),
        (MemoryError("Unable to allocate 7 GiB"), f"error: {NO_MEMORY}"),
        (ImportError("libmindspore_ops_cpu.so: failed to map segment from shared object"), f"error: {NO_MEMORY}"),
        (RuntimeError("Allocate output memory failed, alloc node:Assign-op0 alloc size:4B"), f"error: {NO_MEMORY}"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 7 bytes"), f"error: {NO_MEMORY}"),
        (ImportError("libtorch.so: cannot open shared object file: Too many open files"), f"error: {NO_FILES}"),
    ],
)
def test_the_users_mistakes_are_one_line(error: Exception, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parser_that_raises(error), []) == 1
    assert capsys.readouterr().err == line + "\n"


def test_debug_shows_the_traceback_and_our_own_faults_are_not_hidden() -> None:
    with pytest.raises(ValueError, match="why"):
        run(parser_that_raises(ValueError("why")), ["--debug"])
    for error in (AssertionError(), RuntimeError("no memory of it"), ImportError("no such name")):
        with pytest.raises(type(error)):
            run(parser_that_raises(error), [])
    with pytest.raises(MemoryError):
        run(parser_that_raises(MemoryError()), ["--debug"])


def test_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parser_that_raises(None), []) == 0
    assert run(parser_that_raises(KeyboardInterrupt()), []) == 130
    assert "goes on from there" in capsys.readouterr().err
    assert run(parser_that_raises(KeyboardInterrupt("all is as it was")), []) == 130
    assert capsys.readouterr().err == "interrupted: all is as it was\n"
    with pytest.raises(SystemExit) as stop:
        run(parser_that_raises(None), ["--unknown"])
    assert stop.value.code == 2


def test_a_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    code = (
        "import argparse, sys\n"
        "from command_line.run_command import run\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.set_defaults(run=lambda _: print('x' * 10_000_000) or 0)\n"
        "sys.exit(run(parser, []))\n"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.read(1)
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")
