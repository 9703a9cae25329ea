"""A saved checkpoint as a plain function: face images in, embeddings out."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

import numpy as np

# isort: split
from unequal.support.errors import InputError  # readies the process for mxnet, so it comes before

# isort: split
import mxnet as mx

from unequal.checkpoints.checkpoint import DATA, Checkpoint
from unequal.checkpoints.on_devices import OnDevices

Embed = Callable[[np.ndarray], np.ndarray]


def load_embedder(
    checkpoint: Checkpoint, ctx: mx.Context | None = None, layer: str = "fc1_output"
) -> OnDevices:
    """Load a checkpoint as a function that makes embeddings of images.

    The function takes uint8 RGB images (n, 3, height, width) and returns float32 (n, emb), not
    normalised. It feeds the images as float32 0..255 through the network in inference mode; the
    normalisation is in the graph. The number of images may change from call to call; their size
    must be that of the training. Its methods `push` and `push_with_mirror` do not wait for the
    result.

    Args:
        checkpoint: what to load. Whatever lies behind `layer` (margin, loss, labels) and the
            parameters that it does not need are left out.
        ctx: the device; None means the CPU.
        layer: the output of the graph that is the embedding.

    Raises:
        InputError: a file is missing or damaged, the graph has no such output, or the file lacks
            a parameter of it. The function raises it for images of another shape or size.
    """
    output = checkpoint.graph_up_to(layer)
    ctx = mx.cpu() if ctx is None else ctx
    params_path = checkpoint.params_path
    network = as_block(output, [DATA], checkpoint.parameters(), [ctx], params_path)

    def checked(images: mx.nd.NDArray) -> mx.nd.NDArray:
        if images.ndim != 4 or images.shape[1] != 3:
            raise InputError(f"images of shape {images.shape}: give (n, 3, height, width), RGB")
        try:
            return network(images)
        except mx.MXNetError as error:
            if "Shape inconsistent" not in str(error):
                raise
            height, width = images.shape[2:]
            raise InputError(
                f"{params_path}: does not take images of {height}x{width} pixels "
                f"({_last_line(error)}): use images of the size it was trained with"
            ) from error

    return OnDevices(checked, [ctx])


def as_block(
    output: mx.sym.Symbol,
    inputs: Sequence[str],
    parameters: Mapping[str, mx.nd.NDArray],
    devices: Sequence[mx.Context],
    source: str,
) -> mx.gluon.SymbolBlock:
    """Return a part of a saved graph as a hybridised Gluon block with saved parameters.

    Args:
        output: the end of the part.
        inputs: names of the inputs, in the order of the block's arguments.
        parameters: float32 or float16 values, by name; those that `output` does not need are
            ignored.
        devices: where the block will run.
        source: the name of the checkpoint in messages.

    Raises:
        InputError: a parameter that `output` needs is not among `parameters`.
    """
    from symbols.compiled.rewrite import with_compiled_operator

    if all(device.device_type == "cpu" for device in devices):
        output = with_compiled_operator(output)
    # MXNet 1.9.1's oneDNN subgraphs break the second forward of y1 in a Module; a hybridised
    # block runs without them
    network = mx.gluon.SymbolBlock(output, [mx.sym.var(name, dtype="float32") for name in inputs])
    wanted = network.collect_params()
    lacking = sorted(name for name in wanted.keys() if name not in parameters)
    if lacking:
        raise InputError(
            f"{source}: lacks {_few(lacking)}, which {output.name} of its symbol file needs: "
            "give the symbol and parameters of one training"
        )
    for name, parameter in wanted.items():
        parameter.shape = parameters[name].shape
        # not at random: that would draw numbers which a seeded training is to draw
        parameter.initialize(mx.init.Zero(), ctx=list(devices))
        parameter.set_data(parameters[name].astype("float32"))
    network.hybridize(static_alloc=True)
    return network


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].replace("MXNetError: ", "")
