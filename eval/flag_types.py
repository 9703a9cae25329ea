"""What the values of flags are, and the bar of long work."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tqdm import tqdm

LARGEST_SIDE = 4096


def positive(text: str) -> int:
    """Return a whole number of 1 or more; an error of argparse for another text."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def image_size(text: str) -> tuple[int, int]:
    """Return (height, width) of 'height,width', or of one number for both."""
    parts = [part.strip() for part in text.split(",")]
    sides = [int(part) for part in parts if part.isdecimal()]
    fine = len(sides) == len(parts) <= 2 and all(1 <= side <= LARGEST_SIDE for side in sides)
    if not fine:
        raise argparse.ArgumentTypeError(f"{text!r} is not 'height,width'")
    return sides[0], sides[-1]


def progress_bar(total: int, unit: str, **settings: Any) -> tqdm:
    """Return a bar on stderr that is only shown on a terminal."""
    hidden = not sys.stderr.isatty()
    return tqdm(total=total, unit=unit, file=sys.stderr, leave=False, disable=hidden, **settings)
