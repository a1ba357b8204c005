"""An HDF5 file of another program's layout that appears under its name only when it is whole.

Text of variable length, which other programs' layouts have, lies in a heap that HDF5 reads back while it writes, and
where a write has failed that ends the process. So everything but the large arrays is laid out in memory first.
"""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING

import h5py

from data_cache.contract.writer import LIBRARY_VERSIONS
from data_cache.files.partial_file import hdf5_step, uninterrupted
from data_cache.files.published_file import publish_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from data_cache.files.partial_file import PartialFile


class Hdf5Output:
    """An HDF5 file whose arrays are being filled; everything that is done with `file` is done within a `step`."""

    def __init__(self, partial: PartialFile) -> None:
        self._partial = partial
        with self.step():
            self.file = h5py.File(partial, "r+", libver=LIBRARY_VERSIONS)

    def step(self) -> AbstractContextManager[None]:
        """What HDF5 calls on `file` are made within."""
        return hdf5_step(self._partial)

    def finish(self) -> None:
        """Close the file; OSError with a remedy if it could not be written."""
        with self.step():
            self.file.close()

    def abandon(self) -> None:
        """Close the file, whatever is in it."""
        with uninterrupted(), suppress(OSError, RuntimeError, ValueError):
            self.file.close()


@contextmanager
def publish_hdf5(path: Path, lay_out: Callable[[h5py.File], None]) -> Iterator[Hdf5Output]:
    """Give an HDF5 file whose arrays are to be filled; it gets the name `path` at the end, not after an error.

    lay_out: makes everything that is in the file, the large arrays still empty

    What was there under the name stays until then. Raises OutputBusyError while another run writes it, OSError with a
    remedy where it cannot be written.
    """
    with publish_files(path) as (partial,):
        partial.write(_laid_out(lay_out))
        partial.check()
        output = Hdf5Output(partial)
        try:
            yield output
            output.finish()
        except BaseException:
            output.abandon()
            raise


def _laid_out(lay_out: Callable[[h5py.File], None]) -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver=LIBRARY_VERSIONS) as file:
        lay_out(file)
    return memory.getvalue()
