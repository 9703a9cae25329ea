"""What the training loop costs beside bare forward, backward and update.

    python benchmarks/speed/step.py [--networks r18,y1] [--width 0.25] [--batch 16] [--steps 20]
                              [--repeats 5] [--json FILE]

"Bare" hands float32 batches that lie on the device to the hybridised graph, to autograd and to the
trainer, and waits at the end. "Loop" is `unequal.training.loop.fit` with the metric and the hooks
of step 2.2, on the same images as uint8. Both train the same graph in turns, each time as many
steps. --width is that of the ResNets.
"""

from __future__ import annotations

from typing import Callable, Iterator, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from comparison import Comparison, run
from symbols import backbone
from turns import seconds_in_turns
from unequal.method.graphs import NoiseResistanceGraph
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss
from unequal.training import hooks
from unequal.training.initial_network import initial_values
from unequal.training.loop import Progress, fit, make_trainer
from unequal.training.steps import NOISE_RESISTANCE

CLASSES, EMBEDDING, IMAGE = 1000, 512, (3, 112, 112)
MILLISECOND = 1e-3


class Repeated(list):
    """One batch again and again, as the loop takes batches."""

    def position(self) -> dict:
        """Return where it stands: nowhere."""
        return {}


def step_graph(network: str, width: float, batch: int, image: Sequence[int]) -> HybridBlock:
    """Return the graph of step 2.2 with random weights, as the scripts hybridise it."""
    graph = NoiseResistanceGraph(
        backbone(network, EMBEDDING, width=width),
        MarginClassifier(4, CLASSES, EMBEDDING),
        NoiseResistanceLoss(CLASSES, 0.9, (batch, 2)),
    )
    graph.initialize(initial_values())
    graph.infer_shape(mx.nd.zeros((batch, *image)), mx.nd.zeros(batch))
    for parameter in graph.collect_params().values():
        parameter._finish_deferred_init()
    graph.hybridize(static_alloc=True)
    return graph


def works(graph: NoiseResistanceGraph, batch: int, steps: int) -> dict[str, Callable[[], None]]:
    """Train `steps` steps, bare and by the loop."""
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (batch, *IMAGE)).astype(np.uint8)
    labels = mx.nd.array(rng.randint(0, CLASSES, batch))
    plain = mx.nd.array(images, dtype="float32")
    fetched = mx.io.DataBatch(data=[mx.nd.array(images, dtype="uint8")], label=[labels])
    trainer = make_trainer(graph, [mx.cpu()], 1e-4, 0.9, 5e-4)
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
        progress = Progress(metric=NOISE_RESISTANCE.metric(), trainer=trainer)
        fit(graph, Repeated([fetched] * steps), progress, [mx.cpu()], callbacks, 1, graph.OUTPUTS)
        mx.nd.waitall()

    return {"ours": loop, "other": bare}


def measure(
    networks: str = "r18,y1",
    width: float = 0.25,
    batch: int = 16,
    steps: int = 20,
    repeats: int = 5,
) -> Iterator[Comparison]:
    """Milliseconds a step."""
    for network in networks.split(","):
        of_network = width if network.startswith("r") else 1.0
        graph = step_graph(network, of_network, batch, IMAGE)
        found = seconds_in_turns(works(graph, batch, steps), repeats, each=steps * MILLISECOND)
        size = "" if of_network == 1 else f" of width {width:g}"
        what = f"step through the loop, {network}{size}, batch {batch}"
        yield Comparison(what, "ms", "bare step", **found)


if __name__ == "__main__":
    run(measure)
