"""A file takes its final name when it is whole, and failures wait until they can be told."""

from __future__ import annotations

import errno
import os
import signal
import threading

import pytest

from data_cache.files.partial_file import PartialFile, output_error, uninterrupted


def test_a_published_file_replaces_the_older_one(tmp_path):
    path = tmp_path / "deep" / "train.h5"
    path.parent.mkdir()
    path.write_bytes(b"old")
    file = PartialFile(path)
    assert file.write(b"hello world") == 11
    file.seek(6)
    file.write(memoryview(b"W"))
    assert path.read_bytes() == b"old"
    file.publish()
    assert path.read_bytes() == b"hello World"
    assert [entry.name for entry in path.parent.iterdir()] == ["train.h5"]


def test_it_reads_back_like_a_file(tmp_path):
    file = PartialFile(tmp_path / "x")
    file.write(b"0123456789")
    file.truncate(7)
    assert file.seek(-3, os.SEEK_END) == 4
    assert file.read(2) == b"45"
    buffer = bytearray(5)
    assert (file.tell(), file.readinto(buffer), file.tell()) == (6, 1, 7)
    assert buffer == b"6\0\0\0\0"
    file.seek(0)
    assert file.read() == b"0123456"
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_discarded_file_leaves_the_older_one(tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    file = PartialFile(tmp_path / "x")
    file.write(b"new")
    file.discard()
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("x", b"old")]


def test_a_failed_write_is_told_by_check_and_never_published(tmp_path, monkeypatch):
    file = PartialFile(tmp_path / "x")
    written = []

    def pwrite(number, data, offset):
        if offset >= 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(bytes(data[:5]))  # and not more than five bytes at once
        return len(data[:5])

    monkeypatch.setattr("data_cache.files.partial_file.os.pwrite", pwrite)
    assert file.write(b"0123456") == 7
    file.seek(0)
    assert file.write(b"again") == 5
    file.truncate(3)
    assert written == [b"01234"]
    for step in (file.check, file.publish):
        with pytest.raises(OSError, match=r"the disk is full .* free some space and run again") as failure:
            step()
        assert (failure.value.errno, failure.value.filename) == (errno.ENOSPC, str(tmp_path / "x"))
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_under_the_name_is_refused(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(IsADirectoryError, match="a folder has this name"):
        PartialFile(tmp_path / "x")


def test_a_partial_file_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("keep")
    (tmp_path / "x.partial").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="cannot write"):
        PartialFile(tmp_path / "x")
    assert (tmp_path / "precious").read_text() == "keep"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EDQUOT, "free some space"),
        (errno.EFBIG, "larger than this shell or file system allows"),
        (errno.EROFS, "choose a folder that you may write to"),
        (errno.EACCES, "choose a folder that you may write to"),
        (errno.ENOTDIR, "a file stands where a folder is expected"),
        (errno.EIO, "mend that and run again"),
    ],
)
def test_every_failure_has_its_advice(tmp_path, code, advice):
    error = output_error(OSError(code, os.strerror(code)), tmp_path / "x")
    assert advice in str(error)
    assert (error.errno, error.filename) == (code, str(tmp_path / "x"))


def test_ctrl_c_waits_until_the_block_is_done():
    reached = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("end of block")
    assert reached == ["end of block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_a_handler_signals_are_left_alone_and_threads_may_use_it():
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    done = []

    def work() -> None:
        with uninterrupted():
            done.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with uninterrupted():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert done == [True]
