"""Images a second of each network, ours and the same network with MXNet's own PReLU.

    python benchmarks/networks.py [--networks y1,r18,r50] [--batch 16] [--repeats 5] [--json FILE]

"Plain" is the graph of the 2019 checkpoints, hybridised by Gluon: what one gets by loading the
symbol file into MXNet 1.9.1. Both run in the same process, in turns, with the same threads.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Callable, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
from mxnet.gluon import HybridBlock, SymbolBlock
from timing import flags, keep

from symbols import backbone
from symbols.layers import lineage_symbol


def plain(network: HybridBlock) -> HybridBlock:
    """The network's lineage graph as a Gluon block with the same parameter values."""
    block = SymbolBlock(lineage_symbol(network, "data"), [mx.sym.var("data", dtype="float32")])
    ours = network.collect_params()
    for name, parameter in block.collect_params().items():
        parameter.shape = ours[name].shape
        parameter.initialize()
        parameter.set_data(ours[name].data())
    return block


def train(network: HybridBlock, x: mx.nd.NDArray) -> None:
    """Forward and backward of a sum, without an update."""
    with mx.autograd.record():
        value = network(x)
    value.backward()


def rates(works: dict[str, Callable[[], None]], images: int, repeats: int) -> dict[str, list]:
    """Images a second of each work, the works in turns, after one round that does not count."""
    found: dict[str, list] = {name: [] for name in works}
    for index in range(repeats + 1):
        for name, work in works.items():
            mx.nd.waitall()
            start = time.perf_counter()
            work()
            mx.nd.waitall()
            if index:
                found[name].append(images / (time.perf_counter() - start))
    return found


def measure(name: str, batch: int, repeats: int) -> list[dict]:
    """Rows of one network: ours and plain, forward and training."""
    network = backbone(name, 512)
    network.initialize(mx.init.Xavier(rnd_type="gaussian", factor_type="out", magnitude=2))
    x = mx.nd.random.uniform(0, 255, (batch, 3, 112, 112))
    network(x)
    other = plain(network)
    network.hybridize(static_alloc=True)
    other.hybridize(static_alloc=True)
    rows = []
    for kind, works in (("forward", {"ours": lambda: network(x), "plain": lambda: other(x)}),
                        ("training", {"ours": lambda: train(network, x),
                                      "plain": lambda: train(other, x)})):
        found = rates(works, batch, repeats)
        middle = {form: statistics.median(values) for form, values in found.items()}
        rows.append({"network": name, "kind": kind, "ours": middle["ours"],
                     "plain": middle["plain"], "ratio": middle["ours"] / middle["plain"],
                     "spread": {form: [min(values), max(values)]
                                for form, values in found.items()}})
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("speed of the networks")
    parser.add_argument("--networks", default="y1,r18,r50")
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args(argv)
    rows = []
    print(f"{'network':<10}{'':<10}{'ours':>10}{'plain':>10}{'ratio':>8}   images/s, 112 px")
    for name in options.networks.split(","):
        for row in measure(name, options.batch, options.repeats):
            rows.append(row)
            print(f"{name:<10}{row['kind']:<10}{row['ours']:>10.1f}{row['plain']:>10.1f}"
                  f"{row['ratio']:>8.2f}", flush=True)
    keep(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
