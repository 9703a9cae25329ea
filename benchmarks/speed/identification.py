"""Identification beside the bare matrix product of the same embeddings: seconds and memory.

    python benchmarks/speed/identification.py [--gallery 100000] [--probes 10000] [--memory 512]
                                        [--repeats 3] [--json FILE]

512 numbers an embedding, ten gallery images an identity, all in memory-mapped files. --memory is
in megabytes, for ours. Ours is
``eval.identification.identify``: ranks 1 to 20 and TAR at six false accept rates. The other is the
product of probes and gallery, block by block, of which nothing is looked at. Memory is what each
process holds beside its programs and beside the files, whose pages it gives back when others need
them; it is looked at every 10 ms of a first round that does not count.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from comparison import Comparison, column, run
from eval.identification import identify
from turns import Job, Worker, in_turns, watched

NUMBERS, IMAGES_EACH, NOISE = 512, 10, 2.0
AT_ONCE, PROBES_AT_ONCE = 8192, 512
FORMS = ("ours", "bare matrix product")
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


def job(form: str, folder: str, memory: int) -> Job:
    """One of FORMS; its fact is the megabytes that it holds beside the files in a first round."""
    sides = ("gallery", "probes")
    gallery, probes = (np.load(Path(folder, f"{side}.npy"), mmap_mode="r") for side in sides)
    labels, probe_labels = (np.load(Path(folder, f"{side}_labels.npy")) for side in sides)

    def work() -> None:
        if form == "ours":
            identify(gallery, labels, probes, probe_labels, memory=memory * MEGABYTE)
        else:
            product(gallery, probes)

    before = held()
    with watched(held, every=0.01) as most:
        work()
    return Job({"megabytes": max(0.0, most[0] - before)}, work)


def held() -> float:
    """Megabytes of this process that are no file's, as Linux counts them."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon"))


def measure(
    gallery: int = 100_000, probes: int = 10_000, memory: int = 512, repeats: int = 3
) -> list[Comparison]:
    """The one row."""
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), gallery, probes)
        workers = {form: Worker(__file__, form, folder, memory) for form in FORMS}
        found = in_turns({form: worker.turn for form, worker in workers.items()}, repeats)
        for worker in workers.values():
            worker.close()
    seconds = column(found, "seconds").values()
    peaks = (worker.facts["megabytes"] for worker in workers.values())
    what = f"identify, {gallery:,} x {probes:,}"
    return [Comparison(what, "s", FORMS[1], *seconds, *peaks)]


if __name__ == "__main__":
    run(measure, job)
