"""The HTTP server of the viewer: on this machine only, behind a token, GET and HEAD, and one POST."""

from __future__ import annotations

import errno
import logging
import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from data_cache.viewer.answers import MAX_POSTED, Answer, Answers, refuse
from data_cache.viewer.request_guard import HEADERS, is_own_host, is_own_origin, path_behind_token

if TYPE_CHECKING:
    from data_cache.viewer.viewed_split import ViewedSplit

logger = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
_TIMEOUT_SECONDS = 60  # of a connection that says nothing


class PageServer(ThreadingHTTPServer):
    """Serves one split; a context manager. `address` is what a browser opens, with the token in it.

    Raises OSError with a remedy when the port is taken; port 0 is any free one.
    """

    daemon_threads = True
    request_queue_size = 64  # a browser opens several connections at once, and 5 are soon taken

    def __init__(self, split: ViewedSplit, port: int = 0) -> None:
        self.answers = Answers(split)
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((ADDRESS, port), PageHandler)
        except OSError as error:
            raise _port_error(error, port) from error

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what a handler died of; a browser that goes away is no error."""
        error = sys.exc_info()[1]
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
        logger.log(level, "a request ended early: %r", error, exc_info=logger.isEnabledFor(logging.DEBUG))


def _port_error(error: OSError, port: int) -> OSError:
    if error.errno == errno.EADDRINUSE:
        advice = "another program listens on this port; choose another with --port, or --port 0 for any free one"
    elif error.errno == errno.EACCES:
        advice = "this port is for the administrator; choose one from 1024 on, or --port 0 for any free one"
    else:
        advice = f"cannot listen here ({error.strerror}); choose another port with --port"
    return OSError(error.errno, advice, f"{ADDRESS}:{port}")


class PageHandler(BaseHTTPRequestHandler):
    """Checks who asks, then hands the path to `Answers`."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version = "star-reid"
    sys_version = ""
    timeout = _TIMEOUT_SECONDS

    def do_GET(self) -> None:
        """Answer with a file of the page, JSON or a picture."""
        path, _, query = self.path.partition("?")
        self._send(self._refused(path) or self.server.answers.get(self._behind_token(path), query))

    def do_HEAD(self) -> None:
        """Answer as GET, without the body."""
        self.do_GET()

    def do_POST(self) -> None:
        """Save the marks."""
        path = self.path.partition("?")[0]
        self._send(self._refused(path) or self._save(self._behind_token(path)))

    def _behind_token(self, path: str) -> str:
        return path_behind_token(path, self.server.token) or ""

    def _refused(self, path: str) -> Answer | None:
        """What somebody gets who may not ask; None for who may."""
        port = self.server.server_port
        if not is_own_host(self.headers, port) or not is_own_origin(self.headers, port):
            return refuse(403, "not from here")
        behind = path_behind_token(path, self.server.token)
        if behind is None:
            return refuse(404, "nothing here")
        if behind == "":  # the page's own addresses are relative to the one with a slash
            return Answer(308, "text/plain", b"", f"/{self.server.token}/")
        return None

    def _save(self, path: str) -> Answer:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return refuse(411, "expected a Content-Length")
        if len(length) > 12 or int(length) > MAX_POSTED:
            return refuse(413, f"expected at most {MAX_POSTED} bytes of marks; shorten the notes")
        if self.headers.get_content_type() != "application/json":
            return refuse(415, "expected application/json")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return refuse(400, "marks: expected as many bytes as announced, got fewer")
        self._read_body = True
        return self.server.answers.post(path, body)

    _read_body = False

    def _send(self, answer: Answer) -> None:
        """Send an answer with the headers that hold the page in; a body that was not read ends the connection."""
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = self.close_connection or not self._read_body
        self._read_body = False
        self.send_response(answer.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.location:
            self.send_header("Location", answer.location)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer another method, or what is no HTTP, in a sentence with the same headers."""
        self.close_connection = True
        reason = "expected GET, HEAD or POST" if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code).phrase.lower()
        answer = refuse(int(code), reason)
        self.send_response(answer.status)
        for name, value in {**HEADERS, "Content-Type": answer.kind, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the address has the token in it."""
