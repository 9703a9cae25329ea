"""The graph that a run starts from: its shapes, its initial values, and ``--pretrained``."""

from __future__ import annotations

import argparse
import logging
from typing import Sequence

import mxnet as mx
import numpy as np
from easydict import EasyDict
from mxnet.gluon import HybridBlock

from symbols.layers import built_for, lineage_symbol
from unequal.checkpoints.checkpoint import Checkpoint, apply_parameters
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.training import flags as arguments
from unequal.training.settings import known_network

FAMILIES = {"r": "resnet", "y": "mobilefacenet"}


def print_network(args: argparse.Namespace, times: int) -> None:
    """What the 2019 symbol files print when a network is made."""
    letter, layers = known_network(args.network)
    for _ in range(times):
        say("init", FAMILIES[letter], layers)
        if letter == "r":
            say(
                args.version_se,
                args.version_input,
                args.version_output,
                args.version_unit,
                args.version_act,
            )


def initial_values() -> mx.init.Initializer:
    """The 2019 initializer of ResNets and MobileFaceNet: normal, deviation sqrt(2 / outputs)."""
    return mx.init.Xavier(rnd_type="gaussian", factor_type="out", magnitude=2)


def make_graph(
    stage: EasyDict, args: argparse.Namespace, devices: Sequence[mx.Context], going_on: bool = False
) -> HybridBlock:
    """The stage's graph with initial values, or those of ``--pretrained``, on all devices.

    A run that is ``going_on`` gets its values elsewhere: ``--pretrained`` is not read.

    Raises :class:`InputError` when the checkpoint, the data and the flags do not fit together.
    """
    with built_for(devices[0].device_type):
        graph = stage.graph(args)
    values = None
    if args.pretrained and not going_on:
        prefix, epoch = arguments.split_pretrained(args.pretrained)
        if stage.says_loading:
            say("loading", [prefix, str(epoch)])
        values = Checkpoint(prefix, epoch).parameters()
    print_network(args, stage.network_lines)
    graph.initialize(initial_values(), ctx=list(devices))
    settle_shapes(graph, args)
    if values is not None:
        anew = ("fc7_weight", "fc7_bias") if stage.drops_classifier else ()
        source = f"--pretrained {args.pretrained}"
        for name in apply_parameters(graph, values, source, anew):
            logging.info("%s: has no %s, which starts anew", source, name)
    graph.hybridize(static_alloc=True)
    return graph


def settle_shapes(graph: HybridBlock, args: argparse.Namespace) -> None:
    """Work out every parameter's shape for images of the data's size, and make it.

    Raises :class:`InputError` where the network, the size and ``--emb-size`` do not fit together.
    """
    image = (args.image_channel, args.image_h, args.image_w)
    try:
        symbol = lineage_symbol(graph.backbone, "data")
        _, (embedding,), _ = symbol.infer_shape(data=(1, *image))
    except mx.MXNetError as error:
        raise InputError(
            f"--network {args.network}: cannot take images of {args.image_h}x"
            f"{args.image_w}, the size in {args.data_dir}/property"
        ) from error
    width = int(np.prod(embedding[1:]))
    if width != args.emb_size:
        raise InputError(
            f"--version-output {args.version_output}: gives {width} numbers an image"
            f", not the {args.emb_size} of --emb-size"
        )
    rows = args.batch_size
    if hasattr(args, "batchsize_id"):
        if len(embedding) != 2:
            raise InputError(
                f"--version-output {args.version_output}: gives a map, of which "
                "stage three can make no centres"
            )
        rows = args.batch_size1 + args.batchsize_id
    rows //= args.ctx_num
    graph.infer_shape(mx.nd.zeros((rows, *image)), mx.nd.zeros((rows,)))
    for parameter in graph.collect_params().values():
        parameter._finish_deferred_init()
