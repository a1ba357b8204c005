"""What a training reports: a line an epoch, the same figures through DVCLive, and a bar on a terminal.

DVCLive writes `metrics.json` (the last epoch) and `plots/metrics/*.tsv` (a row an epoch), which `dvc metrics`,
`dvc plots` and `dvc exp` read.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from command_line.terminal.progress import counted, progress_bar
from model.network.losses import LOSS_TERMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from model.training.epoch_sums import EpochMeans

logger = logging.getLogger(__name__)

WAITS_TOO_LONG = 0.2  # share of the time from which on the log says so


@dataclass(frozen=True)
class EpochFigures:
    """What is told of an epoch.

    means: losses and norms of gradients; learning_rate: the last one
    frames_per_second: of both passes, since the epoch began (or the run went on); waiting: share of that time in
    which the step waited for its clips
    """

    means: EpochMeans
    learning_rate: float
    frames_per_second: float
    waiting: float

    def named(self) -> dict[str, float]:
        """Every figure by the name it has in metrics and plots."""
        named = [f"loss/{name}" for name in ("total", *LOSS_TERMS)]
        losses = dict(zip(named, self.means.losses.tolist(), strict=True))
        norm, clipped = self.means.gradient_norm, self.means.clipped_share
        clipping = {} if norm is None else {"gradient_norm": norm, "clipped_share": clipped}
        speed = {"frames_per_second": self.frames_per_second, "waiting_share": self.waiting}
        return losses | clipping | {"learning_rate": self.learning_rate} | speed


class RunLog:
    """Reports to the log, and to DVCLive's files in `folder`; without a folder (another device leads) nowhere.

    Rows of epochs from `first_epoch` on, left by a run that went further than its last checkpoint, are removed.
    Raises ValueError in a git repository without a commit, which DVCLive cannot read, and OSError where DVC's own
    database cannot be opened.
    """

    def __init__(self, folder: Path | None, first_epoch: int, epochs: int) -> None:
        self._epochs = epochs
        self._live: Any = None
        if folder is None:
            return
        for table in sorted(folder.glob("plots/metrics/**/*.tsv")) if first_epoch else []:
            cut_table(table, first_epoch)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # dvclive imports a package that says it is old
            from dvclive.live import Live
        from scmrepo.exceptions import SCMError

        options: dict[str, Any] = {"report": None, "save_dvc_exp": False, "dvcyaml": None, "monitor_system": False}
        try:
            self._live = Live(str(folder), resume=first_epoch > 0, **options)
        except SCMError as error:  # DVCLive notes the commit that is trained
            raise ValueError(
                f"{folder}: DVCLive cannot read the git repository around it ({error}); make a first commit there"
            ) from None
        except sqlite3.Error as error:  # of DVC's cache, outside of this folder
            raise OSError(
                f"{folder}: DVC cannot open its database ({error}); free some space, raise the limits on open files"
                " (`ulimit -n`) and on file sizes (`ulimit -f`) where they are low, and run again"
            ) from None

    def epoch_done(self, epoch: int, figures: EpochFigures) -> None:
        """Report the figures of `epoch` (from 0)."""
        if self._live is None:
            return
        total, *terms = figures.means.losses.tolist()
        losses = ", ".join(f"{name} {value:.4f}" for name, value in zip(LOSS_TERMS, terms, strict=True))
        norm, clipped = figures.means.gradient_norm, 100 * figures.means.clipped_share
        logger.info(
            "epoch %d of %d: loss %.4f (%s)%s, learning rate %.2e, %.0f frames/s, waiting %.0f %%",
            epoch + 1,
            self._epochs,
            total,
            losses,
            "" if norm is None else f", gradient norm {norm:.3g}, clipped {clipped:.0f} %",
            figures.learning_rate,
            figures.frames_per_second,
            100 * figures.waiting,
        )
        if figures.waiting > WAITS_TOO_LONG:
            logger.warning("training waits for its clips: give more processes with --workers")
        self._live.step = epoch
        for name, value in figures.named().items():
            self._live.log_metric(name, value)
        self._live.next_step()

    def close(self) -> None:
        """Let DVCLive finish its files."""
        if self._live is not None:
            self._live.end()


def cut_table(path: Path, first_epoch: int) -> None:
    """Remove the rows of `first_epoch` and later from one of DVCLive's tables, and a row that is not whole."""
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = header.split("\t").index("step") if "step" in header else 0
    kept = [row for row in rows if row.endswith("\n") and _is_before(row.split("\t")[place], first_epoch)]
    if len(kept) < len(rows):
        path.write_text(header + "".join(kept), encoding="utf-8")


def _is_before(step: str, first_epoch: int) -> bool:
    return step.strip().isdigit() and int(step) < first_epoch


@contextmanager
def step_progress(steps: int, done: int, stream: TextIO | None = None) -> Iterator[Callable[[float], None]]:
    """Give the function to call with the loss after every step: a bar on a terminal, elsewhere a line after silence.

    stream: none takes the stderr of now, which need not be that of the import
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        with counted("training", "steps", steps, done, stream) as count:
            yield lambda loss: count(1, None)
        return
    with progress_bar(stream, total=steps, initial=done, desc="train", unit=" steps") as bar:

        def advance(loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.3f}" if math.isfinite(loss) else str(loss), refresh=False)
            bar.update()

        yield advance
