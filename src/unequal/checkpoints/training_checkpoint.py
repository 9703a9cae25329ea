"""Checkpoints of the lineage: ``PREFIX-symbol.json`` and ``PREFIX-0000.params``."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Collection, Mapping

import mxnet as mx
from mxnet.gluon import HybridBlock

from symbols.lineage_2019 import lineage_symbol
from unequal.checkpoints.embedder import checkpoint_files
from unequal.support.errors import InputError
from unequal.support.files import replace_or_refuse


def make_folder(folder: str, flag: str) -> None:
    """Make ``folder`` and see that files can be written there.

    Raises :class:`InputError`, which names ``flag``, otherwise.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{flag}: cannot write into {folder} ({error.strerror}); name another folder"
        ) from error


def save_checkpoint(prefix: str, epoch: int, graph: HybridBlock) -> None:
    """Write ``graph`` as a checkpoint that the 2019 code loads: its symbol, then its parameters.

    Moving statistics are averaged over the devices, as ``Module.get_params`` does. Each file is
    replaced as a whole.
    """
    mx.nd.waitall()  # else the statistics may be those of one step before
    symbol = lineage_symbol(graph, "data", "softmax_label")
    aux_names = set(symbol.list_auxiliary_states())
    values = {}
    for name, parameter in graph.collect_params().items():
        kind = "aux" if name in aux_names else "arg"
        values[f"{kind}:{name}"] = parameter._reduce().as_in_context(mx.cpu())
    symbol_path, params_path = checkpoint_files(prefix, epoch)
    replace_or_refuse(symbol_path, lambda name: Path(name).write_text(symbol.tojson()))
    replace_or_refuse(params_path, lambda name: mx.nd.save(name, values), errors=(mx.MXNetError,))
    logging.info('Saved checkpoint to "%s"', params_path)


def apply_parameters(
    graph: HybridBlock,
    values: Mapping[str, mx.nd.NDArray],
    source: str,
    made_anew: Collection[str] = (),
) -> list[str]:
    """Give ``graph`` (initialised, all shapes known) the parameters of a checkpoint.

    Parameters
    ----------
    values : mapping
        As ``read_parameters`` gives them; unknown names are ignored, as in 2019.
    source : str
        What the checkpoint is called in messages.
    made_anew : collection of str
        Parameters that keep their initial values whatever the checkpoint says.

    Returns
    -------
    list of str
        The parameters of the classifier that the checkpoint lacks: they stay as initialised.

    Raises
    ------
    InputError
        Before anything is changed: a parameter of the network is missing, or has another shape.
    """
    parameters = {
        name: parameter
        for name, parameter in graph.collect_params().items()
        if name not in made_anew
    }
    missing = [name for name in parameters if name not in values]
    of_network = [name for name in missing if not name.startswith("fc7_")]
    if of_network:
        raise InputError(
            f"{source}: it is a checkpoint of another network; {of_network[0]} and "
            f"{len(of_network) - 1} more parameters are not in it (see --network)"
        )
    for name, parameter in parameters.items():
        if name in missing or tuple(values[name].shape) == tuple(parameter.shape):
            continue
        if name.startswith("fc7_"):
            raise InputError(
                f"{source}: it was trained on {values[name].shape[0]} classes and "
                f"embeddings of {values[name].shape[-1]}, the data's property says "
                f"{parameter.shape[0]} and --emb-size {parameter.shape[-1]}"
            )
        raise InputError(
            f"{source}: {name} has shape {tuple(values[name].shape)} there, the "
            f"network wants {tuple(parameter.shape)}; see --network, --emb-size and "
            "the image size in property"
        )
    for name, parameter in parameters.items():
        if name not in missing:
            parameter.set_data(values[name].astype("float32"))
    return missing
