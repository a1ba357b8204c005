"""Questions to a Dask scheduler that may be there and not answer: stopped, or on a machine that is too busy."""
# mypy: disable-error-code="no-untyped-call"
# (Dask's functions are not annotated.)

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
PATIENCE = 10  # times ANSWER_SECONDS

T = TypeVar("T")


def ask(client: Client, question: Callable[[float], T]) -> T:
    """What `question` returns, given the seconds to wait; asked again, with a warning, while there is no answer.

    ``ConnectionError`` when the scheduler has not answered `PATIENCE` times in a row, or has gone.
    """
    address = client.scheduler.address  # type: ignore[union-attr]
    for times in range(1, PATIENCE + 1):
        try:
            return question(ANSWER_SECONDS)
        except TimeoutError:
            silent = times * ANSWER_SECONDS
            logger.warning("%s: the Dask scheduler has not answered for %.0f s; waiting for it", address, silent)
        except OSError as error:
            raise lost_cluster() from error
    raise ConnectionError(
        f"{address}: the Dask scheduler has not answered for {silent:.0f} s, though it is there: it is stopped, or its"
        " machine has too much to do; let it go on or start it again, then the same command: finished work is kept"
    )


def thread_count(client: Client) -> int:
    """Threads of all workers, 0 without any. Errors as `ask`."""
    return ask(client, lambda seconds: sum(client.nthreads(callback_timeout=seconds).values()))


def lost_cluster() -> ConnectionError:
    """The error for a scheduler that has gone."""
    return ConnectionError("the Dask scheduler went away; start it again, then the same command: finished work is kept")
