"""Memory of the classifier and its loss at many classes, ours and the 2019 graph's.

    python benchmarks/speed/classes.py [--classes 100000 600000] [--embedding 128] [--batch 64]
                                 [--repeats 2] [--json FILE]

Each case trains (forward and backward, ArcFace, embeddings in the place of a network) in a process
of its own, whose peak resident memory is asked of the system. "2019" is the exported symbol, as a
hybridised SymbolBlock. Memory is counted from where weight and gradient, (classes x embedding)
each, lie ready. A second process with an eighth of the batch tells what grows with the batch:
"bytes a score", per class and row of the batch; 4 of them are one float32 tensor of batch x
classes. Columns "MB": all that the process held beyond weight and gradient. Memory that serves
copies of the weight at one time and scores at another counts where it is larger, so both matter.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock, SymbolBlock

from comparison import Comparison, finish
from symbols.lineage_2019 import lineage_symbol
from timing import flags, order, positive
from turns import peak_megabytes
from unequal.method.graphs import NoiseResistanceGraph, SoftmaxGraph
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss

MEGABYTE = 1e6
LOSSES, FORMS = ("softmax", "NR"), ("2019", "ours")


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
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / MEGABYTE


def child(form: str, loss: str, classes: int, embedding: int, batch: int, steps: int) -> dict:
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
    return {"peak": peak_megabytes() - before, "milliseconds": milliseconds}


def in_child(*case: object) -> dict:
    """`child` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", json.dumps(case)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


def measure(loss: str, classes: int, embedding: int, batch: int, repeats: int) -> list[Comparison]:
    """Return a row for memory and one for time."""
    least = max(1, batch // 8)
    whole: dict[str, list[dict]] = {form: [] for form in FORMS}
    scores: dict[str, list[float]] = {form: [] for form in FORMS}
    for turn in range(repeats):
        for form in order(FORMS, turn):
            large = in_child(form, loss, classes, embedding, batch, 2)
            small = in_child(form, loss, classes, embedding, least, 1)
            grown = (large["peak"] - small["peak"]) * MEGABYTE
            whole[form].append(large)
            scores[form].append(grown / classes / (batch - least))
    peaks = {form: max(one["peak"] for one in turns) for form, turns in whole.items()}
    times = {form: [one["milliseconds"] for one in turns] for form, turns in whole.items()}
    what = f"{loss} loss, {classes:,} classes"
    return [
        Comparison(
            what,
            "bytes a score",
            "the 2019 graph",
            scores["ours"],
            scores["2019"],
            ours_peak=peaks["ours"],
            other_peak=peaks["2019"],
        ),
        Comparison(f"{what}, a step", "ms", "the 2019 graph", times["ours"], times["2019"]),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("memory of the classifier at many classes")
    parser.add_argument("--classes", type=positive, nargs="+", default=[100_000, 600_000])
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=LOSSES)
    parser.add_argument("--embedding", type=positive, default=128)
    parser.add_argument("--batch", type=positive, default=64)
    parser.add_argument("--child", help="one case, as this program starts it")
    parser.set_defaults(repeats=2)
    options = parser.parse_args(argv)
    if options.child:
        print(json.dumps(child(*json.loads(options.child))))
        return 0
    rows = []
    for loss in options.losses:
        for classes in options.classes:
            rows += measure(loss, classes, options.embedding, options.batch, options.repeats)
    finish(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
