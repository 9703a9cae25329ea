"""Where the lines of the 2019 log go: stdout for what it printed, stderr for what it logged."""

from __future__ import annotations

import logging
import os
import sys
from typing import Iterable, Sequence


def say(*values: object) -> None:
    """Print a line of the training log at once, also into a pipe.

    When the reader of the pipe has gone (Ctrl-C ends a `tee` as well), lines are dropped: the run
    must still come to its checkpoint.
    """
    try:
        print(*values, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")


def show_log_lines() -> None:
    """``INFO:root:...`` lines on stderr, as in 2019; a handler that is already there stays."""
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s:%(name)s:%(message)s", stream=sys.stderr
    )
    logging.getLogger().setLevel(logging.INFO)
    # it tells when it has looked for fonts, which is no line of the training log
    logging.getLogger("matplotlib").setLevel(logging.WARNING)


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as the lines of a table."""
    rows = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )
