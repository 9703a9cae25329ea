"""A graph of the lineage as a program for the operator ``unequal_network``.

The program is text, instructions with ``;`` between them; instruction i computes register i + 1,
register 0 is the operator's data:

    affine 0 FACTOR SUMMAND
    convolution SOURCE WEIGHT FILTERS KERNEL STRIDE PAD GROUPS
    norm SOURCE GAMMA BETA MEAN VARIANCE SLOPE EPS MOMENTUM FIX_GAMMA
    add SOURCE OTHER

SOURCE and OTHER are registers, WEIGHT ... SLOPE numbers of the operator's inputs; SLOPE is that of
the PReLU after a normalisation, -1 for nothing, -2 for ReLU.
"""

from __future__ import annotations

import ast
import json
from typing import Any, NamedTuple

import mxnet as mx

# Inputs of the operator before the weights: the training flag and the data.
INPUTS_BEFORE_WEIGHTS = 2
NOTHING, RELU = -1, -2
_SLOPE = 6  # its place in a norm instruction


class NotCompiled(Exception):
    """A graph that no program expresses; MXNet's own operators compute it."""


class Program(NamedTuple):
    """What the operator computes of a graph.

    ``text`` is the program, ``weights`` are the names of its weights in the order of the operator's
    inputs. It computes the output of the graph's node of number ``node``; ``all`` says whether that
    is the whole graph.
    """

    text: str
    weights: tuple[str, ...]
    node: int
    all: bool


class _Affine(NamedTuple):
    """The data x as factor x + summand, not computed yet."""

    factor: float
    summand: float


def read_program(symbol: mx.sym.Symbol, data: str = "data") -> Program:
    """Return the part of a graph from ``data`` to the last feature map, as a program.

    What follows that map (a fully connected layer, dropout) is not in it.

    Raises:
        NotCompiled: something before that map is unknown, such as a branch with a pooling.
    """
    try:
        return _Reader(json.loads(symbol.tojson()), data).program()
    except (ValueError, SyntaxError, TypeError, KeyError) as error:
        raise NotCompiled(f"an attribute that is spelled in an unknown way: {error}") from error


