"""What a scan of a .rec file tells of each record or broken stretch in it."""

from __future__ import annotations

import numpy as np

from unequal.faces.image_format import START_BYTES

GOOD, NO_START, WRONG_LENGTH, CUT_OFF, WRONG_PARTS, TOO_SHORT = range(6)
FAULTS = (
    "",
    "no record starts there",
    "its length leads to no record",
    "the file ends within it",
    "its parts are out of order",
    "it is too short for its header",
)

RECORD = np.dtype(
    [
        ("offset", np.int64),
        ("end", np.int64),
        ("length", np.int64),
        ("id", np.int64),
        ("flag", np.int64),
        ("label", np.float32),
        ("second", np.float32),
        ("start", np.uint8, (START_BYTES,)),
        ("kind", np.uint8),
        ("fault", np.uint8),
    ],
    align=True,
)


def broken_row(offset: int, end: int, fault: int, number: int = -1) -> np.ndarray:
    """RECORD (1,) of a broken stretch; `number` is the id in the header that starts it, if any."""
    row = np.zeros(1, RECORD)
    row["offset"], row["end"], row["fault"], row["id"] = offset, end, fault, number
    return row
