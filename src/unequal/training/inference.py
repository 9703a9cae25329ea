"""The network that is being trained, or was, as plain functions of uint8 images."""

from __future__ import annotations

from typing import Callable, Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from eval.embed import as_block, checkpoint_files, read_graph, read_parameters
from unequal.errors import InputError

NO_CLASS = -1  # as a label: one_hot makes zeros of it, and no logit gets a margin


def _on_devices(network: HybridBlock, devices: Sequence[mx.Context],
                *arrays: np.ndarray) -> np.ndarray:
    """``network`` of the arrays as float32, their rows shared by the devices in order."""
    edges = np.linspace(0, len(arrays[0]), len(devices) + 1).astype(int)
    parts = [network(*[mx.nd.array(array[start:stop], ctx=device, dtype=array.dtype)
                       .astype("float32") for array in arrays])
             for start, stop, device in zip(edges[:-1], edges[1:], devices) if stop > start]
    return np.concatenate([part.asnumpy() for part in parts])


def embedder(backbone: HybridBlock, devices: Sequence[mx.Context],
             check: Callable[[], None] = lambda: None) -> Callable[[np.ndarray], np.ndarray]:
    """images (n, 3, H, W) uint8 -> embeddings (n, E) float32, the rows shared by the devices.

    ``check`` is called before every batch; it may raise to end long work.
    """

    def embed(images: np.ndarray) -> np.ndarray:
        check()
        return _on_devices(backbone, devices, images).reshape(len(images), -1)

    return embed


def noise_predictor(prefix: str, epoch: int, devices: Sequence[mx.Context],
                    say: Callable[..., None] = print, check: Callable[[], None] = lambda: None,
                    margin: bool = True):
    """(images uint8, labels) -> P (n, C): softmax of the logits of a checkpoint.

    The logits are the output ``blockgrad1_output`` of the checkpoint's own graph, as in 2019: that
    of the label includes the margin, unless ``margin`` is False.
    Raises :class:`InputError` for a checkpoint without them.
    """
    say("loading", prefix, epoch)
    symbol_path, params_path = checkpoint_files(prefix, epoch)
    internals = read_graph(symbol_path)
    names = internals.list_outputs()
    if "blockgrad1_output" not in names or "makeloss1_output" in names:
        raise InputError(f"--pretrained {prefix},{epoch}: its graph has no blockgrad1_output with "
                         "logits to find noise with; pass it through train_NR_savemodel.py first")
    say("all_layers:", internals)
    logits = internals["blockgrad1_output"]
    inputs = [name for name in ("data", "softmax_label") if name in logits.list_arguments()]
    network = as_block(mx.sym.softmax(logits), inputs, read_parameters(params_path), devices,
                       params_path)

    def predict(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        check()
        if not margin:
            labels = np.full_like(labels, NO_CLASS)
        return _on_devices(network, devices, *(images, labels)[:len(inputs)])

    return predict
