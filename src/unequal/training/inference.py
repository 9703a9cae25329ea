"""The network that is being trained, or was, as plain functions of uint8 images."""

from __future__ import annotations

from typing import Callable, Sequence

import mxnet as mx
from mxnet.gluon import HybridBlock, SymbolBlock

from symbols.lineage_2019 import lineage_symbol
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import OnDevices, as_block
from unequal.support.errors import InputError

NO_CLASS = -1  # as a label: one_hot makes zeros of it, and no logit gets a margin


def embedder(
    backbone: HybridBlock,
    devices: Sequence[mx.Context],
    check: Callable[[], None] = lambda: None,
) -> OnDevices:
    """Return images (n, 3, H, W) uint8 -> embeddings (n, E) float32; the devices share the rows.

    ``check`` is called before every batch; it may raise to end long work.
    """
    return OnDevices(backbone, devices, check)


def frozen_embedder(
    backbone: HybridBlock,
    devices: Sequence[mx.Context],
    check: Callable[[], None] = lambda: None,
) -> Callable[[], OnDevices]:
    """Return a function that gives an embedder with the weights of ``backbone`` at its call.

    The embedder has a network of its own, so that another thread may use it while ``backbone`` is
    trained. All calls share that network: the embedder of one call ends with the next.
    """
    network: list[SymbolBlock] = []

    def freeze() -> OnDevices:
        values = {
            name: parameter.list_data()[0] for name, parameter in backbone.collect_params().items()
        }
        if not network:
            symbol = lineage_symbol(backbone, "data")
            network.append(as_block(symbol, ["data"], values, devices, "`mining_overlap`"))
        else:
            for name, parameter in network[0].collect_params().items():
                parameter.set_data(values[name])
        return OnDevices(network[0], devices, check)

    return freeze


def noise_predictor(
    checkpoint: Checkpoint,
    devices: Sequence[mx.Context],
    say: Callable[..., None] = print,
    check: Callable[[], None] = lambda: None,
    margin: bool = True,
) -> OnDevices:
    """Return (images uint8, labels) -> P (n, C): the softmax of the logits of a checkpoint.

    The logits are the output ``blockgrad1_output`` of the checkpoint's own graph, as in 2019.

    Args:
        checkpoint: of step 2.1 or 2.2.
        devices: share the rows.
        say: prints the lines of 2019.
        check: is called before every batch; it may raise to end long work.
        margin: whether the logit of the label includes the margin.

    Raises:
        InputError: the checkpoint has no such output.
    """
    say("loading", checkpoint.prefix, checkpoint.epoch)
    internals = checkpoint.graph()
    names = internals.list_outputs()
    if "blockgrad1_output" not in names or "makeloss1_output" in names:
        raise InputError(
            f"`pretrained` {checkpoint}: its graph has no blockgrad1_output with "
            "logits to find noise with; pass it through train_NR_savemodel.py first"
        )
    say("all_layers:", internals)
    logits = internals["blockgrad1_output"]
    inputs = [name for name in ("data", "softmax_label") if name in logits.list_arguments()]
    network = as_block(
        mx.sym.softmax(logits), inputs, checkpoint.parameters(), devices, checkpoint.params_path
    )

    def probabilities(images: mx.nd.NDArray, labels: mx.nd.NDArray) -> mx.nd.NDArray:
        if not margin:
            labels = mx.nd.full(labels.shape, NO_CLASS, ctx=labels.context)
        return network(*(images, labels)[: len(inputs)])

    return OnDevices(probabilities, devices, check)
