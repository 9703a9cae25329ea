"""The form of a network in which checkpoints are written: the graph of the 2019 code.

Every block is traced in one of two forms:

* the *computing* form, which Gluon traces when a network runs, hybridised or not;
* the *lineage* form, which :func:`lineage_symbol` traces for ``prefix-symbol.json``: the same
  function written with the operators, node names and attributes of the 2019 graph.

The forms differ where MXNet computes the operators of 2019 wrongly or at a needless price:

* PReLU: as ``LeakyReLU`` inside a graph, MXNet >= 1.3 trains its slope wrongly
  (``symbols.layers.PReLU``);
* the margin at cos = +-1, where its derivative is no number (:func:`inside_unit`);
* the margin and the losses, which 2019 computes by one-hot rows (``symbols.class_scores``);
* the whole convolutional part, which is one operator on the CPU (``symbols.network``).
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import Any, Iterator, Sequence

import mxnet as mx
from mxnet.gluon import HybridBlock

Ops = Any  # the ``F`` of ``hybrid_forward``: ``mx.nd`` or ``mx.sym``
Tensor = Any  # what these modules take and give: an NDArray or a Symbol

_lineage_form: ContextVar[bool] = ContextVar("lineage_form", default=False)


@contextlib.contextmanager
def _lineage() -> Iterator[None]:
    token = _lineage_form.set(True)
    try:
        with mx.name.NameManager():
            yield
    finally:
        _lineage_form.reset(token)


def lineage_symbol(network: HybridBlock, *inputs: str) -> mx.sym.Symbol:
    """Trace a network into the graph that the 2019 code would have saved for it.

    Args:
        network: built from the blocks of ``symbols`` and ``unequal.method``.
        inputs: names of the graph's inputs, in the order of the network's arguments
            (``'data'``, ``'softmax_label'``).

    Returns:
        One symbol; a group when the network has several outputs.
    """
    with _lineage():
        outputs = network(*[mx.sym.var(name) for name in inputs])
    return outputs if isinstance(outputs, mx.sym.Symbol) else mx.sym.Group(list(outputs))


def in_lineage_form() -> bool:
    """Return whether a lineage graph is being traced now; otherwise a block computes."""
    return _lineage_form.get()


def operands(inputs: Sequence[Tensor], parameters: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the arguments of an operator, which in the lineage form makes its own variables.

    Variables that an operator makes carry its attributes and initialiser, as in the 2019 graph.
    """
    return tuple(inputs) if in_lineage_form() else (*inputs, *parameters)


def variable(parameter: Tensor, name: str, **attributes: object) -> Tensor:
    """Return a parameter; in the lineage form the variable that the 2019 code declared for it."""
    return mx.sym.var(name, **attributes) if in_lineage_form() else parameter


def inside_unit(F: Ops, cosine: Tensor, margin: float = 1e-6) -> Tensor:
    """Keep cosines within +-(1 - ``margin``), where sqrt(1 - cos^2) and arccos have a derivative.

    Rounding in float32 takes cosines to 1 and beyond; the 2019 graph then gives NaN. Beyond the
    bound the derivative is 0, the mean of the derivatives on both sides of the tip.
    """
    return cosine if in_lineage_form() else F.clip(cosine, -1.0 + margin, 1.0 - margin)


def as_written_2019(value: float) -> float:
    """Return the number with the 12 digits that Python 2 wrote into symbol files."""
    return float(f"{value:.12g}")
