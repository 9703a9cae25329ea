"""Memory of the classifier and its loss at many classes, ours and the 2019 graph's.

    python benchmarks/speed/classes.py [--classes 100000 600000] [--embedding 128] [--batch 64]
                                 [--losses softmax NR] [--repeats 2] [--json FILE]

Each case trains (forward and backward, ArcFace, embeddings in the place of a network) in a process
of its own, whose peak resident memory is asked of the system. "2019" is the exported symbol, as a
hybridised SymbolBlock. Memory is counted from where weight and gradient, (classes x embedding)
each, lie ready. A second process with an eighth of the batch tells what grows with the batch:
"bytes a score", per class and row of the batch; 4 of them are one float32 tensor of batch x
classes. Columns "MB": all that the process held beyond weight and gradient. Memory that serves
copies of the weight at one time and scores at another counts where it is larger, so both matter.
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Iterator

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock, SymbolBlock

from comparison import Comparison, run
from symbols.lineage_2019 import lineage_symbol
from turns import Job, in_turns, once, peak_megabytes
from unequal.method.graphs import NoiseResistanceGraph, SoftmaxGraph
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss

MEGABYTE = 1e6
FORMS = ("2019", "ours")


class Identity(HybridBlock):
    """A network whose embedding is its input."""

    def hybrid_forward(self, F, x):
        return F.identity(x)


def make(form: str, loss: str, classes: int, embedding: int, batch: int) -> HybridBlock:
    """Make the classifier of step 1 or 2.2, with random weights."""
    classifier = MarginClassifier(4, classes, embedding)
    graph = SoftmaxGraph(Identity(), classifier)
    if loss == "NR":
        graph = NoiseResistanceGraph(
            Identity(), classifier, NoiseResistanceLoss(classes, 0.9, (batch, 2))
        )
    if form == "2019":
        names = ("data", "softmax_label")
        graph = SymbolBlock(
            lineage_symbol(graph, *names), [mx.sym.var(name, dtype="float32") for name in names]
        )
        for parameter in graph.collect_params().values():
            parameter.shape = (classes, embedding)
    graph.initialize(mx.init.Normal(0.01))
    graph.hybridize(static_alloc=True)
    return graph


def megabytes_in_use() -> float:
    """Resident now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def child(form: str, loss: str, classes: int, embedding: int, batch: int, steps: int) -> Job:
    """Peak megabytes beyond weight and gradient, and milliseconds of the last step."""
    graph = make(form, loss, classes, embedding, batch)
    rng = np.random.RandomState(0)
    data = mx.nd.array(rng.normal(size=(batch, embedding)))
    label = mx.nd.array(rng.randint(0, classes, batch))
    data.attach_grad()
    gradient = next(iter(graph.collect_params().values())).grad()
    gradient.wait_to_read()
    mx.nd.waitall()
    before = megabytes_in_use()
    for _ in range(steps):
        start = time.perf_counter()
        with mx.autograd.record():
            outputs = graph(data, label)
        mx.autograd.backward(outputs)
        del outputs
        mx.nd.waitall()
        milliseconds = 1e3 * (time.perf_counter() - start)
    return Job({"peak": peak_megabytes() - before, "milliseconds": milliseconds})


def case(loss: str, classes: int, embedding: int, batch: int, repeats: int) -> list[Comparison]:
    """A row for memory and one for time."""
    least = max(1, batch // 8)

    def both(form: str) -> tuple[float, dict]:
        large = once(__file__, form, loss, classes, embedding, batch, 2)
        small = once(__file__, form, loss, classes, embedding, least, 1)
        grown = (large["peak"] - small["peak"]) * MEGABYTE
        return grown / classes / (batch - least), large

    found = in_turns({form: partial(both, form) for form in FORMS}, repeats)
    scores, whole = zip(*(zip(*found[form]) for form in ("ours", "2019")))
    peaks = [max(one["peak"] for one in turns) for turns in whole]
    times = [[one["milliseconds"] for one in turns] for turns in whole]
    what = f"{loss} loss, {classes:,} classes"
    return [
        Comparison(what, "bytes a score", "the 2019 graph", *scores, *peaks),
        Comparison(f"{what}, a step", "ms", "the 2019 graph", *times),
    ]


def measure(
    classes: tuple = (100_000, 600_000),
    losses: tuple = ("softmax", "NR"),
    embedding: int = 128,
    batch: int = 64,
    repeats: int = 2,
) -> Iterator[Comparison]:
    """The rows of all cases."""
    for loss in losses:
        for count in classes:
            yield from case(loss, count, embedding, batch, repeats)


if __name__ == "__main__":
    run(measure, child)
