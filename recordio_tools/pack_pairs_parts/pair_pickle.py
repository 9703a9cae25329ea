"""Writing a verification set as the published ones are pickled, one image at a time."""

from __future__ import annotations

import pickle
import struct
from typing import BinaryIO, Iterable

LONGEST = 2**31


def write_pair_pickle(file: BinaryIO, pairs: Iterable[tuple[bytes, bytes, bool]]) -> int:
    """Writes (image, image, whether they show one person) as a pickled (images, issame).

    Only the flags are held. Returns how many pairs there were. Raises ValueError for an image of
    2**31 bytes or more.
    """
    # The images are strings of Python 2 in protocol 2, as in the lfw.bin that the InsightFace
    # project publishes: what reads that reads this, which is pickle.load(f) in Python 2 and
    # pickle.load(f, encoding="bytes") in Python 3. Python 3's own way to write bytes for Python 2
    # would also do without `encoding`, but names a function to be called (_codecs.encode), which
    # careful readers refuse, makes the file half as large again, and its pickler keeps every image
    # in memory to write repeated ones once.
    flags = bytearray()
    file.write(pickle.PROTO + b"\x02" + pickle.EMPTY_LIST + pickle.MARK)
    for first, second, same in pairs:
        for image in (first, second):
            if len(image) >= LONGEST:
                raise ValueError(f"an image of {len(image)} bytes is too long")
            file.write(pickle.BINSTRING + struct.pack("<i", len(image)))
            file.write(image)
        flags += pickle.NEWTRUE if same else pickle.NEWFALSE
    file.write(pickle.APPENDS + pickle.EMPTY_LIST + pickle.MARK)
    file.write(flags)
    file.write(pickle.APPENDS + pickle.TUPLE2 + pickle.STOP)
    return len(flags)
