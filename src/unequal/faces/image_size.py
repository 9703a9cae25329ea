"""The flag --size of the tools that take or make images."""

from __future__ import annotations

import argparse
import re

from unequal.support.errors import InputError

LARGEST_SIDE = 4096
PATTERN = re.compile(r"\s*(\d{1,9})\s*(?:[,x]\s*(\d{1,9})\s*)?")


def add_size(parser: argparse.ArgumentParser, what: str, default: str | None = None) -> None:
    """Add the flag --size, a text for `size_of_flag`; `what` says whose size and the default."""
    parser.add_argument(
        "--size",
        metavar="H,W",
        default=default,
        help=f"height and width {what}, pixels: 112,96 or 112x96, or one number for both",
    )


def size_of_flag(text: str | None) -> tuple[int, int] | None:
    """Return the (height, width) in pixels that '112', '112,96' or '112x96' mean; None for None.

    Raises:
        InputError: another text, or a side that `check_size` refuses.
    """
    if text is None:
        return None
    match = PATTERN.fullmatch(text)
    if not match:
        raise _not_a_size(text)
    size = int(match.group(1)), int(match.group(2) or match.group(1))
    check_size(size)
    return size


def check_size(size: tuple[int, int] | None) -> None:
    """Raise InputError where a side does not have 1 to 4096 pixels; None means any size."""
    if size is not None and not all(1 <= side <= LARGEST_SIDE for side in size):
        raise _not_a_size(",".join(map(str, size)))


def _not_a_size(text: str) -> InputError:
    return InputError(
        f"`size` {text[:40]}: give height and width such as 112,96 or 112x96, or one number for "
        f"both, from 1 to {LARGEST_SIDE} pixels"
    )
