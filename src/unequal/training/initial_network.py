"""The graph that a run starts from: its shapes, its initial values, and `pretrained`."""

from __future__ import annotations

import logging
from typing import Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from symbols.layers import built_for
from symbols.lineage_2019 import lineage_symbol
from unequal.checkpoints.checkpoint import apply_parameters
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.training.run_shape import RunShape, known_network
from unequal.training.settings import NetworkSettings, RunSettings
from unequal.training.steps import Step

FAMILIES = {"r": "resnet", "y": "mobilefacenet"}


def print_network(network: NetworkSettings, times: int) -> None:
    """Print what the 2019 symbol files print when a network is made."""
    letter, layers = known_network(network.network)
    for _ in range(times):
        say("init", FAMILIES[letter], layers)
        if letter == "r":
            say(
                network.version_se,
                network.version_input,
                network.version_output,
                network.version_unit,
                network.version_act,
            )


def initial_values() -> mx.init.Initializer:
    """Return the 2019 initializer: normal, deviation sqrt(2 / outputs)."""
    return mx.init.Xavier(rnd_type="gaussian", factor_type="out", magnitude=2)


def make_graph(
    step: Step,
    settings: RunSettings,
    shape: RunShape,
    devices: Sequence[mx.Context],
    resuming: bool = False,
) -> HybridBlock:
    """Return the step's graph with initial values, or those of `pretrained`, on all devices.

    A run that is ``resuming`` gets its values elsewhere: `pretrained` is not read.

    Raises:
        InputError: the checkpoint, the data and the settings do not fit together.
    """
    with built_for(devices[0].device_type):
        graph = step.graph(settings, shape)
    checkpoint = None if resuming else settings.checkpoint
    values = None
    if checkpoint is not None:
        if step.says_loading:
            say("loading", [checkpoint.prefix, str(checkpoint.epoch)])
        values = checkpoint.parameters()
    print_network(settings.network, step.network_lines)
    graph.initialize(initial_values(), ctx=list(devices))
    settle_shapes(graph, settings, shape)
    if values is not None:
        anew = ("fc7_weight", "fc7_bias") if step.drops_classifier else ()
        source = f"`pretrained` {settings.pretrained}"
        for name in apply_parameters(graph, values, source, anew):
            logging.info("--pretrained %s: has no %s, which starts anew", settings.pretrained, name)
    graph.hybridize(static_alloc=True)
    return graph


def settle_shapes(graph: HybridBlock, settings: RunSettings, shape: RunShape) -> None:
    """Work out every parameter's shape for images of the data's size, and make the parameter.

    Raises:
        InputError: the network, the image size and `emb_size` do not fit together.
    """
    network = settings.network
    try:
        symbol = lineage_symbol(graph.backbone, "data")
        _, (embedding,), _ = symbol.infer_shape(data=(1, *shape.image))
    except mx.MXNetError as error:
        raise InputError(
            f"`network` {network.network}: cannot take images of {shape.image_h}x"
            f"{shape.image_w}, the size in {settings.head.data_dir}/property"
        ) from error
    width = int(np.prod(embedding[1:]))
    output = f"`version_output` {network.version_output}"
    if width != network.emb_size:
        raise InputError(
            f"{output}: gives {width} numbers an image, not the {network.emb_size} of `emb_size`"
        )
    rows = shape.batch_size
    if settings.tail is not None:
        if len(embedding) != 2:
            raise InputError(f"{output}: gives a map, of which step 3.2 can make no centres")
        rows += settings.tail.batchsize_id
    rows //= shape.ctx_num
    graph.infer_shape(mx.nd.zeros((rows, *shape.image)), mx.nd.zeros((rows,)))
    for parameter in graph.collect_params().values():
        parameter._finish_deferred_init()
