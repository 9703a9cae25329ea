"""Opening a set of millions of records: seconds and peak memory in a fresh process.

    python benchmarks/speed/opening.py [--records 3000000] [--identities 500000] [--repeats 3]
                                 [--json FILE]

Ours is ``FaceRecords`` with the images of every identity known, as training needs them: the first
time, when nothing is kept beside the set, and later. The other is MXNet's own indexed reader and a
look at every identity's record, one after the other, as the 2019 code starts. What imports take is
not counted in seconds, but is in the peak, all of it of one process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from comparison import Comparison, column, run
from turns import Job, in_turns, once, peak_megabytes
from unequal.faces.set_writer import write_face_set

IMAGE = bytes(64)  # nobody looks at the picture


def ours(data_dir: str) -> float:
    """Seconds until the set is open and its identities are known."""
    from unequal.faces.face_records import FaceRecords

    start = time.perf_counter()
    records = FaceRecords(data_dir)
    count = len(records.identities)
    seconds = time.perf_counter() - start
    if not count:
        sys.exit(f"{data_dir}: no identities")
    return seconds


def by_mxnet(data_dir: str) -> float:
    """Do the same with MXNet's reader."""
    import unequal  # noqa: F401  (readies the process before mxnet is imported)

    # isort: split
    from mxnet import recordio

    start = time.perf_counter()
    reader = recordio.MXIndexedRecordIO(
        str(Path(data_dir, "train.idx")), str(Path(data_dir, "train.rec")), "r"
    )
    header, _ = recordio.unpack(reader.read_idx(0))
    ranges = []
    for key in range(int(header.label[0]), int(header.label[1])):
        identity, _ = recordio.unpack(reader.read_idx(key))
        ranges.append((int(identity.label[0]), int(identity.label[1])))
    return time.perf_counter() - start


def child(form: str, data_dir: str) -> Job:
    """Seconds, and the most megabytes that this process held."""
    seconds = by_mxnet(data_dir) if form == "MXNet" else ours(data_dir)
    return Job({"seconds": seconds, "peak": peak_megabytes()})


def measure(
    records: int = 3_000_000, identities: int = 500_000, repeats: int = 3
) -> list[Comparison]:
    """A row for the first opening, and one for later ones."""
    each = records // identities
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        faces = ((key // each, IMAGE, "") for key in range(each * identities))
        write_face_set(data_dir / "set", faces, (112, 112))

        def open_set(form: str) -> dict:
            if form == "first time":
                for kept in (data_dir / "set").glob(".train.*"):
                    kept.unlink()
            return once(__file__, form, str(data_dir / "set"))

        def both() -> tuple:
            # the second finds what the first has kept
            return open_set("first time"), open_set("later")

        found = in_turns({"MXNet": lambda: open_set("MXNet"), "ours": both}, repeats)
    found["first time"], found["later"] = map(list, zip(*found.pop("ours")))
    seconds = column(found, "seconds")
    peaks = {form: max(numbers) for form, numbers in column(found, "peak").items()}
    return [
        Comparison(
            f"opening {records:,} records, {form}",
            "s",
            "MXNet's reader, as 2019",
            *(seconds[form], seconds["MXNet"]),
            *(peaks[form], peaks["MXNet"]),
        )
        for form in ("first time", "later")
    ]


if __name__ == "__main__":
    run(measure, child)
