"""A checkpoint without what only training needs: the classifier, the losses, the labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import unequal  # noqa: F401  (readies the process for mxnet, so it comes before)

# isort: split
import mxnet as mx

from unequal.checkpoints.checkpoint import DATA, Checkpoint
from unequal.support.errors import InputError
from unequal.support.files import replace_or_refuse

EPOCH = 0  # what deployment scripts of the lineage load: 'model,0'
CANNOT_WRITE = "name another `output`"


class SavedEmbedding(NamedTuple):
    """The part of a checkpoint that computes embeddings."""

    output: mx.sym.Symbol  # the output of the saved graph that is the embedding
    parameters: dict[str, mx.nd.NDArray]  # with moving statistics, as they lie in the file
    left_out: list[str]  # names of the parameters that it does not need


def read_embedding(checkpoint: Checkpoint, layer: str) -> SavedEmbedding:
    """Read a checkpoint of any step, and cut it at its output `layer`, such as `fc1_output`.

    Raises:
        InputError: a file is missing or damaged, the graph has no such output, it depends on more
            than images and parameters, or the file lacks a parameter of it.
    """
    output = checkpoint.graph_up_to(layer)
    names = [*output.list_arguments(), *output.list_auxiliary_states()]
    names.remove(DATA)
    values = checkpoint.parameters()
    lacking = [name for name in names if name not in values]
    if lacking:
        raise InputError(
            f"{checkpoint.params_path}: lacks {lacking[0]}, which {layer} needs: give the symbol "
            "and parameters of one training, and a `layer` that needs no label"
        )
    kept = {name: values[name] for name in names}
    return SavedEmbedding(output, kept, sorted(values.keys() - kept.keys()))


def export_slim(
    checkpoint: Checkpoint, output: str, layer: str = "fc1_output", overwrite: bool = False
) -> SavedEmbedding:
    """Write `output`-symbol.json and `output`-0000.params: the graph up to `layer`, no more.

    This is the lineage's ``model_slim``, of checkpoints of any step, ours or others'. Names,
    values and types of the parameters stay, and so do the nodes of the graph, whose only output
    is `layer`: `mx.model.load_checkpoint` and `load_embedder` give the same embeddings, bit for
    bit. The epoch is always 0, because a slim checkpoint is the end of a training.

    Returns:
        What was written.

    Raises:
        InputError: as `read_embedding`; or a file exists and `overwrite` is not set, it is one of
            the checkpoint itself, or it cannot be written. Nothing is written then.
    """
    symbol_path, params_path = Checkpoint(output, EPOCH).paths
    for path in (symbol_path, params_path):
        for given in checkpoint.paths:
            if os.path.exists(path) and os.path.exists(given) and os.path.samefile(path, given):
                raise InputError(f"{path}: is a file of the checkpoint; name another `output`")
        check_output(path, overwrite)
    slim = read_embedding(checkpoint, layer)
    auxiliary = slim.output.list_auxiliary_states()
    values = {
        f"{'aux' if name in auxiliary else 'arg'}:{name}": value
        for name, value in slim.parameters.items()
    }

    def write_both(temporary: str) -> None:
        Path(temporary).write_text(slim.output.tojson(), encoding="utf-8")
        replace_or_refuse(
            params_path, lambda name: mx.nd.save(name, values), CANNOT_WRITE, (mx.MXNetError,)
        )

    # the parameters inside, so that neither file appears if the other cannot be written
    replace_or_refuse(symbol_path, write_both, CANNOT_WRITE)
    return slim


def check_output(path: str, overwrite: bool) -> None:
    """Raise InputError if `path` exists, without `overwrite`, or its folder does not."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise InputError(f"{path}: there is no folder {folder}; make it, or name another `output`")
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; name a file by `output`")
    if os.path.exists(path) and not overwrite:
        raise InputError(f"{path}: exists; name another `output`, or replace it by `overwrite`")
