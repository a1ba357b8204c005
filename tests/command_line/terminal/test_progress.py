"""What a command says of how far it is: lines after silence, at growing times; a bar on a terminal."""

from __future__ import annotations

import argparse
import io
import logging
import threading
from pathlib import Path

import pytest

from command_line.run_command import run
from command_line.terminal import progress
from command_line.terminal.progress import Heart, Work, alive, counted, doing
from pipeline.checks import frame_check
from star.__main__ import build_parser
from tests.pipeline.datasets.trees import build_tree
from tests.pipeline.keypoints.stub_estimator import wait_until

SERVE = {"view", "demo"}  # a page to look at, and DVC, whose stages speak themselves


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def commands() -> dict[str, argparse.ArgumentParser]:
    (chosen,) = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(chosen.choices)


def spoken(heart: Heart, clock: Clock, seconds: int, caplog: pytest.LogCaptureFixture) -> dict[int, str]:
    """Second → line, of a heart that beats every second."""
    said = {}
    for second in range(1, seconds + 1):
        clock.now += 1
        before = len(caplog.messages)
        heart.beat()
        if len(caplog.messages) > before:
            said[second] = caplog.messages[-1]
    return said


def test_silence_is_broken_at_growing_times(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    said = spoken(Heart("star verify", clock), clock, 200, caplog)
    assert list(said) == [10, 30, 70, 130, 190]  # after 10, 20, 40, then 60 seconds of silence
    assert said[10] == "star verify: at work (0:10 so far)"
    assert said[130] == "star verify: at work (2:10 so far)"


def test_who_speaks_is_not_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    heart = Heart("star train", clock)
    for _ in range(30):
        clock.now += 9
        heart.beat()
        heart.emit(logging.makeLogRecord({}))
    assert caplog.messages == []
    heart.bars = 1
    assert spoken(heart, clock, 100, caplog) == {}


def test_what_is_counted_has_a_speed_and_a_time_left() -> None:
    work = Work("reading", "frames", 1009, done=9)
    assert work.line(100.0) == "reading: 9 of 1009 frames"
    work.advance(200)
    assert work.line(150.0) == "reading: 209 of 1009 frames, 4.0 frames/s, 3:20 left"
    assert Work("frames", "frames").line(100.0) == "frames: 0 frames"


def test_the_innermost_block_is_what_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with alive("star x"):
        heart = progress._hearts[-1]
        with doing("listing"), counted("reading", "frames", 7, stream=io.StringIO()) as advance:
            advance(3, None)
            assert heart.work.line(heart.work.begun or 0.0) == "reading: 3 of 7 frames"
            advance(1, 11)
            assert heart.work.line((heart.work.begun or 0.0) + 2) == "reading: 4 of 11 frames, 2.0 frames/s, 0:04 left"
        assert heart.work.line(0.0) == "at work"
    assert progress._hearts == []


def test_a_terminal_gets_a_bar_and_no_lines() -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    with alive("star x"):
        heart = progress._hearts[-1]
        with counted("reading", "frames", stream=terminal) as advance:
            assert heart.bars == 1
            advance(200, 300)
            advance(100, 300)
        assert heart.bars == 0
    assert "reading: 0 frames [00:00" in terminal.getvalue()


@pytest.mark.parametrize("name", sorted(commands().keys() - SERVE))
def test_every_command_says_what_it_does_while_it_hangs(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command itself is replaced by one that ends when it was spoken of."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.001)
    expected = f"star {name}: at work (0:00 so far)"
    parser = argparse.ArgumentParser(prog="star")
    parser.set_defaults(**{**commands()[name]._defaults, "run": lambda _: wait_until(lambda: expected in caplog.text)})
    assert run(parser, []) is None
    assert expected in caplog.messages


def test_check_tells_how_many_frames_are_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.001)
    build_tree(tmp_path / "tree")
    real = frame_check.probe_frames

    def held(*given: object, **named: object) -> object:
        found = real(*given, **named)  # type: ignore[arg-type]
        wait_until(lambda: " frames, " in caplog.text)
        return found

    monkeypatch.setattr(frame_check, "probe_frames", held)
    assert run(build_parser(), ["check", "--root", str(tmp_path / "tree"), "--workers", "0"]) in (0, 1)
    assert any(line.startswith("star check: lists and folders, then frames: ") for line in caplog.messages)
    assert threading.active_count() < 20
