"""Images a second out of the iterators, against bare ``cv2.imdecode`` of the same bytes.

    python benchmarks/speed/iterators.py [--data DIR] [--tail DIR] [--repeats 7] [--json FILE]

The bare decoder gets bytes that lie in memory, in as many threads as the iterator has workers, an
equal share each: what no iterator can beat. ``plain`` only orders and decodes, ``mirror`` and
``colour`` are the batches of steps 1 and 2.2, ``bags`` those of step 3.2. The bags' rows are
mined before the clock starts; ``passes.py`` measures mining.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Iterable, Iterator, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import cv2
import numpy as np

from comparison import Comparison, rates, run
from face_sets import face_sets
from turns import seconds_in_turns
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
    iterator.miner = SimpleNamespace(keys=rows, mine=lambda bags, rng: rows)
    return iterator


def compare(folders: tuple[str, str], threads: int, repeats: int) -> Iterator[Comparison]:
    """A row for each recipe, decoded by this number of threads."""
    head, tail = map(FaceRecords, folders)
    head.image_keys = head.image_keys[:MOST_IMAGES]  # because all their bytes are kept in memory
    size = read_property(folders[0])
    shape = (3, size.height, size.width)
    payloads = [head.read(key)[1] for key in head.image_keys.tolist()]
    iterators = {
        name: ImageIter(head, BATCH, shape, workers=threads, log=silent, **options)
        for name, options in RECIPES.items()
    }
    bags = iterators["bags"] = bag_iterator(head, tail, shape, threads)
    both = payloads + [tail.read(key)[1] for key in bags.miner.keys.tolist()]
    works = {
        "bare": lambda: decode_in_threads(payloads, threads),
        "bare, both sets": lambda: decode_in_threads(both, threads),
        **{name: lambda iterator=iterator: epoch(iterator) for name, iterator in iterators.items()},
    }
    found = seconds_in_turns(works, repeats)
    bare = rates(found["bare"], len(payloads))
    bare_of_both = rates(found["bare, both sets"], len(both))
    in_bags = bags.bags_per_epoch * (BAGS["batch_size1"] + BAGS["batchsize_id"])
    for name, iterator in iterators.items():
        iterator.close()
        images = in_bags if iterator is bags else len(payloads) // BATCH * BATCH
        yield Comparison(
            f"iterator, {name}, {threads} thread{'s' if threads > 1 else ''}",
            "images/s",
            "bare cv2.imdecode",
            rates(found[name], images),
            bare_of_both if iterator is bags else bare,
        )


def measure(data: str = "", tail: str = "", repeats: int = 7) -> Iterator[Comparison]:
    """The rows of one thread, and of as many as there are cores."""
    with face_sets(data, tail) as folders:
        for threads in sorted({1, usable_cores()}):
            yield from compare(folders, threads, repeats)


if __name__ == "__main__":
    run(measure)
