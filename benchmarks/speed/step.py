"""What the training loop costs beside bare forward, backward and update.

    python benchmarks/speed/step.py [--networks r18,y1] [--batch 16] [--steps 20] [--json FILE]

"Bare" hands float32 batches that lie on the device to the hybridised graph, to autograd and to the
trainer, and waits at the end. "Loop" is `unequal.training.loop.fit` with the metric and the hooks
of step 2.2, on the same images as uint8. Both train the same graph in turns, each time as many
steps. The network "none" takes pixels as embedding: there, loop - bare is the time that the loop
adds to a step, less what MXNet's threads do beside the network's work.
"""

from __future__ import annotations

import statistics
import sys
from typing import Callable, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from comparison import Comparison, finish
from step_graph import CLASSES, EMBEDDING, step_graph
from symbols import backbone
from timing import flags, in_turns, positive
from unequal.method.graphs import NoiseResistanceGraph
from unequal.training import hooks
from unequal.training.loop import Progress, fit, make_trainer
from unequal.training.steps import NOISE_RESISTANCE

IMAGE = (3, 112, 112)
MILLISECOND = 1e-3


class Repeated(list):
    """One batch again and again, as the loop takes batches."""

    def position(self) -> dict:
        """Return where it stands: nowhere."""
        return {}


class Pixels(HybridBlock):
    """The first pixels of an image as its embedding."""

    def hybrid_forward(self, F, x):
        return F.slice_axis(F.Flatten(x), axis=1, begin=0, end=EMBEDDING)


def make(network: str, width: float, batch: int) -> NoiseResistanceGraph:
    """Return the graph of step 2.2 on a network."""
    if network == "none":
        body = Pixels()
    else:
        body = backbone(network, EMBEDDING, width=width if network.startswith("r") else 1.0)
    return step_graph(body, batch, IMAGE)


def works(graph: NoiseResistanceGraph, batch: int, steps: int) -> dict[str, Callable[[], None]]:
    """Train `steps` steps, bare and by the loop."""
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (batch, *IMAGE)).astype(np.uint8)
    labels = mx.nd.array(rng.randint(0, CLASSES, batch))
    plain = mx.nd.array(images, dtype="float32")
    fetched = mx.io.DataBatch(data=[mx.nd.array(images, dtype="uint8")], label=[labels])
    trainer = make_trainer(graph, [mx.cpu()], 1e-4, 0.9, 5e-4)
    progress = Progress(metric=NOISE_RESISTANCE.metric(), trainer=trainer)
    callbacks = [
        hooks.Interrupt(),
        hooks.drop_rate([10**9], 0),
        hooks.speed_line(batch, NOISE_RESISTANCE.speed_every),
        hooks.rate_line(NOISE_RESISTANCE.rate_due),
        hooks.stop_after(0),
    ]

    def bare() -> None:
        for _ in range(steps):
            with mx.autograd.record():
                outputs = graph(plain, labels)
            mx.autograd.backward(outputs)
            trainer.step(1)
        mx.nd.waitall()

    def loop() -> None:
        fit(graph, Repeated([fetched] * steps), progress, [mx.cpu()], callbacks, 1, graph.OUTPUTS)
        mx.nd.waitall()

    return {"bare": bare, "loop": loop}


def measure(network: str, width: float, batch: int, steps: int, repeats: int) -> Comparison:
    """Milliseconds a step."""
    found = in_turns(works(make(network, width, batch), batch, steps), repeats)
    each = {name: [one / steps / MILLISECOND for one in times] for name, times in found.items()}
    size = f" of width {width:g}" if network.startswith("r") and width != 1 else ""
    return Comparison(
        f"step through the loop, {network}{size}, batch {batch}",
        "ms",
        "bare step",
        each["loop"],
        each["bare"],
    )


def overhead(row: Comparison) -> str:
    """In words: what the loop adds, median and spread of the rounds."""
    shares = [100 * (mine / bare - 1) for mine, bare in zip(row.ours, row.other)]
    return (
        f"{row.what}: {statistics.median(shares):+.1f} % ({min(shares):+.1f} to {max(shares):+.1f})"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("what the training loop costs beside bare training")
    parser.add_argument("--networks", default="r18,y1")
    parser.add_argument("--width", type=float, default=0.25, help="of the ResNets")
    parser.add_argument("--batch", type=positive, default=16)
    parser.add_argument("--steps", type=positive, default=20)
    options = parser.parse_args(argv)
    rows = [
        measure(name, options.width, options.batch, options.steps, options.repeats)
        for name in options.networks.split(",")
    ]
    finish(rows, options.json)
    print("overhead:", *map(overhead, rows), sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
