"""Damage inside a JPEG that decodes all the same: what libjpeg warns of, without a name, on standard error."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from data_cache.files.decoded_frame import find_jpeg_fault

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_FOUND_HERE = "simplejpeg cannot be loaded: damage inside frames is not looked for; pip install simplejpeg"


def find_jpeg_damage(data: bytes) -> str | None:
    """What libjpeg warns of inside one whole JPEG, such as a lost block; None where it warns of nothing.

    Such a frame decodes all the same, with other pixels behind the damage. cv2 lets libjpeg print its warning, without
    a name, so simplejpeg (the same library, strict) is asked, at an eighth of the size: entropy-coded data are read
    whole at any. Damage that makes other valid codes is seen by no decoder. None also for what is no whole JPEG, what
    does not decode at all, which is for the decoder to say, and where `damage_is_found` is false.
    """
    decode = _strict_decoder()
    if decode is None or find_jpeg_fault(data) is not None:
        return None
    warning = _complaint(decode, data, strict=True)
    decodes = warning is None or _complaint(decode, data, strict=False) is None
    return warning if decodes else None


def damage_is_found() -> bool:
    """Whether this install can look for damage; where not, `NOT_FOUND_HERE` is what a user is told."""
    return _strict_decoder() is not None


def _complaint(decode: Callable[..., Any], data: bytes, *, strict: bool) -> str | None:
    try:
        decode(data, "GRAY", fastdct=True, fastupsample=True, min_factor=8, strict=strict)
    except ValueError as error:
        return str(error)
    return None


@cache
def _strict_decoder() -> Callable[..., Any] | None:
    try:
        import simplejpeg
    except ImportError:  # also a wheel that this machine's C library cannot load
        return None
    decode: Callable[..., Any] = simplejpeg.decode_jpeg
    return decode
