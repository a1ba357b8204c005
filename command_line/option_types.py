"""What the options' text must be: functions for argparse's `type`, whose errors are wrong usage (exit status 2)."""

from __future__ import annotations

import argparse


def whole_number(text: str) -> int:
    """0 or more."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or more, got {text!r}")
    return int(text)


def share(text: str) -> float:
    """A part of all, from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a share in 0…1, got {text!r}")
    return value
