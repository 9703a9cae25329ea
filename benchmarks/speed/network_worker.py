"""One network in one form of MXNet's, in a process of its own: see networks.py.

ours          as the scripts train it; with UNEQUAL_COMPILED=0 in the environment by MXNet's own
              operators
plain         the graph of the 2019 checkpoints, hybridised by Gluon: what one gets by loading the
              symbol file into MXNet 1.9.1
convolutions  nothing but the network's convolutions, each by itself, one after the other
"""

from __future__ import annotations

import json
from typing import Callable

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock, SymbolBlock

from symbols import backbone, compiled
from symbols.lineage_2019 import lineage_symbol
from turns import Job, serve
from unequal.training.initial_network import initial_values

EMBEDDING, IMAGE = 512, (3, 112, 112)


class OneConvolution(HybridBlock):
    """A convolution with the attributes of a symbol's node."""

    def __init__(self, attributes: dict, shape: tuple):
        super().__init__(prefix="")
        self._attributes = attributes
        self.weight = self.params.get("weight", shape=shape)

    def hybrid_forward(self, F, x, weight):
        return F.Convolution(x, weight, **self._attributes)


def ours(name: str, batch: int) -> HybridBlock:
    """Return the network with random weights and known shapes."""
    network = backbone(name, EMBEDDING)
    network.initialize(initial_values())
    network.infer_shape(mx.nd.zeros((batch, *IMAGE)))
    for parameter in network.collect_params().values():
        parameter._finish_deferred_init()
    return network


def plain(network: HybridBlock) -> HybridBlock:
    """Return the network's lineage graph as a Gluon block with the same parameter values."""
    block = SymbolBlock(lineage_symbol(network, "data"), [mx.sym.var("data", dtype="float32")])
    values = network.collect_params()
    for name, parameter in block.collect_params().items():
        parameter.shape = values[name].shape
        parameter.initialize()
        parameter.set_data(values[name].data())
    return block


def convolutions(network: HybridBlock, batch: int) -> list[tuple[HybridBlock, mx.nd.NDArray]]:
    """Each convolution of the network as a block of its own, and an input of its shape."""
    symbol = lineage_symbol(network, "data")
    internals = symbol.get_internals()
    _, shapes, _ = internals.infer_shape(data=(batch, *IMAGE))
    shape_of = dict(zip(internals.list_outputs(), shapes))
    nodes = json.loads(symbol.tojson())["nodes"]
    found = []
    for node in nodes:
        if node["op"] != "Convolution":
            continue
        above, weight = (nodes[reference[0]] for reference in node["inputs"][:2])
        suffix = "" if above["op"] == "null" else "_output"
        attributes = {**node["attrs"], "no_bias": "True"}
        block = OneConvolution(attributes, shape_of[weight["name"]])
        block.initialize()
        found.append((block, mx.nd.random.normal(shape=shape_of[above["name"] + suffix])))
    return found


def work_on_convolutions(network: HybridBlock, kind: str, batch: int) -> Callable[[], None]:
    """All convolutions once; in training, all but the first give their input a gradient, too."""
    layers = convolutions(network, batch)
    for block, _ in layers:
        block.hybridize(static_alloc=True, static_shape=True)
    if kind == "forward":
        return lambda: [block(x) for block, x in layers]
    for _, x in layers[1:]:
        x.attach_grad()
    gradients = [mx.nd.ones(block(x).shape) for block, x in layers]

    def work() -> None:
        for (block, x), gradient in zip(layers, gradients):
            with mx.autograd.record():
                y = block(x)
            y.backward(gradient)

    return work


def train(network: HybridBlock, x: mx.nd.NDArray) -> None:
    """Forward and backward of a sum, without an update."""
    with mx.autograd.record():
        value = network(x)
    value.backward()


def make(form: str, name: str, kind: str, batch: int) -> Job:
    """Return what a turn does, whether the compiled operator does it, and the network's size."""
    network = ours(name, batch)
    facts = {
        "compiled": form == "ours" and compiled.available(),
        "parameters": sum(
            int(np.prod(parameter.shape))
            for key, parameter in network.collect_params().items()
            if "_moving_" not in key
        ),
    }
    if form == "convolutions":
        work = work_on_convolutions(network, kind, batch)
    else:
        network = plain(network) if form == "plain" else network
        network.hybridize(static_alloc=True)
        x = mx.nd.random.uniform(0, 255, (batch, *IMAGE))
        work = (lambda: network(x)) if kind == "forward" else (lambda: train(network, x))

    def finished() -> None:
        work()
        mx.nd.waitall()

    finished()
    return Job(facts, finished)


if __name__ == "__main__":
    serve(make)
