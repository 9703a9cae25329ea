"""Images a second out of the iterators, against bare ``cv2.imdecode`` of the same bytes.

    python benchmarks/speed/iterators.py [--data DIR] [--tail DIR] [--repeats 7] [--json FILE]

The bare decoder gets bytes that lie in memory, in as many threads as the iterator has workers, an
equal share each: what no iterator can beat. ``plain`` only orders and decodes, ``mirror`` and
``colour`` are the batches of steps 1 and 2.2, ``bags`` those of step 3.2. The bags' rows are
mined before the clock starts; ``passes.py`` measures mining.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Iterable, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import cv2
import numpy as np

from comparison import Comparison, finish, rates
from face_sets import FaceSets, add_flags, face_sets
from timing import flags, in_turns
from unequal.batches.face_iterator import FaceIter
from unequal.batches.head_and_tail_batches import BagIter
from unequal.batches.head_batches import ImageIter
from unequal.faces.face_records import FaceRecords, read_property
from unequal.support.environment import usable_cores

BATCH = 64
RECIPES = {
    "plain": dict(augment="plain", rand_mirror=False),
    "mirror": dict(augment="plain"),
    "colour": dict(augment="colour"),
}
BAGS = dict(batch_size1=32, batchsize_id=30, batch_size2=60, bag_size=180, images_per_identity=3)
MOST_IMAGES = 5000


class Mined:
    """In a miner's place: gives rows mined before."""

    def __init__(self, keys: np.ndarray):
        self.keys = keys

    def mine(self, bags: int, rng: np.random.Generator) -> np.ndarray:
        return self.keys


def silent(line: str) -> None:
    """Ignore a line of the log."""


def decode(payloads: Iterable[bytes]) -> None:
    """Decode them one after the other."""
    for payload in payloads:
        cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)


def decode_in_threads(payloads: Sequence[bytes], threads: int) -> None:
    """Decode them, each thread an equal share."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(decode, [payloads[first::threads] for first in range(threads)]))


def epoch(iterator: FaceIter) -> None:
    """All batches of one epoch."""
    iterator.reset()
    for batch in iterator:
        batch.data[0].wait_to_read()


def mean_pixels(images: np.ndarray) -> np.ndarray:
    """Something like an embedding."""
    return images[:, :, ::14, ::14].reshape(len(images), -1).astype(np.float32) + 1.0


def bag_iterator(head: FaceRecords, tail: FaceRecords, shape: tuple, workers: int) -> BagIter:
    """Make the iterator of step 3.2, with as many mined bags as the head has batches."""
    iterator = BagIter(
        head,
        tail,
        image_shape=shape,
        embed=mean_pixels,
        workers=workers,
        log=silent,
        bags_per_epoch=len(head.image_keys) // BAGS["batch_size1"],
        **BAGS,
    )
    rows = iterator.miner.mine(iterator.bags_per_epoch, np.random.default_rng(0))
    iterator.miner = Mined(rows)
    return iterator


def measure(sets: FaceSets, threads: int, repeats: int) -> list[Comparison]:
    """Return a row for each recipe, decoded by this number of threads."""
    head, tail = FaceRecords(sets.head), FaceRecords(sets.tail)
    head.image_keys = head.image_keys[:MOST_IMAGES]  # for their bytes are all kept in memory
    size = read_property(sets.head)
    shape = (3, size.height, size.width)
    payloads = [head.read(key)[1] for key in head.image_keys.tolist()]
    iterators = {
        name: ImageIter(head, BATCH, shape, workers=threads, log=silent, **options)
        for name, options in RECIPES.items()
    }
    bags = bag_iterator(head, tail, shape, threads)
    tail_keys = bags.miner.keys.tolist()
    both = payloads + [tail.read(key)[1] for key in tail_keys]
    works = {
        "bare": lambda: decode_in_threads(payloads, threads),
        "bare, both sets": lambda: decode_in_threads(both, threads),
        **{name: lambda iterator=iterator: epoch(iterator) for name, iterator in iterators.items()},
        "bags": lambda: epoch(bags),
    }
    found = in_turns(works, repeats)
    for iterator in (*iterators.values(), bags):
        iterator.close()
    images = len(payloads) // BATCH * BATCH
    rows = [
        _row(name, threads, rates(found[name], images), rates(found["bare"], len(payloads)))
        for name in RECIPES
    ]
    in_bags = bags.bags_per_epoch * (BAGS["batch_size1"] + BAGS["batchsize_id"])
    rows.append(
        _row(
            "bags",
            threads,
            rates(found["bags"], in_bags),
            rates(found["bare, both sets"], len(both)),
        )
    )
    return rows


def _row(name: str, threads: int, ours: list[float], bare: list[float]) -> Comparison:
    what = f"iterator, {name}, {threads} thread{'s' if threads > 1 else ''}"
    return Comparison(what, "images/s", "bare cv2.imdecode", ours, bare, more_is_better=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("the iterators beside bare decoding")
    add_flags(parser)
    parser.set_defaults(repeats=7)
    options = parser.parse_args(argv)
    rows = []
    with face_sets(options) as sets:
        for threads in sorted({1, usable_cores()}):
            rows += measure(sets, threads, options.repeats)
    finish(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
