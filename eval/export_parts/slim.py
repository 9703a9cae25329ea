"""A checkpoint without what only training needs: the classifier, the losses, the labels."""

from __future__ import annotations

import os
from pathlib import Path

import unequal  # noqa: F401  (readies the process for mxnet, so it comes before)

# isort: split
import mxnet as mx

from eval.export_parts.new_files import check_output, replacing
from eval.export_parts.saved_embedding import SavedEmbedding, read_embedding
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.support.errors import InputError

# what deployment scripts of the lineage load: 'model,0'
EPOCH = 0


def export_slim(
    checkpoint: Checkpoint, output: str, layer: str = "fc1_output", overwrite: bool = False
) -> SavedEmbedding:
    """Write `output`-symbol.json and `output`-0000.params: the graph up to `layer`, no more.

    As the lineage's ``model_slim``, for checkpoints of any stage, ours or others'. Names, values
    and types of the parameters stay, and so do the nodes of the graph, whose only output is
    `layer`: `mx.model.load_checkpoint` and `load_embedder` give the same embeddings, bit
    for bit. The epoch is always 0: a slim checkpoint is the end of a training.

    Returns what was written. Raises InputError as `read_embedding` does, and when one of the files
    exists (without `overwrite`), is the checkpoint itself, or cannot be written. Nothing is written
    then.
    """
    symbol_path, params_path = Checkpoint(output, EPOCH).paths
    for path in (symbol_path, params_path):
        for given in checkpoint.paths:
            if os.path.exists(path) and os.path.exists(given) and os.path.samefile(path, given):
                raise InputError(f"{path}: is a file of the checkpoint; name another --output")
        check_output(path, overwrite)
    slim = read_embedding(checkpoint, layer)
    values = {f"arg:{name}": value for name, value in slim.arguments.items()}
    values.update({f"aux:{name}": value for name, value in slim.auxiliary.items()})

    def write_both(temporary: str) -> None:
        Path(temporary).write_text(slim.output.tojson(), encoding="utf-8")
        replacing(params_path, lambda name: mx.nd.save(name, values))

    # the parameters inside, so that neither appears where the other cannot be written
    replacing(symbol_path, write_both)
    return slim
