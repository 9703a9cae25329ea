"""A saved graph with the compiled operator in the place of its convolutional part."""

from __future__ import annotations

import json
from typing import Sequence

import mxnet as mx

from symbols import compiled
from symbols.compiled.program import INPUTS_BEFORE_WEIGHTS, NotCompiled, Program, read_program
from symbols.lineage_2019 import Ops, Tensor

_FEATURES = "unequal_features"


def training_flag(F: Ops) -> Tensor:
    """Return 1 in inference, 0 or 2 in training (1,): MXNet does not tell a library which."""
    return F.Dropout(F.ones((1,)), p=0.5)


def run_program(F: Ops, program: Program, data: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """Return the feature map that ``program`` computes of ``data`` (N, 3, H, W) float32."""
    return F.unequal_network(
        training_flag(F),
        data,
        *weights,
        program=program.text,
        inputs=INPUTS_BEFORE_WEIGHTS + len(weights),
    )


def with_compiled_operator(symbol: mx.sym.Symbol, data: str = "data") -> mx.sym.Symbol:
    """Return the same function with the same parameter names, for the CPU.

    It is ``symbol`` itself where the operator is not available or cannot express the graph.
    """
    if not compiled.available():
        return symbol
    try:
        program = read_program(symbol, data)
    except NotCompiled:
        return symbol
    weights = [mx.sym.var(name) for name in program.weights]
    features = run_program(mx.sym, program, mx.sym.var(data), weights)
    if program.all:
        return features
    graph = json.loads(symbol.tojson())
    graph["nodes"][program.node] = {"op": "null", "name": _FEATURES, "inputs": []}
    graph["arg_nodes"] = [
        number for number, node in enumerate(graph["nodes"]) if node["op"] == "null"
    ]
    return mx.sym.load_json(json.dumps(graph))(**{_FEATURES: features})
