"""Images a second of the passes without training: the search for noise, and the mining of bags.

    python benchmarks/speed/passes.py [--network y1] [--batch 60] [--bags 5] [--data DIR]
                                [--tail DIR] [--repeats 5] [--json FILE]

Both are `unequal`'s own, from records to noise list and from records to mined rows. Beside each:
the same network on batches of float32 images that are decoded and on the device already, one after
the other, the results asked for at the end.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable, Iterator, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
import numpy as np

from comparison import Comparison, rates, run
from face_sets import face_sets
from step import step_graph
from turns import seconds_in_turns
from unequal.batches.noise_pass import find_noise
from unequal.batches.tail_mining import TailMiner
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import as_block
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords, read_property
from unequal.training.inference import embedder, noise_predictor

BAG = 180
IDENTITIES, IMAGES_PER_IDENTITY = 10, 3
MOST_IMAGES = 1200
CPU = [mx.cpu()]


def silent(*words: object) -> None:
    """Ignore a line of the log."""


def in_batches(loader: ImageLoader, keys: Sequence[int], batch: int) -> list[tuple]:
    """float32 images and labels of the records, decoded."""
    return [
        (mx.nd.array(chunk.images, dtype="float32"), mx.nd.array(chunk.labels))
        for chunk in loader.chunks(keys, batch)
    ]


def forward(network: Callable, batches: Sequence[tuple]) -> None:
    """Run the network on all batches, and wait for the results after the last batch."""
    results = [network(*batch) for batch in batches]
    for result in results:
        result.wait_to_read()


def open_set(folder: str) -> tuple[FaceRecords, ImageLoader, tuple[int, int, int]]:
    """Return a set, a loader of its images, and their shape."""
    records, size = FaceRecords(folder), read_property(folder)
    shape = (3, size.height, size.width)
    return records, ImageLoader(records, shape), shape


def noise_row(head: str, network: str, batch: int, repeats: int) -> Comparison:
    """The noise pass over the first images of the head."""
    records, loader, shape = open_set(head)
    keys = records.image_keys[:MOST_IMAGES]
    keys = keys[: len(keys) // batch * batch]
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder) / "model")
        checkpoint = Checkpoint(prefix, 0)
        checkpoint.save(step_graph(network, 1.0, batch, shape))
        predict = noise_predictor(checkpoint, CPU, silent)
        probabilities = mx.sym.softmax(checkpoint.graph()["blockgrad1_output"])
        bare = as_block(
            probabilities, ["data", "softmax_label"], checkpoint.parameters(), CPU, prefix
        )
    batches = in_batches(loader, keys, batch)
    works = {
        "ours": lambda: find_noise(loader, keys, predict, batch, 0.0, silent),
        "bare": lambda: forward(bare, batches),
    }
    return _row(f"noise pass, {network}", loader, works, repeats, len(keys), len(keys))


def mining_row(tail: str, network: str, batch: int, bags: int, repeats: int) -> Comparison:
    """The mining of so many bags."""
    records, loader, shape = open_set(tail)
    body = step_graph(network, 1.0, batch, shape).backbone
    lines: list[str] = []
    miner = TailMiner(
        loader, BAG, IMAGES_PER_IDENTITY, IDENTITIES, embedder(body, CPU), batch, lines.append
    )
    works = {"ours": lambda: miner.mine(bags, np.random.default_rng(0), bar=False)}
    works["ours"]()
    images = sum(int(line.split()[1]) for line in lines if line.startswith("eval "))
    ready = [(data,) for data, _ in in_batches(loader, records.image_keys[:batch], batch)]
    # each bag ends with a batch that is filled up, which the bare pass may leave out
    batches = ready * max(1, images // batch)
    works["bare"] = lambda: forward(body, batches)
    return _row(f"mining, {network}", loader, works, repeats, images, len(batches) * batch)


def _row(
    what: str, loader: ImageLoader, works: dict, repeats: int, ours: int, bare: int
) -> Comparison:
    """Time the works, of so many images each."""
    found = seconds_in_turns(works, repeats)
    loader.close()
    speeds = rates(found["ours"], ours), rates(found["bare"], bare)
    return Comparison(what, "images/s", "bare forward", *speeds)


def measure(
    network: str = "y1",
    batch: int = 60,
    bags: int = 5,
    data: str = "",
    tail: str = "",
    repeats: int = 5,
) -> Iterator[Comparison]:
    """The rows of both passes."""
    with face_sets(data, tail) as folders:
        yield noise_row(folders[0], network, batch, repeats)
        yield mining_row(folders[1], network, batch, bags, repeats)


if __name__ == "__main__":
    run(measure)
