"""A saved checkpoint as a plain function: face images in, embeddings out."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Mapping, Sequence

import numpy as np

# isort: split
from unequal.support.errors import InputError  # readies the process for mxnet, so it comes before

# isort: split
import mxnet as mx

from unequal.checkpoints.on_devices import OnDevices

Embed = Callable[[np.ndarray], np.ndarray]

DATA = "data"


def load_embedder(
    prefix: str, epoch: int, ctx: mx.Context | None = None, layer: str = "fc1_output"
) -> OnDevices:
    """Load `prefix`-symbol.json and `prefix`-%04d.params as an embedding function.

    The function takes uint8 RGB images (n, 3, height, width), feeds them as float32 0..255 (the
    normalisation is in the graph) through the network in inference mode on `ctx` (default: the
    CPU), and returns float32 (n, emb): the output `layer` of the graph, not normalised. Whatever
    lies behind `layer` (margin, loss, labels) and parameters it does not need are left out. The
    number of images may change from call to call; their size must be that of the training. Its
    methods `push` and `push_with_mirror` do not wait for the result.

    Raises InputError when a file is missing or damaged, the graph has no such output, or the
    file lacks a parameter of it; the function raises it for images of another shape or size.
    """
    symbol_path, params_path = checkpoint_files(prefix, epoch)
    output = graph_up_to(symbol_path, layer)
    ctx = mx.cpu() if ctx is None else ctx
    network = as_block(output, [DATA], read_parameters(params_path), [ctx], params_path)

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


def checkpoint_files(prefix: str, epoch: int) -> tuple[str, str]:
    """The lineage's names of a checkpoint's symbol file and parameter file."""
    return f"{prefix}-symbol.json", f"{prefix}-{epoch:04d}.params"


def as_block(
    output: mx.sym.Symbol,
    inputs: Sequence[str],
    parameters: Mapping[str, mx.nd.NDArray],
    devices: Sequence[mx.Context],
    source: str,
) -> mx.gluon.SymbolBlock:
    """A part of a saved graph as a hybridised Gluon block with saved parameters, on `devices`.

    Raises InputError, naming `source`, when a parameter that `output` needs is not among them.
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


def read_graph(path: str) -> mx.sym.Symbol:
    """All outputs inside a saved graph. Raises InputError for a missing or damaged file."""
    _require(path)
    try:
        return mx.sym.load(path).get_internals()
    except (mx.MXNetError, ValueError) as error:
        raise InputError(f"{path}: not a symbol file of MXNet: copy it again") from error


def graph_up_to(path: str, layer: str) -> mx.sym.Symbol:
    """A saved graph, cut at its output `layer`, which must depend on images.

    Raises InputError for a missing or damaged file, and where there is no such output.
    """
    internals = read_graph(path)
    outputs = [name for name in internals.list_outputs() if name.endswith("_output")]
    if layer not in outputs:
        raise InputError(
            f"{path}: has no output {layer}; its last ones are "
            f"{', '.join(outputs[-4:]) or 'none'} (--layer)"
        )
    output = internals[layer]
    if DATA not in output.list_arguments():
        raise InputError(f"{path}: {layer} does not depend on an input named '{DATA}'")
    return output


def read_parameters(path: str) -> dict[str, mx.nd.NDArray]:
    """{name: value} of a parameter file. Raises InputError where it is missing or damaged."""
    _require(path)
    try:
        saved = mx.nd.load(path)
    except (mx.MXNetError, ValueError) as error:
        raise InputError(f"{path}: truncated or not a parameter file: copy it again") from error
    if not isinstance(saved, dict):
        raise InputError(f"{path}: its arrays have no names: save it with mx.model.save_checkpoint")
    return {key.split(":", 1)[-1]: value for key, value in saved.items()}


def _require(path: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file: check the prefix and the epoch of the model")


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].replace("MXNetError: ", "")
