"""Write the lines of the 2019 log: to stdout what it printed, to stderr what it logged."""

from __future__ import annotations

import logging
import os
import sys
from typing import Iterable, Sequence


def say(*values: object) -> None:
    """Print a line of the training log at once, also into a pipe.

    Drop the lines when the reader of the pipe has gone, because the run must still write its
    checkpoint: Ctrl-C ends a `tee` as well.
    """
    try:
        print(*values, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")


def show_log_lines() -> None:
    """Send `INFO:root:...` lines to stderr, as in 2019; keep a handler that is already there."""
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s:%(name)s:%(message)s", stream=sys.stderr
    )
    logging.getLogger().setLevel(logging.INFO)
    # matplotlib logs when it has looked for fonts, and that is no line of the training log
    logging.getLogger("matplotlib").setLevel(logging.WARNING)


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as the lines of a table."""
    table = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table
    )
