"""Images a second of the passes without training: the search for noise, and the mining of bags.

    python benchmarks/speed/passes.py [--network y1] [--batch 60] [--data DIR]
        [--repeats 5] [--json FILE]

Both are `unequal`'s own, from records to noise list and from records to mined rows. Beside each:
the same network on batches of float32 images that are decoded and on the device already, one after
the other, the results asked for at the end.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Callable, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from comparison import Comparison, finish, rates
from face_sets import FaceSets, add_flags, face_sets
from step_graph import EMBEDDING, step_graph
from symbols import backbone
from symbols.lineage_2019 import lineage_symbol
from timing import flags, in_turns, positive
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


def save(graph: HybridBlock, prefix: str) -> None:
    """As a checkpoint of epoch 0."""
    lineage_symbol(graph, "data", "softmax_label").save(f"{prefix}-symbol.json")
    values = {f"arg:{name}": parameter.data() for name, parameter in graph.collect_params().items()}
    mx.nd.save(Checkpoint(prefix, 0).params_path, values)


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


def noise_row(sets: FaceSets, network: str, batch: int, repeats: int) -> Comparison:
    """Time the noise pass over the first images of the head."""
    records, size = FaceRecords(sets.head), read_property(sets.head)
    shape = (3, size.height, size.width)
    loader = ImageLoader(records, shape)
    keys = records.image_keys[:MOST_IMAGES]
    keys = keys[: len(keys) // batch * batch]
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder) / "model")
        save(step_graph(backbone(network, EMBEDDING), batch, shape), prefix)
        checkpoint = Checkpoint(prefix, 0)
        predict = noise_predictor(checkpoint, CPU, silent)
        probabilities = mx.sym.softmax(checkpoint.graph()["blockgrad1_output"])
        bare = as_block(
            probabilities, ["data", "softmax_label"], checkpoint.parameters(), CPU, prefix
        )
    batches = in_batches(loader, keys, batch)
    found = in_turns(
        {
            "ours": lambda: find_noise(loader, keys, predict, batch, 0.0, silent),
            "bare": lambda: forward(bare, batches),
        },
        repeats,
    )
    loader.close()
    return _row(f"noise pass, {network}", found, len(keys))


def mining_row(sets: FaceSets, network: str, batch: int, bags: int, repeats: int) -> Comparison:
    """So many bags mined."""
    records, size = FaceRecords(sets.tail), read_property(sets.tail)
    shape = (3, size.height, size.width)
    loader = ImageLoader(records, shape)
    body = step_graph(backbone(network, EMBEDDING), batch, shape).backbone
    lines: list[str] = []
    miner = TailMiner(
        loader, BAG, IMAGES_PER_IDENTITY, IDENTITIES, embedder(body, CPU), batch, lines.append
    )
    miner.mine(bags, np.random.default_rng(0), bar=False)
    images = sum(int(line.split()[1]) for line in lines if line.startswith("eval "))
    ready = [(data,) for data, _ in in_batches(loader, records.image_keys[:batch], batch)]
    # each bag ends with a batch that is filled up, which the bare pass may leave out
    batches = ready * max(1, images // batch)
    found = in_turns(
        {
            "ours": lambda: miner.mine(bags, np.random.default_rng(0), bar=False),
            "bare": lambda: forward(body, batches),
        },
        repeats,
    )
    loader.close()
    bare = rates(found["bare"], len(batches) * batch)
    return _row(f"mining, {network}", {**found, "bare": [images / rate for rate in bare]}, images)


def _row(what: str, found: dict, images: int) -> Comparison:
    return Comparison(
        what,
        "images/s",
        "bare forward",
        rates(found["ours"], images),
        rates(found["bare"], images),
        more_is_better=True,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("noise pass and mining beside the bare forward pass")
    parser.add_argument("--network", default="y1")
    parser.add_argument("--batch", type=positive, default=60)
    parser.add_argument("--bags", type=positive, default=5)
    add_flags(parser)
    options = parser.parse_args(argv)
    with face_sets(options) as sets:
        rows = [
            noise_row(sets, options.network, options.batch, options.repeats),
            mining_row(sets, options.network, options.batch, options.bags, options.repeats),
        ]
    finish(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
