"""A whole network: convolutional features, then the embedding head."""

from __future__ import annotations

import numpy as np
from mxnet.gluon import HybridBlock

from symbols import compiled
from symbols.compiled.program import NotCompiled, read_program
from symbols.compiled.rewrite import run_program
from symbols.layers import target_device_type
from symbols.lineage_2019 import Ops, Tensor, in_lineage_form, lineage_symbol


class Network(HybridBlock):
    """``head`` of ``features``; (N, 3, H, W) pixels 0..255 -> (N, embedding).

    Networks for the CPU compute ``features`` by the compiled operator (``symbols.compiled``), if
    there is one and it can express them, otherwise by MXNet's own operators. Function, parameters
    and lineage graph are the same. The gradients of the operator always replace older ones, and can
    be taken once (no ``retain_graph``). So it is not used either while a parameter has the
    ``grad_req`` ``"add"`` when the network is traced.
    """

    def __init__(self, features: HybridBlock, head: HybridBlock):
        super().__init__(prefix="")
        self.features, self.head = features, head
        self._program = None
        if target_device_type() != "cpu" or not compiled.available():
            return
        try:
            program = read_program(lineage_symbol(features, "data"))
        except NotCompiled:
            return
        if program.all:
            self._program = program
            parameters = features.collect_params()
            for number, name in enumerate(program.weights):
                setattr(self, f"weight{number}", parameters[name])

    def cast(self, dtype: type | str) -> None:
        """Cast as Gluon does; without the operator, which knows float32 only."""
        if np.dtype(dtype) != np.float32:
            self._program = None
        super().cast(dtype)

    def _collect_params_with_prefix(self, prefix: str = "") -> dict:
        """Return those of Gluon without the operator's names: files do not depend on it."""
        named = super()._collect_params_with_prefix(prefix)
        start = f"{prefix}." if prefix else ""
        for own in self._reg_params:
            del named[start + own]
        return named

    def hybrid_forward(self, F: Ops, x: Tensor, **weights: Tensor) -> Tensor:
        """Return the embeddings."""
        adding = any(parameter.grad_req == "add" for parameter in self._reg_params.values())
        if self._program is None or adding or in_lineage_form():
            return self.head(self.features(x))
        ordered = [weights[f"weight{number}"] for number in range(len(self._program.weights))]
        return self.head(run_program(F, self._program, x, ordered))
