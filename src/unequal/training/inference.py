"""The network that is being trained, or was, as plain functions of uint8 images."""

from __future__ import annotations

from typing import Callable, Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from eval.embed import as_block, read_graph, read_parameters
from unequal.errors import InputError
from unequal.training.checkpoint import params_path


def _shares(count: int, devices: Sequence[mx.Context]) -> list[slice]:
    edges = np.linspace(0, count, len(devices) + 1).astype(int)
    return [slice(a, b) for a, b in zip(edges[:-1], edges[1:])]


def embedder(backbone: HybridBlock, devices: Sequence[mx.Context],
             check: Callable[[], None] = lambda: None) -> Callable[[np.ndarray], np.ndarray]:
    """images (n, 3, H, W) uint8 -> embeddings (n, E) float32, the rows shared by the devices.

    ``check`` is called before every batch; it may raise to end long work.
    """

    def embed(images: np.ndarray) -> np.ndarray:
        check()
        parts = [backbone(mx.nd.array(images[share], ctx=device, dtype="uint8").astype("float32"))
                 for share, device in zip(_shares(len(images), devices), devices)
                 if share.stop > share.start]
        return np.concatenate([part.asnumpy().reshape(len(part), -1) for part in parts])

    return embed


def noise_predictor(prefix: str, epoch: int, devices: Sequence[mx.Context],
                    say: Callable[..., None] = print, check: Callable[[], None] = lambda: None):
    """(images uint8, labels) -> P (n, C): softmax of the margin logits of a checkpoint.

    The logits are the output ``blockgrad1_output`` of the checkpoint's own graph, as in 2019.
    Raises :class:`InputError` for a checkpoint without them.
    """
    say("loading", prefix, epoch)
    internals = read_graph(f"{prefix}-symbol.json")
    names = internals.list_outputs()
    if "blockgrad1_output" not in names or "makeloss1_output" in names:
        raise InputError(f"--pretrained {prefix},{epoch}: its graph has no blockgrad1_output with "
                         "logits to find noise with; pass it through train_NR_savemodel.py first")
    say("all_layers:", internals)
    logits = internals["blockgrad1_output"]
    inputs = [name for name in ("data", "softmax_label") if name in logits.list_arguments()]
    path = params_path(prefix, epoch)
    network = as_block(mx.sym.softmax(logits), inputs, read_parameters(path), devices, path)

    def predict(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        check()
        parts = []
        for share, device in zip(_shares(len(images), devices), devices):
            if share.stop > share.start:
                feed = [mx.nd.array(images[share], ctx=device, dtype="uint8").astype("float32"),
                        mx.nd.array(labels[share], ctx=device)][:len(inputs)]
                parts.append(network(*feed))
        return np.concatenate([part.asnumpy() for part in parts])

    return predict
