"""A checkpoint of the lineage: PREFIX-symbol.json and PREFIX-0000.params.

MXNet takes seconds to import, so it is imported where a file is read or written: names and
paths of checkpoints cost nothing.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Collection, Mapping

from unequal.support.errors import InputError
from unequal.support.files import replace_or_refuse

if TYPE_CHECKING:
    import mxnet as mx
    from mxnet.gluon import HybridBlock

DATA = "data"  # the input of every graph: images (n, 3, height, width), RGB, 0..255


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint `epoch` of the training that saves under `prefix`; its files may not exist."""

    prefix: str
    epoch: int

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Return the checkpoint of 'prefix,epoch', such as 'models/model,7'.

        Raises:
            InputError: the text has another form.
        """
        prefix, _, epoch = text.rpartition(",")
        if not prefix or not epoch.strip().isdecimal():
            raise InputError(f"{text}: write it as prefix,epoch, e.g. models/model,7")
        return cls(prefix, int(epoch))

    def __str__(self) -> str:
        return f"{self.prefix},{self.epoch}"

    @property
    def symbol_path(self) -> str:
        """The file of the graph, which all epochs of one training share."""
        return f"{self.prefix}-symbol.json"

    @property
    def params_path(self) -> str:
        """The file of the parameters."""
        return f"{self.prefix}-{self.epoch:04d}.params"

    @property
    def paths(self) -> tuple[str, str]:
        """Both files: the graph and the parameters."""
        return self.symbol_path, self.params_path

    def graph(self) -> mx.sym.Symbol:
        """Read the saved graph, with all outputs inside it.

        Raises:
            InputError: the file is missing or damaged.
        """
        import mxnet as mx

        _require(self.symbol_path)
        try:
            return mx.sym.load(self.symbol_path).get_internals()
        except (mx.MXNetError, ValueError) as error:
            raise InputError(
                f"{self.symbol_path}: not a symbol file of MXNet: copy it again"
            ) from error

    def graph_up_to(self, layer: str) -> mx.sym.Symbol:
        """Read the saved graph and cut it at its output `layer`, which must depend on images.

        Raises:
            InputError: the file is missing or damaged, or has no such output.
        """
        internals = self.graph()
        outputs = [name for name in internals.list_outputs() if name.endswith("_output")]
        if layer not in outputs:
            raise InputError(
                f"{self.symbol_path}: has no output {layer}; its last ones are "
                f"{', '.join(outputs[-4:]) or 'none'} (`layer`)"
            )
        output = internals[layer]
        if DATA not in output.list_arguments():
            raise InputError(
                f"{self.symbol_path}: {layer} does not depend on an input named '{DATA}'"
            )
        return output

    def parameters(self) -> dict[str, mx.nd.NDArray]:
        """Read the parameters, by name, on the CPU and of the types that the file has.

        Raises:
            InputError: the file is missing or damaged.
        """
        import mxnet as mx

        path = self.params_path
        _require(path)
        try:
            saved = mx.nd.load(path)
        except (mx.MXNetError, ValueError) as error:
            raise InputError(f"{path}: truncated or not a parameter file: copy it again") from error
        if not isinstance(saved, dict):
            raise InputError(
                f"{path}: its arrays have no names: save it with mx.model.save_checkpoint"
            )
        return {key.split(":", 1)[-1]: value for key, value in saved.items()}

    def save(self, graph: HybridBlock) -> None:
        """Write a network that the 2019 code can load: its symbol, then its parameters.

        Moving statistics are averaged over the devices, as ``Module.get_params`` does. Each file
        is replaced as a whole.

        Raises:
            InputError: a file cannot be written.
        """
        import mxnet as mx

        from symbols.lineage_2019 import lineage_symbol

        mx.nd.waitall()  # else the statistics may be those of one step before
        symbol = lineage_symbol(graph, DATA, "softmax_label")
        auxiliary = set(symbol.list_auxiliary_states())
        values = {
            f"{'aux' if name in auxiliary else 'arg'}:{name}": parameter._reduce().as_in_context(
                mx.cpu()
            )
            for name, parameter in graph.collect_params().items()
        }
        replace_or_refuse(self.symbol_path, lambda name: Path(name).write_text(symbol.tojson()))
        replace_or_refuse(
            self.params_path, lambda name: mx.nd.save(name, values), errors=(mx.MXNetError,)
        )
        logging.info('Saved checkpoint to "%s"', self.params_path)


def apply_parameters(
    graph: HybridBlock,
    values: Mapping[str, mx.nd.NDArray],
    source: str,
    made_anew: Collection[str] = (),
) -> list[str]:
    """Give a network the parameters of a checkpoint.

    Args:
        graph: the network, initialised, with all shapes known.
        values: as `Checkpoint.parameters` gives them; unknown names are ignored, as in 2019.
        source: the name of the checkpoint in messages.
        made_anew: parameters that keep their initial values.

    Returns:
        The parameters of the classifier that the checkpoint lacks: they keep their initial values.

    Raises:
        InputError: a parameter of the network is missing or has another shape. Nothing has been
            changed then.
    """
    parameters = {n: p for n, p in graph.collect_params().items() if n not in made_anew}
    missing = [name for name in parameters if name not in values]
    of_network = [name for name in missing if not name.startswith("fc7_")]
    if of_network:
        raise InputError(
            f"{source}: it is a checkpoint of another network; {of_network[0]} and "
            f"{len(of_network) - 1} more parameters are not in it (see `network`)"
        )
    for name in missing:
        del parameters[name]
    for name, parameter in parameters.items():
        saved, wanted = tuple(values[name].shape), tuple(parameter.shape)
        if saved != wanted and name.startswith("fc7_"):
            raise InputError(
                f"{source}: it was trained on {saved[0]} classes and embeddings of {saved[-1]}, "
                f"the data's property says {wanted[0]} and `emb_size` {wanted[-1]}"
            )
        if saved != wanted:
            raise InputError(
                f"{source}: {name} has shape {saved} there, the network wants {wanted}; "
                "see `network`, `emb_size` and the image size in property"
            )
    for name, parameter in parameters.items():
        parameter.set_data(values[name].astype("float32"))
    return missing


def find_checkpoints(model: str) -> list[Checkpoint]:
    """Return the checkpoints that 'prefix,epoch', 'prefix,1|3' or 'prefix' means.

    'prefix' means all of PREFIX-NNNN.params in the prefix's folder, the highest epoch first.

    Raises:
        InputError: a parameter file or the symbol file is missing.
    """
    given = re.fullmatch(r"(.+),\s*(\d+(?:\|\d+)*)\s*", model)
    if given:
        prefix, epochs = given[1], [int(epoch) for epoch in given[2].split("|")]
    else:
        prefix = model
        name = re.compile(re.escape(Path(prefix).name) + r"-(\d{4})\.params")
        matches = [name.fullmatch(path.name) for path in Path(prefix).parent.glob("*.params")]
        epochs = sorted((int(match[1]) for match in matches if match), reverse=True)
        if not epochs:
            raise InputError(f"`model` {model}: there is no {prefix}-NNNN.params: check the prefix")
    found = [Checkpoint(prefix, epoch) for epoch in epochs]
    for path in dict.fromkeys(path for checkpoint in found for path in checkpoint.paths):
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file: check `model` {model}")
    return found


def one_checkpoint(model: str) -> Checkpoint:
    """Return the one checkpoint that `model` means, as `find_checkpoints` understands it.

    Raises:
        InputError: a file is missing, or `model` means several checkpoints.
    """
    found = find_checkpoints(model)
    if len(found) > 1:
        raise InputError(f"`model` {model}: means {len(found)} epochs; write it as prefix,epoch")
    return found[0]


def _require(path: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file: check the prefix and the epoch of the model")
