"""Write a verification set in the format of the published ones, one image at a time."""

from __future__ import annotations

import pickle
import struct
from typing import BinaryIO, Iterable

LONGEST = 2**31


def write_pair_pickle(file: BinaryIO, pairs: Iterable[tuple[bytes, bytes, bool]]) -> int:
    """Write (image, image, whether they show one person) as a pickled (images, issame).

    Only the flags are held in memory.

    Returns:
        the number of pairs.

    Raises:
        ValueError: an image has 2**31 bytes or more.
    """
    # The images are strings of Python 2 in protocol 2, as in the lfw.bin that the InsightFace
    # project publishes. They are read by pickle.load(f) in Python 2 and by
    # pickle.load(f, encoding="bytes") in Python 3. Python 3's own form of bytes for Python 2 would
    # not need `encoding`. But it calls a function (_codecs.encode), which careful readers refuse;
    # it makes the file half as large again; and its pickler keeps every image in memory.
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
