"""Ctrl-C and SIGTERM end a training between two steps, so that it can write a checkpoint; a second one at once."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class StopRequest:
    """`wanted` becomes true when a signal has arrived."""

    def __init__(self) -> None:
        self.wanted = False


@contextmanager
def watch_for_stop() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; give both back their old meaning then, and at the end."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python lets the main thread alone set handlers
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def give_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def arrived(number: int, frame: Any) -> None:
        request.wanted = True
        give_back()

    for number in before:
        signal.signal(number, arrived)
    try:
        yield request
    finally:
        give_back()
