"""The part of a checkpoint that computes embeddings: graph up to a layer, and its parameters."""

from __future__ import annotations

from typing import NamedTuple

# isort: split
from unequal.support.errors import InputError  # readies the process for mxnet, so it comes before

# isort: split
import mxnet as mx

from unequal.checkpoints.checkpoint import DATA, Checkpoint


class SavedEmbedding(NamedTuple):
    """`output` is one output of a saved graph; `arguments` and `auxiliary` are all the parameters
    that it needs, by name, as they lie in the file; `left_out` names those that it does not."""

    output: mx.sym.Symbol
    arguments: dict[str, mx.nd.NDArray]
    auxiliary: dict[str, mx.nd.NDArray]
    left_out: list[str]


def read_embedding(checkpoint: Checkpoint, layer: str) -> SavedEmbedding:
    """Read a checkpoint of any stage, and cut it at its output `layer` such as `fc1_output`.

    Raises InputError when a file is missing or damaged, the graph has no such output or it depends
    on more than images and parameters, or the file lacks a parameter of it.
    """
    output = checkpoint.graph_up_to(layer)
    names = output.list_arguments()
    names.remove(DATA)
    values = checkpoint.parameters()
    auxiliary_names = output.list_auxiliary_states()
    lacking = [name for name in names + auxiliary_names if name not in values]
    if lacking:
        raise InputError(
            f"{checkpoint.params_path}: lacks {lacking[0]}, which {layer} needs: give the "
            "symbol and parameters of one training, and a `layer` that needs no label"
        )
    return SavedEmbedding(
        output,
        {name: values[name] for name in names},
        {name: values[name] for name in auxiliary_names},
        sorted(set(values).difference(names, auxiliary_names)),
    )
