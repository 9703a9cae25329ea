"""The network that is being trained, or was, as plain functions of uint8 images."""

from __future__ import annotations

from typing import Callable, Sequence

import mxnet as mx
from mxnet.gluon import HybridBlock, SymbolBlock

from symbols.layers import lineage_symbol
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import as_block
from unequal.checkpoints.on_devices import OnDevices
from unequal.support.errors import InputError

NO_CLASS = -1  # as a label: one_hot makes zeros of it, and no logit gets a margin


def embedder(
    backbone: HybridBlock, devices: Sequence[mx.Context], check: Callable[[], None] = lambda: None
) -> OnDevices:
    """images (n, 3, H, W) uint8 -> embeddings (n, E) float32, the rows shared by the devices.

    ``check`` is called before every batch; it may raise to end long work.
    """
    return OnDevices(backbone, devices, check)


def frozen_embedder(
    backbone: HybridBlock, devices: Sequence[mx.Context], check: Callable[[], None] = lambda: None
) -> Callable[[], OnDevices]:
    """A function that gives an embedder with the weights of ``backbone`` at the time of the call.

    The embedder has a network of its own, so that another thread may use it while ``backbone`` is
    trained. All calls share that network: the embedder of one call ends with the next.
    """
    network: list[SymbolBlock] = []

    def freeze() -> OnDevices:
        values = {
            name: parameter.list_data()[0] for name, parameter in backbone.collect_params().items()
        }
        if not network:
            network.append(
                as_block(
                    lineage_symbol(backbone, "data"), ["data"], values, devices, "--mining-overlap"
                )
            )
        else:
            for name, parameter in network[0].collect_params().items():
                parameter.set_data(values[name])
        return OnDevices(network[0], devices, check)

    return freeze


def noise_predictor(
    prefix: str,
    epoch: int,
    devices: Sequence[mx.Context],
    say: Callable[..., None] = print,
    check: Callable[[], None] = lambda: None,
    margin: bool = True,
) -> OnDevices:
    """(images uint8, labels) -> P (n, C): softmax of the logits of a checkpoint.

    The logits are the output ``blockgrad1_output`` of the checkpoint's own graph, as in 2019: that
    of the label includes the margin, unless ``margin`` is False.
    Raises :class:`InputError` for a checkpoint without them.
    """
    say("loading", prefix, epoch)
    checkpoint = Checkpoint(prefix, epoch)
    internals = checkpoint.graph()
    names = internals.list_outputs()
    if "blockgrad1_output" not in names or "makeloss1_output" in names:
        raise InputError(
            f"--pretrained {checkpoint}: its graph has no blockgrad1_output with "
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
