"""Weights fetched once into the user's cache: checked, whole or not at all, and a way by hand in every error."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from command_line.digests import file_sha256

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30.0
BLOCK_BYTES = 1 << 20
Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all when the server says so


def weights_folder() -> Path:
    """Where downloaded weights lie: $STAR_WEIGHTS, else $XDG_CACHE_HOME/star-reid/weights, else under ~/.cache."""
    if chosen := os.environ.get("STAR_WEIGHTS"):
        return Path(chosen).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification says to ignore relative paths.
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "star-reid" / "weights"


def fetch_weights(
    url: str,
    folder: Path,
    sha256_prefix: str,
    *,
    timeout: float = TIMEOUT_SECONDS,
    progress: Progress | None = None,
) -> Path:
    """The file of `url` in `folder`, downloaded unless it is there; `timeout` is in seconds without a byte.

    Raises ``ConnectionError`` when it cannot be had (the message says what to fetch and where to put it) and
    ``ValueError`` when its sha256 does not begin with `sha256_prefix`.
    """
    path = folder / Path(urlsplit(url).path).name
    if not path.is_file():
        _download(url, path, sha256_prefix, timeout, progress or _LogProgress(path.name))
    found = file_sha256(path)
    if not found.startswith(sha256_prefix):
        raise ValueError(
            f"{path}: expected a sha256 that begins with {sha256_prefix}, got {found[:16]}; "
            f"remove the file and fetch {url} again"
        )
    return path


def _download(url: str, path: Path, sha256_prefix: str, timeout: float, progress: Progress) -> None:
    """Write the body of `url` under a private name and rename it to `path` once it is whole and checked."""
    by_hand = f"fetch {url} by hand and put it at {path}, or name a checkpoint with --weights FILE"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            try:
                sha256 = _copy_body(url, file, timeout, progress)
            except (ConnectionError, TimeoutError, http.client.HTTPException, urllib.error.URLError) as error:
                reason = getattr(error, "reason", None) or error
                reason = str(reason) or type(reason).__name__
                raise ConnectionError(f"cannot download {path.name} ({reason}): {by_hand}") from error
            file.flush()
            os.fsync(file.fileno())
        if not sha256.startswith(sha256_prefix):
            raise ValueError(
                f"{url}: expected a sha256 that begins with {sha256_prefix}, got {sha256[:16]}: "
                f"not kept; try again, or {by_hand}"
            )
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _copy_body(url: str, file: BinaryIO, timeout: float, progress: Progress) -> str:
    """Copy the body of `url` into `file` and return its sha256; ``ConnectionError`` when the body ends early."""
    if urlsplit(url).scheme not in ("https", "http"):
        raise ValueError(f"{url}: expected an https address")
    digest = hashlib.sha256()
    done = 0
    with urllib.request.urlopen(url, timeout=timeout) as response:
        length = response.headers.get("Content-Length")
        total = int(length) if length and length.isdigit() else None
        while block := response.read(BLOCK_BYTES):
            file.write(block)
            digest.update(block)
            done += len(block)
            progress(done, total)
    if total is not None and done != total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes")
    return digest.hexdigest()


class _LogProgress:
    """A log line for each tenth of a download."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tenths = -1

    def __call__(self, done: int, total: int | None) -> None:
        tenths = done * 10 // total if total else done // (32 * BLOCK_BYTES)
        if tenths > self.tenths:
            self.tenths = tenths
            of = f" of {total / 1e6:.1f}" if total else ""
            log.info("downloading %s: %.1f%s MB", self.name, done / 1e6, of)