class _Reader:
    def __init__(self, graph: dict[str, Any], data: str):
        self._nodes, self._data = graph["nodes"], data
        self._heads = [head[0] for head in graph["heads"]]
        self._lines: list[list] = []
        self._weights: list[str] = []
        # node -> its register, or the affine function of the data that it is
        self._found: dict[int, int | _Affine] = {}
        self._readers = [0] * len(self._nodes)
        for node in self._nodes:
            for entry in node["inputs"]:
                self._readers[entry[0]] += 1
        for head in self._heads:
            self._readers[head] += 1

    def program(self) -> Program:
        border: set[int] = set()
        for number, node in enumerate(self._nodes):
            if node["op"] == "null":
                if node["name"] == self._data:
                    self._found[number] = _Affine(1.0, 0.0)
                continue
            value = self._carry_out(node)
            if value is not None:
                self._found[number] = value
            else:
                border.update(e[0] for e in node["inputs"] if e[0] in self._found)
        border.update(head for head in self._heads if head in self._found)
        if len(border) != 1 or not self._lines:
            raise NotCompiled("no single feature map up to which all operators are known")
        (node_number,) = border
        if self._found[node_number] != len(self._lines):
            raise NotCompiled("the data itself is used twice")
        text = ";".join(" ".join(str(word) for word in line) for line in self._lines)
        return Program(text, tuple(self._weights), node_number, self._heads == [node_number])

    def _carry_out(self, node: dict[str, Any]) -> int | _Affine | None:
        """Return the value of a node; None where it is no instruction of ours."""
        attributes = node.get("attrs") or node.get("attr") or node.get("param") or {}
        sources = [self._found.get(entry[0]) for entry in node["inputs"]]
        operator = node["op"]
        if not sources or sources[0] is None:
            return None
        if operator in ("elemwise_add", "_plus", "_Plus", "_add"):
            if sources[1] is None:
                return None
            return self._emit("add", self._map(sources[0]), self._map(sources[1]))
        if not self._from_variables(node):
            return None
        if isinstance(sources[0], _Affine):
            value = _affine(operator, attributes, sources[0])
            if value is not None:
                return value
        if operator == "Convolution":
            return self._convolution(node, attributes, sources[0])
        if operator == "BatchNorm":
            return self._norm(node, attributes, sources[0])
        if operator in ("LeakyReLU", "Activation"):
            return self._activation(node, attributes, sources[0])
        return None

    def _emit(self, *words) -> int:
        self._lines.append(list(words))
        return len(self._lines)

    def _register(self, value: int | _Affine) -> int:
        return 0 if value == _Affine(1.0, 0.0) else self._map(value)

    def _map(self, value: int | _Affine) -> int:
        """Return a register, but not the data itself: only convolutions take it as it lies."""
        if not isinstance(value, _Affine):
            return value
        return self._emit("affine", 0, repr(value.factor), repr(value.summand))

    def _from_variables(self, node: dict[str, Any]) -> bool:
        """Return whether a node's weights are parameters, not computed from some."""
        weights = [self._nodes[entry[0]] for entry in node["inputs"][1:]]
        return all(node["op"] == "null" and node["name"] != self._data for node in weights)

    def _inputs(self, node: dict[str, Any], first: int) -> list[int]:
        """Return the numbers of a node's weights among the operator's inputs."""
        start = INPUTS_BEFORE_WEIGHTS + len(self._weights)
        names = [self._nodes[entry[0]]["name"] for entry in node["inputs"][first:]]
        self._weights += names
        return list(range(start, start + len(names)))

    def _convolution(
        self, node: dict[str, Any], attributes: dict[str, str], source: int | _Affine
    ) -> int | None:
        sizes = {
            name: _pair(attributes.get(name), default)
            for name, default in (("kernel", 1), ("stride", 1), ("pad", 0), ("dilate", 1))
        }
        square = all(len(set(size)) == 1 and len(size) == 2 for size in sizes.values())
        if not square or sizes["dilate"] != (1, 1) or not _true(attributes.get("no_bias", "False")):
            return None
        source = self._register(source)
        (weight,) = self._inputs(node, 1)
        return self._emit(
            "convolution",
            source,
            weight,
            int(attributes["num_filter"]),
            sizes["kernel"][0],
            sizes["stride"][0],
            sizes["pad"][0],
            int(attributes.get("num_group", 1)),
        )

    def _norm(
        self, node: dict[str, Any], attributes: dict[str, str], source: int | _Affine
    ) -> int | None:
        plain = (
            not _true(attributes.get("use_global_stats", "False"))
            and attributes.get("axis", "1") == "1"
            and not _true(attributes.get("output_mean_var", "False"))
        )
        if not plain or isinstance(source, _Affine):
            return None
        return self._emit(
            "norm",
            source,
            *self._inputs(node, 1),
            NOTHING,
            attributes.get("eps", "0.001"),
            attributes.get("momentum", "0.9"),
            int(_true(attributes.get("fix_gamma", "True"))),
        )

    def _activation(
        self, node: dict[str, Any], attributes: dict[str, str], source: int | _Affine
    ) -> int | None:
        """Put it into the normalisation before it, if nobody else reads the result of that."""
        before = node["inputs"][0][0]
        if isinstance(source, _Affine) or self._readers[before] != 1:
            return None
        line = self._lines[source - 1]
        if line[0] != "norm" or line[_SLOPE] != NOTHING:
            return None
        if node["op"] == "LeakyReLU" and attributes.get("act_type") == "prelu":
            (line[_SLOPE],) = self._inputs(node, 1)
        elif node["op"] == "Activation" and attributes.get("act_type") == "relu":
            line[_SLOPE] = RELU
        else:
            return None
        return source


def _affine(operator: str, attributes: dict[str, str], value: _Affine) -> _Affine | None:
    """Apply an operation with a number to an affine function; None for another operator."""
    if operator in ("identity", "_copy"):
        return value
    if "scalar" not in attributes:
        return None
    scalar = float(attributes["scalar"])
    if operator.lower() in ("_minus_scalar", "_minusscalar"):
        return _Affine(value.factor, value.summand - scalar)
    if operator.lower() in ("_plus_scalar", "_plusscalar"):
        return _Affine(value.factor, value.summand + scalar)
    if operator.lower() in ("_mul_scalar", "_mulscalar"):
        return _Affine(value.factor * scalar, value.summand * scalar)
    return None


def _true(text: str) -> bool:
    """Return whether a text means true: MXNet writes True and reads 1 and true as well."""
    return text.lower() in ("true", "1")


def _pair(text: str | None, default: int) -> tuple:
    """Return (3, 3) of ``'(3, 3)'`` or ``'(3L, 3L)'``; an empty tuple means the default."""
    return (tuple(ast.literal_eval(text.replace("L", ""))) if text else ()) or (default, default)
