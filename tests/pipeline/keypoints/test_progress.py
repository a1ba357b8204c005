"""Progress: a line a minute in a log, a bar on a terminal, and a speed that counts only what was estimated."""

from __future__ import annotations

import io
import logging

import pytest

from command_line.terminal.progress import clock_time
from pipeline.keypoints.chunks import ChunkResult
from pipeline.keypoints.progress import ProgressLog, report_progress


def chunk(frames: int, reused: bool = False) -> ChunkResult:
    return ChunkResult(number=0, file="a.h5", frames=frames, sha256=b"", unreadable=(), missing=(), reused=reused)


def test_a_log_gets_the_first_chunk_a_line_a_minute_and_the_last(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    times = iter([100.0, 110.0, 120.0, 150.0, 169.9, 170.0, 200.0, 300.0])
    report = ProgressLog(1000, clock=lambda: next(times))
    report(chunk(200, reused=True))  # costs nothing, so it says nothing of the speed
    for frames in (50, 50, 50, 50, 100, 500):
        report(chunk(frames))
    assert [record.getMessage() for record in caplog.records] == [
        "keypoints: 200 of 1000 frames, taken over from an earlier run",
        # 200 frames in 70 s; 600 are left.
        "keypoints: 400 of 1000 frames, 2.9 frames/s, 3:30 left",
        "keypoints: 1000 of 1000 frames, 4.0 frames/s, 0:00 left",
    ]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (45296, "12:34:56")])
def test_time_reads_as_a_clock(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar() -> None:
    terminal = Terminal()
    with report_progress(300, terminal) as report:
        report(chunk(200))
        report(chunk(100))
    last = terminal.getvalue().rstrip().split("\r")[-1]
    assert "keypoints: 100%" in last
    assert "300/300" in last
    assert "frames/s" in last


def test_a_pipe_gets_lines_and_no_bar(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pipe = io.StringIO()
    with report_progress(300, pipe) as report:
        report(chunk(300))
    assert pipe.getvalue() == ""
    assert caplog.records[0].getMessage().startswith("keypoints: 300 of 300 frames")
