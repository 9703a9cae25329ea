"""A saved checkpoint as a plain function: face images in, embeddings out.

The function may run on several devices, and its caller need not wait for the result.
"""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

import numpy as np

# isort: split
from unequal.support.errors import InputError  # readies the process for mxnet, so it comes before

# isort: split
import mxnet as mx

from unequal.checkpoints.checkpoint import DATA, Checkpoint

Embed = Callable[[np.ndarray], np.ndarray]


class Pending:
    """Rows that devices may still be computing; np.asarray waits for them.

    They are float32 (n, numbers), the parts of the devices one below the other.
    """

    def __init__(self, parts: Sequence[mx.nd.NDArray]) -> None:
        self._parts = list(parts)

    def __array__(self, dtype: type | None = None) -> np.ndarray:
        arrays = [part.asnumpy() for part in self._parts]
        rows = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        return rows.reshape(len(rows), -1).astype(dtype or rows.dtype, copy=False)


class OnDevices:
    """Runs a network on arrays whose rows are shared by devices.

    Args:
        network: the function of each device's part, which it gets as float32.
        devices: they share the rows in order.
        check: called before every batch; it may raise to end long work.
    """

    def __init__(
        self,
        network: Callable[..., mx.nd.NDArray],
        devices: Sequence[mx.Context],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._network = network
        self._devices = list(devices)
        self._check = check

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        """Return the result of a batch, float32 (n, numbers)."""
        return np.asarray(self.push(*arrays))

    def push(self, *arrays: np.ndarray) -> Pending:
        """Start the work on a batch; the arrays may be changed once this has returned."""
        self._check()
        return Pending([self._network(*part) for part in self._upload(arrays)])

    def push_with_mirror(self, images: np.ndarray) -> tuple[Pending, Pending]:
        """Start the work on images (n, 3, height, width) and on mirror images made there."""
        self._check()
        parts = self._upload((images,))
        plain = [self._network(part) for (part,) in parts]
        mirrored = [self._network(mx.nd.flip(part, axis=3)) for (part,) in parts]
        return Pending(plain), Pending(mirrored)

    def _upload(self, arrays: Sequence[np.ndarray]) -> list[list[mx.nd.NDArray]]:
        edges = np.linspace(0, len(arrays[0]), len(self._devices) + 1).astype(int)
        return [
            [
                mx.nd.array(array[start:stop], ctx=device, dtype=array.dtype).astype("float32")
                for array in arrays
            ]
            for start, stop, device in zip(edges[:-1], edges[1:], self._devices)
            if stop > start
        ]


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
    devices = [mx.cpu() if ctx is None else ctx]
    params_path = checkpoint.params_path
    network = as_block(output, [DATA], checkpoint.parameters(), devices, params_path)

    def checked(images: mx.nd.NDArray) -> mx.nd.NDArray:
        if images.ndim != 4 or images.shape[1] != 3:
            raise InputError(f"images of shape {images.shape}: give (n, 3, height, width), RGB")
        try:
            return network(images)
        except mx.MXNetError as error:
            if "Shape inconsistent" not in str(error):
                raise
            height, width = images.shape[2:]
            reason = str(error).strip().splitlines()[-1].replace("MXNetError: ", "")
            raise InputError(
                f"{params_path}: does not take images of {height}x{width} pixels "
                f"({reason}): use images of the size it was trained with"
            ) from error

    return OnDevices(checked, devices)


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
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise InputError(
            f"{source}: lacks {', '.join(lacking[:3])}{more}, which {output.name} of its symbol "
            "file needs: give the symbol and parameters of one training"
        )
    for name, parameter in wanted.items():
        parameter.shape = parameters[name].shape
        # not at random: that would draw numbers which a seeded training is to draw
        parameter.initialize(mx.init.Zero(), ctx=list(devices))
        parameter.set_data(parameters[name].astype("float32"))
    network.hybridize(static_alloc=True)
    return network
