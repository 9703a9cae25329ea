"""Opening a set of millions of records: seconds and peak memory in a fresh process.

    python benchmarks/speed/opening.py [--records 3000000] [--identities 500000] [--repeats 3]
                                 [--json FILE]

Ours is ``FaceRecords`` with the images of every identity known, as training needs them: the first
time, when nothing is kept beside the set, and later. The other is MXNet's own indexed reader and a
look at every identity's record, one after the other, as the 2019 code starts. What imports take is
not counted in seconds, but is in the peak, all of it of one process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Sequence

from comparison import Comparison, finish
from large_set import write_large_set
from timing import flags, order, positive
from turns import peak_megabytes

FORMS = ("first time", "later", "MXNet")


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


def child(form: str, data_dir: str) -> dict:
    """Seconds, and the most megabytes that this process held."""
    seconds = by_mxnet(data_dir) if form == "MXNet" else ours(data_dir)
    return {"seconds": seconds, "peak": peak_megabytes()}


def in_child(form: str, data_dir: Path) -> dict:
    """``child`` in a process of its own, what is kept beside the set removed or there."""
    if form == "first time":
        for kept in data_dir.glob(".train.*"):
            kept.unlink()
    done = subprocess.run(
        [sys.executable, __file__, "--child", form, str(data_dir)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


def measure(data_dir: Path, records: int, repeats: int) -> list[Comparison]:
    """Return a row for the first opening, and one for later ones."""
    found: dict[str, list[dict]] = {form: [] for form in FORMS}
    for turn in range(repeats):
        # whichever of ours comes second finds what the first has kept
        for form in order(("MXNet", "ours"), turn):
            for one in ("first time", "later") if form == "ours" else (form,):
                found[one].append(in_child(one, data_dir))
    seconds = {form: [one["seconds"] for one in turns] for form, turns in found.items()}
    peaks = {form: max(one["peak"] for one in turns) for form, turns in found.items()}
    return [
        Comparison(
            f"opening {records:,} records, {form}",
            "s",
            "MXNet's reader, as 2019",
            seconds[form],
            seconds["MXNet"],
            ours_peak=peaks[form],
            other_peak=peaks["MXNet"],
        )
        for form in ("first time", "later")
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("opening a large set")
    parser.add_argument("--records", type=positive, default=3_000_000)
    parser.add_argument("--identities", type=positive, default=500_000)
    parser.add_argument("--child", nargs=2, help="one opening, as this program starts it")
    parser.set_defaults(repeats=3)
    options = parser.parse_args(argv)
    if options.child:
        print(json.dumps(child(*options.child)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "set"
        write_large_set(data_dir, options.records, options.identities)
        rows = measure(data_dir, options.records, options.repeats)
    finish(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
