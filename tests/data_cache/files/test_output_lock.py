"""One writer an output, shown with real second processes, one of them killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_cache.files.output_lock import OutputBusyError, lock_output, lock_path

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys
from data_cache.files.output_lock import lock_output
with lock_output(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""
COUNTER = """
import sys
from pathlib import Path
from data_cache.files.output_lock import OutputBusyError, lock_output
counter, done = Path(sys.argv[1] + ".count"), 0
while done < 11:
    try:
        with lock_output(sys.argv[1]):
            number = int(counter.read_text())
            counter.write_text(str(number + 1))
            done += 1
    except OutputBusyError:
        pass
"""


def start(code: str, output: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(output)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextmanager
def held_elsewhere(output: Path):
    process = start(HOLDER, output)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_and_told_who_holds_the_file(tmp_path):
    output = tmp_path / "train.h5"
    with held_elsewhere(output) as process:
        with pytest.raises(OutputBusyError) as refusal, lock_output(output):
            pass
        assert str(refusal.value) == (
            f"{output}: another run (process {process.pid}) is writing this file; wait for it or stop it"
        )
        with lock_output(tmp_path / "test.h5"):  # another output is free
            pass
        process.communicate("")
        assert process.returncode == 0
        with lock_output(output):
            pass


def test_a_killed_holder_leaves_no_lock(tmp_path):
    output = tmp_path / "train.h5"
    with held_elsewhere(output) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert lock_path(output).exists()
        with lock_output(output):
            assert lock_path(output).read_text() == f"{os.getpid()}\n"
    assert not lock_path(output).exists()


def test_processes_that_fight_for_an_output_never_hold_it_together(tmp_path):
    output = tmp_path / "train.h5"
    counter = tmp_path / "train.h5.count"
    counter.write_text("0")
    processes = [start(COUNTER, output) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert counter.read_text() == str(3 * 11)


def test_the_same_thread_may_enter_again_another_thread_may_not(tmp_path):
    output = tmp_path / "train.h5"
    found: list[str] = []

    def enter() -> None:
        try:
            with lock_output(output):
                found.append("entered")
        except OutputBusyError as error:
            found.append(str(error))

    with lock_output(output):
        with lock_output(output):
            pass
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        assert lock_path(output).exists()
    assert len(found) == 1
    assert f"another run (process {os.getpid()}) is writing" in found[0]


def test_an_error_gives_the_lock_back(tmp_path):
    output = tmp_path / "deep" / "er" / "train.h5"
    with pytest.raises(ZeroDivisionError), lock_output(output):
        raise ZeroDivisionError
    assert list(output.parent.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path):
    (tmp_path / "artifacts").write_text("")
    output = tmp_path / "artifacts" / "train.h5"
    with pytest.raises(OSError, match="a file stands where a folder is expected") as refusal, lock_output(output):
        pass
    assert refusal.value.filename == str(output)


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_text("keep")
    lock_path(tmp_path / "train.h5").symlink_to(target)
    with pytest.raises(OSError, match="cannot write"), lock_output(tmp_path / "train.h5"):
        pass
    assert target.read_text() == "keep"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match="choose a folder that you may write to"), lock_output(tmp_path / "train.h5"):
            pass
    finally:
        tmp_path.chmod(0o700)
