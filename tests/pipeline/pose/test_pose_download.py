"""Downloads against a server on the loopback: whole and checked, or nothing under the final name and a way by hand."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from command_line.digests import file_sha256
from pipeline.pose import download as pose_download
from pipeline.pose.download import fetch_weights, weights_folder

BODY = bytes(range(251)) * 20_011  # 5 MB, some blocks
DIGITS = hashlib.sha256(BODY).hexdigest()[:8]
NAME = f"net-{DIGITS}_20220909.pth"


class Server(ThreadingHTTPServer):
    """Serves `BODY` under any name; the path's first part says what goes wrong."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = 0
        self.hold = threading.Event()

    def address(self, fault: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{fault}/{NAME}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        fault = self.path.split("/")[1]
        if fault == "moved":
            self.send_response(302)
            self.send_header("Location", self.server.address("whole"))
            self.end_headers()
            return
        self.send_response(404 if fault == "absent" else 200)
        if fault != "endless":
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if fault == "silent":
            self.wfile.write(BODY[:1009])
            self.wfile.flush()
            self.server.hold.wait()
        elif fault == "short":
            self.wfile.write(BODY[:1009])
        elif fault == "other":
            self.wfile.write(BODY[::-1])
        elif fault != "absent":
            self.wfile.write(BODY)

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.hold.set()
        running.shutdown()


@pytest.mark.parametrize("way", ["whole", "moved", "endless"])
def test_a_download_is_kept_whole_and_made_once(server: Server, tmp_path: Path, way: str) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = tmp_path / "new" / "folder"
    path = fetch_weights(server.address(way), folder, DIGITS, progress=lambda *at: seen.append(at))
    assert path == folder / NAME
    assert path.read_bytes() == BODY
    assert [entry.name for entry in folder.iterdir()] == [NAME]
    total = None if way == "endless" else len(BODY)
    assert seen[-1] == (len(BODY), total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen) and len(seen) > 3
    asked = server.requests
    assert fetch_weights(server.address(way), folder, DIGITS) == path
    assert server.requests == asked


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("short", ["1009 of 5022761 bytes"]),
        ("silent", ["timed out"]),
        ("absent", ["Not Found"]),
    ],
)
def test_what_cannot_be_had_is_said_with_the_way_by_hand(
    server: Server, tmp_path: Path, fault: str, expected: list[str]
) -> None:
    with pytest.raises(ConnectionError) as raised:
        fetch_weights(server.address(fault), tmp_path, DIGITS, timeout=0.3)
    message = str(raised.value)
    for part in [*expected, server.address(fault), str(tmp_path / NAME), "--weights FILE"]:
        assert part in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []
    (tmp_path / NAME).write_bytes(BODY)  # by hand, as advised
    assert fetch_weights(server.address(fault), tmp_path, DIGITS) == tmp_path / NAME


def test_without_a_network_the_file_to_fetch_is_named(tmp_path: Path, server: Server) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: refuses
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/{NAME}"
        with pytest.raises(ConnectionError, match="refused") as raised:
            fetch_weights(address, tmp_path, DIGITS)
    assert address in str(raised.value) and str(tmp_path / NAME) in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_another_content_is_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"begins with {DIGITS}, got {hashlib.sha256(BODY[::-1]).hexdigest()[:16]}"):
        fetch_weights(server.address("other"), tmp_path, DIGITS)
    assert list(tmp_path.iterdir()) == []


def test_a_spoilt_file_of_an_earlier_day_is_refused_not_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(BODY[:-1])
    with pytest.raises(ValueError, match="remove the file") as raised:
        fetch_weights(server.address("whole"), tmp_path, DIGITS)
    assert str(tmp_path / NAME) in str(raised.value)
    assert server.requests == 0
    assert (tmp_path / NAME).read_bytes() == BODY[:-1]
    (tmp_path / NAME).unlink()  # as advised
    assert fetch_weights(server.address("whole"), tmp_path, DIGITS).read_bytes() == BODY


def test_an_interrupted_download_leaves_nothing(server: Server, tmp_path: Path) -> None:
    def interrupt(done: int, _total: int | None) -> None:
        if done > len(BODY) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_weights(server.address("whole"), tmp_path, DIGITS, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_only_web_addresses_are_opened(tmp_path: Path) -> None:
    (tmp_path / "here.pth").write_bytes(BODY)
    with pytest.raises(ValueError, match="expected an https address"):
        fetch_weights((tmp_path / "here.pth").as_uri(), tmp_path / "there", DIGITS)


def test_progress_is_logged_in_tenths(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pose_download, "BLOCK_BYTES", 65536)
    with caplog.at_level("INFO", logger=pose_download.__name__):
        fetch_weights(server.address("whole"), tmp_path, DIGITS)
    assert len(caplog.messages) == 11
    assert caplog.messages[-1] == f"downloading {NAME}: 5.0 of 5.0 MB"


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STAR_WEIGHTS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert weights_folder() == tmp_path / ".cache" / "star-reid" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert weights_folder() == tmp_path / "cache" / "star-reid" / "weights"
    monkeypatch.setenv("STAR_WEIGHTS", str(tmp_path / "chosen"))
    assert weights_folder() == tmp_path / "chosen"


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "file") == expected
