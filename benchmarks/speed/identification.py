"""Identification beside the bare matrix product of the same embeddings: seconds and memory.

    python benchmarks/speed/identification.py [--gallery 100000] [--probes 10000] [--memory 512]
                                        [--repeats 3] [--json FILE]

512 numbers an embedding, ten gallery images an identity, all in memory-mapped files. Ours is
``eval.identification.identify``: ranks 1 to 20 and TAR at six false accept rates. The other is the
product of probes and gallery, block by block, of which nothing is looked at. Memory is what each
process holds beside its programs and beside the files, whose pages it gives back when others need
them; it is looked at every 10 ms of the round that does not count.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from typing import Callable, Sequence

import numpy as np

from comparison import Comparison, finish
from eval.identification import identify
from timing import flags, order, positive
from turns import Job, Worker, serve

NUMBERS, IMAGES_EACH, NOISE = 512, 10, 2.0
AT_ONCE, PROBES_AT_ONCE = 8192, 512
FORMS = ("ours", "bare product")
MEGABYTE = 2**20


def draw(folder: Path, gallery: int, probes: int) -> None:
    """Write gallery.npy and probes.npy, float32, and labels of both beside them."""
    random = np.random.RandomState(0)
    people = max(gallery // IMAGES_EACH, 1)
    centres = random.standard_normal((people, NUMBERS)).astype(np.float32)
    for name, count in (("gallery", gallery), ("probes", probes)):
        labels = random.randint(0, people, count)
        rows = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, (count, NUMBERS))
        for start in range(0, count, AT_ONCE):
            some = labels[start : start + AT_ONCE]
            noise = random.standard_normal((len(some), NUMBERS)).astype(np.float32)
            rows[start : start + AT_ONCE] = centres[some] + NOISE * noise
        np.save(folder / f"{name}_labels.npy", labels)


def product(gallery: np.ndarray, probes: np.ndarray) -> None:
    """All dot products, a block at a time, each written over the last."""
    rows = np.array(probes)
    block = np.empty((PROBES_AT_ONCE, AT_ONCE), np.float32)
    for start in range(0, len(gallery), AT_ONCE):
        columns = np.array(gallery[start : start + AT_ONCE])
        for first in range(0, len(rows), PROBES_AT_ONCE):
            some = rows[first : first + PROBES_AT_ONCE]
            out = block.reshape(-1)[: len(some) * len(columns)].reshape(len(some), len(columns))
            np.matmul(some, columns.T, out=out)


def job(form: str, folder: Path, memory: int) -> Job:
    """One of FORMS; its fact is the megabytes held in its first round."""
    gallery, probes = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("gallery", "probes")
    )
    labels, probe_labels = (
        np.load(folder / f"{name}_labels.npy") for name in ("gallery", "probes")
    )
    facts: dict = {}

    def work() -> None:
        if form == "ours":
            identify(gallery, labels, probes, probe_labels, memory=memory * MEGABYTE)
        else:
            product(gallery, probes)

    def watched() -> None:
        if facts:
            work()
        else:
            facts["megabytes"] = most_held(work)

    return Job(watched, facts)


def most_held(work: Callable[[], None]) -> float:
    """Return the most megabytes that `work` adds to what this process holds, without files."""
    before, most = held(), [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            most[0] = max(most[0], held() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        ended.set()
        watcher.join()
    return most[0]


def held() -> float:
    """Megabytes of this process that are no file's, as Linux counts them."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon"))


def measure(folder: Path, gallery: int, probes: int, memory: int, repeats: int) -> Comparison:
    """Return the one row."""
    draw(folder, gallery, probes)
    seconds: dict[str, list[float]] = {form: [] for form in FORMS}
    workers = {}
    for form in FORMS:
        command = [sys.executable, __file__, "--child", form, str(folder), "--memory", str(memory)]
        workers[form] = Worker(command, {})
    for turn in range(repeats):
        for form in order(FORMS, turn):
            seconds[form].append(workers[form].turn()["seconds"])
    for worker in workers.values():
        worker.close()
    ours, bare = (workers[form].facts["megabytes"] for form in FORMS)
    return Comparison(
        f"identify, {gallery:,} x {probes:,}",
        "s",
        "bare matrix product",
        seconds["ours"],
        seconds["bare product"],
        ours_peak=ours,
        other_peak=bare,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("identification beside the bare matrix product")
    parser.add_argument("--gallery", type=positive, default=100_000)
    parser.add_argument("--probes", type=positive, default=10_000)
    parser.add_argument("--memory", type=positive, default=512, help="megabytes for ours")
    parser.add_argument("--child", nargs=2, help="one form, as this program starts it")
    parser.set_defaults(repeats=3)
    options = parser.parse_args(argv)
    if options.child:
        form, folder = options.child
        serve(lambda: job(form, Path(folder), options.memory))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        row = measure(
            Path(folder), options.gallery, options.probes, options.memory, options.repeats
        )
    finish([row], options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
