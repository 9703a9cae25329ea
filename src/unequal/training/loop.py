"""The training loop: batches through a graph on one or several devices. It knows nothing of faces.

It drives hooks in the order in which ``Module.fit`` drove its callbacks: a batch is trained, the
next one is fetched, the metric sees the outputs, then come the hooks.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Sequence

import mxnet as mx
from mxnet.gluon import HybridBlock, Trainer


class StopTraining(Exception):
    """Ends the run after what is done; a hook raises it, or the fetching of a batch."""


@dataclass
class Progress:
    """How far a run has come: what hooks look at.

    With the parameters and the trainer's state it is all that :func:`fit` needs to resume from any
    moment at which :class:`StopTraining` ended it or a hook looked at it.

    Attributes:
        epoch: epochs that are through.
        nbatch: batches of this epoch that are through.
        step: batches trained, over all epochs.
        metric: the numbers of the log lines.
        trainer: the optimiser.
        begun: whether the batches of this epoch have been reset.
        pending: place of the hook that the last batch trained has come to; None when it has seen
            all of them.
        values: the metric at the end of an epoch, before hooks reset it.
        position: where the batches trained end, as the iterator's ``position()`` says it.
    """

    epoch: int = 0
    nbatch: int = 0
    step: int = 0
    metric: mx.metric.EvalMetric = None
    trainer: Trainer = None
    begun: bool = False
    pending: int | None = None
    values: list[tuple[str, float]] = field(default_factory=list)
    position: dict[str, Any] = field(default_factory=dict)

    @property
    def eval_metric(self) -> mx.metric.EvalMetric:
        """Return the metric, under the name by which ``mx.callback`` looks for it."""
        return self.metric


Hook = Callable[[Progress], None]


def make_trainer(
    graph: HybridBlock,
    devices: Sequence[mx.Context],
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> Trainer:
    """Return the SGD of 2019.

    Weight decay is on every parameter. Gradients are summed over the devices and divided by their
    number. The learning rate is inside the momentum buffer. Moving statistics stay out of it: a
    Trainer would copy the first device's to all others.
    """
    options = dict(
        learning_rate=learning_rate,
        momentum=momentum,
        wd=weight_decay,
        rescale_grad=1.0 / len(devices),
    )
    trained = [
        parameter
        for _, parameter in sorted(graph.collect_params().items())
        if parameter.grad_req != "null"
    ]
    return Trainer(
        trained,
        "sgd",
        options,
        kvstore="device" if len(devices) > 1 else None,
        update_on_kvstore=False,
    )


def split(array: mx.nd.NDArray, devices: Sequence[mx.Context]) -> list[mx.nd.NDArray]:
    """Return equal shares of the rows in order, as float32 on each device.

    Raises:
        ValueError: the rows do not divide.
    """
    share, rest = divmod(len(array), len(devices))
    if rest:
        raise ValueError(f"{len(array)} rows do not divide by {len(devices)} devices")
    return [
        array[i * share : (i + 1) * share].as_in_context(device).astype("float32")
        for i, device in enumerate(devices)
    ]


def train_step(
    graph: HybridBlock,
    trainer: Trainer,
    images: Sequence[mx.nd.NDArray],
    labels: Sequence[mx.nd.NDArray],
) -> list[tuple[mx.nd.NDArray, ...]]:
    """Make one update from one share per device, and return each device's outputs."""
    with mx.autograd.record():
        outputs = [graph(x, y) for x, y in zip(images, labels)]
    mx.autograd.backward([head for heads in outputs for head in heads])
    trainer.step(1)
    return outputs


def _first_batch(
    iterator: Iterator[mx.io.DataBatch], progress: Progress, hooks: Sequence[Hook]
) -> mx.io.DataBatch | None:
    """Return what is trained next, once the batch before it has seen all hooks; None: no more."""
    if progress.pending is not None:
        _call(hooks, progress)
    return next(iterator, None) if progress.nbatch else next(iterator)


def _call(hooks: Sequence[Hook], progress: Progress) -> None:
    """Call the hooks for the batch just trained, from ``progress.pending`` on."""
    for number in range(progress.pending or 0, len(hooks)):
        progress.pending = number
        hooks[number](progress)
    progress.pending = None
    progress.nbatch += 1


def _epoch(
    graph: HybridBlock,
    batches: mx.io.DataIter,
    progress: Progress,
    devices: Sequence[mx.Context],
    hooks: Sequence[Hook],
    output_names: Sequence[str],
    prepare: Callable[[int], None],
) -> None:
    """Train on the batches until they end."""
    iterator = iter(batches)
    upcoming = _first_batch(iterator, progress, hooks)
    before = None
    while upcoming is not None:
        images = split(upcoming.data[0], devices)
        labels = split(upcoming.label[0], devices)
        prepare(progress.step + 1)
        outputs = train_step(graph, progress.trainer, images, labels)
        named = [dict(zip(output_names, heads)) for heads in outputs]
        position = batches.position()
        upcoming = next(iterator, None)
        if before is not None:  # at most one batch waits on the devices, whatever the metric reads
            before.wait_to_read()
        before = outputs[-1][-1]
        progress.metric.update(labels, named)
        progress.step += 1
        progress.position, progress.pending = position, 0
        progress.values = progress.metric.get_name_value() if upcoming is None else []
        _call(hooks, progress)


def average_statistics(graph: HybridBlock) -> None:
    """Give every device the mean of all devices' moving statistics.

    Each device only sees its own rows. A checkpoint holds the means, and so must a device that
    tests or mines. Later means are the same with and without this: the statistics are linear.
    """
    for parameter in graph.collect_params().values():
        if parameter.grad_req == "null" and len(parameter.list_ctx()) > 1:
            parameter.set_data(parameter._reduce())


def fit(
    graph: HybridBlock,
    batches: mx.io.DataIter,
    progress: Progress,
    devices: Sequence[mx.Context],
    hooks: Sequence[Hook],
    epochs: int,
    output_names: Sequence[str],
    prepare: Callable[[int], None] = lambda step: None,
) -> None:
    """Train until ``epochs`` epochs are through.

    An epoch ends with the log lines of ``Module.fit``. The batches are reset between epochs and not
    after the last one.

    Args:
        graph: images and labels -> outputs, initialised on the devices.
        batches: a DataIter with ``position()``.
        progress: comes with a metric and a trainer, and tells how far the run has come, also when
            an exception ends it. A run that has come somewhere resumes there, if the graph, the
            trainer and the batches stand as they did.
        devices: each gets an equal share of every batch.
        hooks: are called after every batch, in order.
        epochs: how many.
        output_names: names of the graph's outputs, for the metric.
        prepare: is called with the number of every step before it.

    Raises:
        StopTraining: by a hook or by a batch that is fetched: the run ends.
    """
    while progress.epoch < epochs:
        start = time.time()
        if not progress.begun:
            progress.nbatch = 0
            progress.metric.reset()
            if progress.epoch:
                batches.reset()
            progress.begun, progress.position = True, batches.position()
        _epoch(graph, batches, progress, devices, hooks, output_names, prepare)
        for name, value in progress.values:
            logging.info("Epoch[%d] Train-%s=%f", progress.epoch, name, value)
        logging.info("Epoch[%d] Time cost=%.3f", progress.epoch, time.time() - start)
        average_statistics(graph)
        progress.epoch, progress.begun = progress.epoch + 1, False
