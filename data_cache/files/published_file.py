"""A file beside the cache (a picture, JSON) that appears under its name only when it is whole."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from data_cache.files.output_lock import lock_output
from data_cache.files.partial_file import PartialFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def publish_files(*paths: Path) -> Iterator[tuple[PartialFile, ...]]:
    """Give one file open for writing for each of `paths`; all get their names at the end, none after an error.

    One writer at a time each (OutputBusyError for a second one); what was there under the names stays until all
    are whole. Writing does not raise, `check` on the file does, and the end of the block: OSError with a remedy.
    """
    if not paths:
        yield ()
        return
    with lock_output(paths[0]):
        file = PartialFile(paths[0])
        try:
            with publish_files(*paths[1:]) as others:
                yield (file, *others)
                file.check()
            file.publish()
        except BaseException:
            file.discard()
            raise
