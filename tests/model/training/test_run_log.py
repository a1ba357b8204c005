"""What a training reports: tables are cut to where a run goes on, and the log says when clips are waited for."""

from __future__ import annotations

import csv
import io
import logging
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest

from model.network.losses import LOSS_TERMS
from model.training.epoch_sums import EpochMeans
from model.training.run_log import EpochFigures, RunLog, cut_table, step_progress

TABLE = "step\tid_clip\n0\t3.5\n1\t2.5\n2\t1.5\n3\t0.5\n"


def figures(waiting: float = 0.01) -> EpochFigures:
    means = EpochMeans(np.array([12.5, 0.5, 1.5, 2.5, 3.5, 4.5]), gradient_norm=7.0, clipped_share=0.2)
    return EpochFigures(means, learning_rate=0.03, frames_per_second=101.0, waiting=waiting)


def test_a_run_that_goes_on_keeps_the_rows_before_it(tmp_path: Path) -> None:
    for first_epoch, epochs in ((0, 3), (2, 5)):
        log = RunLog(tmp_path / "live", first_epoch, 5)
        for epoch in range(first_epoch, epochs):
            log.epoch_done(epoch, figures())
        log.close()
    tables = sorted((tmp_path / "live").rglob("*.tsv"))
    assert {path.stem for path in tables} == {
        *LOSS_TERMS,
        "total",
        "gradient_norm",
        "clipped_share",
        "learning_rate",
        "frames_per_second",
        "waiting_share",
    }
    for path in tables:
        assert [row["step"] for row in csv.DictReader(path.open(), delimiter="\t")] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("first_epoch", "rows"), [(0, 0), (2, 2), (4, 4), (9, 4)])
def test_rows_from_an_epoch_on_are_cut(tmp_path: Path, first_epoch: int, rows: int) -> None:
    path = tmp_path / "id_clip.tsv"
    path.write_text(TABLE)
    cut_table(path, first_epoch)
    assert path.read_text() == "".join(TABLE.splitlines(keepends=True)[: rows + 1])


def test_a_row_that_was_cut_by_a_kill_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "id_clip.tsv"
    path.write_text(TABLE[:-5])
    cut_table(path, 9)
    assert path.read_text() == "".join(TABLE.splitlines(keepends=True)[:4])


def test_waiting_for_clips_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = RunLog(tmp_path / "live", 0, 7)
    with caplog.at_level(logging.INFO):
        log.epoch_done(0, figures(waiting=0.1))
        assert "--workers" not in caplog.text
        log.epoch_done(1, figures(waiting=0.35))
    log.close()
    assert "epoch 2 of 7: loss 12.5000" in caplog.text
    assert "kl 3.5000" in caplog.text
    assert "gradient norm 7, clipped 20 %" in caplog.text
    assert "waiting 35 %" in caplog.text
    assert "training waits for its clips: give more processes with --workers" in caplog.text


def test_another_device_reports_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        RunLog(None, 0, 3).epoch_done(0, figures())
    assert caplog.text == ""


def test_a_git_repository_without_a_commit_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="make a first commit"):
        RunLog(Path("live"), 0, 3)


def test_dvc_s_database_that_does_not_open_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("dvc.repo.Repo.__init__", refuse)  # which DVCLive calls
    with pytest.raises(OSError, match=r"live: DVC cannot open its database \(unable to open database file\); free"):
        RunLog(tmp_path / "live", 0, 5)


def test_a_terminal_gets_a_bar_and_a_file_nothing() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        with step_progress(13, 5, stream) as advance:
            for loss in (2.0, float("nan")):
                advance(loss)
        assert ("7/13" in stream.getvalue()) == shown
