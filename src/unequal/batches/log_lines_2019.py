"""The lines that the 2019 iterators print when they open their data."""

from __future__ import annotations

import logging
from typing import Callable

from unequal.faces.face_records import FaceRecords

Log = Callable[[str], None]

STYLES = {
    "softmax": ("header0 label", "id2range"),
    "noise_resistance": ("header label", "id2range"),
    "unequal-head": ("header0_1 label", "id2range1"),
    "unequal-tail": ("header0_2 label", "id2range2"),
}


def announce(records: FaceRecords, style: str, log: Log = print, rand_mirror: int = 1) -> None:
    """Tell which set was opened, as the 2019 script of this style does.

    Args:
        records: the set. Its file goes to the root logger ('loading recordio ...').
        style: one of STYLES.
        log: gets the label of record 0 and the number of identities, where there is such a record,
            and in the styles of one set the number of images and `rand_mirror`.
        rand_mirror: the flag.
    """
    logging.info("loading recordio %s...", records.path)
    if style == "unequal-tail":
        # The 2019 code prints its reader's repr here, and log parsers know the line by that text.
        log(f"<mxnet.recordio.MXIndexedRecordIO object at {id(records):#x}>")
    header_words, identity_words = STYLES[style]
    if records.header_label is not None:
        log(f"{header_words} {records.header_label}")
        log(f"{identity_words} {int(records.header_label[1] - records.header_label[0])}")
    if style == "softmax":
        log(str(len(records.image_keys)))
    elif style == "noise_resistance":
        log(f"ori samples:  {len(records.image_keys)}")
    if style in ("softmax", "noise_resistance"):
        log(f"rand_mirror {rand_mirror}")


def announce_pair(head: FaceRecords, tail: FaceRecords, log: Log = print) -> None:
    """Tell which sets step 3.2 opened: both, the head's number of images, its fixed mirror."""
    announce(head, "unequal-head", log)
    announce(tail, "unequal-tail", log)
    log(str(len(head.image_keys)))
    log("rand_mirror True")
