"""The sentence for an error of a library that has too little memory or too few files: no library says it alike."""

from __future__ import annotations

import re

MEMORY = (
    "expected more memory than this process may have; close other programs, or run it where there is more (`ulimit -v`"
    " shows a limit)"
)
FILES = "expected to open more files than this process may; raise the limit (`ulimit -n` shows it) and run again"
# MindSpore, torch, C++ and the dynamic linker.
_NO_MEMORY = re.compile(
    r"[Aa]llocat\w+ .*memory failed|[Cc]an(no|')t allocate memory|[Mm]emory not enough|bad_alloc|failed to map segment"
)
_NO_FILES = re.compile(r"[Tt]oo many open files")


def lacking_resource(error: BaseException) -> str | None:
    """What to say of `error` (MemoryError, ImportError, RuntimeError); None where nothing was lacking."""
    text = str(error)
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
        return MEMORY
    return FILES if _NO_FILES.search(text) else None
