"""The nodes of a saved MXNet graph, and the ONNX graph that is made of them."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Iterator, NamedTuple, Sequence

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    import mxnet as mx


class NotTranslated(Exception):
    """A node, or an attribute of it, that has no translation; the text says what."""


class Node(NamedTuple):
    """One operator of a saved MXNet graph.

    Attributes:
        number: its place in the graph.
        operator: the one name of the operator, whatever alias was saved; `null` for a variable.
        name: the name of the node.
        inputs: numbers of nodes and of their outputs.
        attributes: what is set, as texts.
    """

    number: int
    operator: str
    name: str
    inputs: list[tuple[int, int]]
    attributes: dict[str, str]

    def text(self, name: str, default: str) -> str:
        """Return an attribute as it is written."""
        return self.attributes.get(name, default)

    def flag(self, name: str, default: bool) -> bool:
        """Return an attribute that is true or false; MXNet writes True, and reads true and 1."""
        return self.text(name, str(default)).lower() in ("true", "1")

    def number_of(self, name: str, default: float) -> float:
        """Return an attribute that is a number."""
        return float(self.text(name, str(default)))

    def sizes(self, name: str, default: int | None = None) -> list[int]:
        """Return an attribute such as `(3, 3)` or `(3L, 3L)`; `default` twice if it is absent."""
        text = self.text(name, "()").replace("L", "")
        sizes = [int(size) for size in ast.literal_eval(text)]
        if not sizes and default is not None:
            return [default, default]
        return sizes

    def require(self, name: str, *allowed: str) -> None:
        """Raise NotTranslated unless an attribute is absent or one of the `allowed` texts."""
        value = self.text(name, allowed[0])
        if value not in allowed:
            raise NotTranslated(f"has {name}={value} where only {' or '.join(allowed)} is known")


def nodes_of(symbol: mx.sym.Symbol) -> tuple[list[Node], tuple[int, int]]:
    """Return all nodes, inputs first, and the (node, output) that is the result.

    Raises:
        NotTranslated: the graph has several outputs.
    """
    graph = json.loads(symbol.tojson())
    heads = graph["heads"]
    if len(heads) != 1:
        raise NotTranslated(f"the layer has {len(heads)} outputs")
    return list(_nodes(graph["nodes"])), _entry(heads[0])


def _nodes(nodes: Sequence[dict]) -> Iterator[Node]:
    for number, node in enumerate(nodes):
        inputs = [_entry(entry) for entry in node["inputs"]]
        yield Node(number, node["op"], node["name"], inputs, node.get("attrs", {}))


def _entry(entry: Sequence[int]) -> tuple[int, int]:
    return entry[0], entry[1]


class Value(NamedTuple):
    """What a node computes, or a constant: its name and number of axes."""

    name: str
    rank: int


class OnnxGraph:
    """An ONNX graph while it is made; no two things share a name.

    Args:
        reserved: names that values must not take: those of the graph's input and output.

    Attributes:
        nodes: in the order in which they were added.
        constants: likewise.
    """

    def __init__(self, reserved: Sequence[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._values = set(reserved)
        self._node_names: set[str] = set()

    def constant(self, name: str, array: np.ndarray) -> Value:
        """Add an array, kept as float32 unless it holds whole numbers (int64)."""
        kind = np.int64 if array.dtype == np.int64 else np.float32
        name = _unused(name, self._values)
        self.constants.append(numpy_helper.from_array(array.astype(kind), name))
        return Value(name, array.ndim)

    def node(
        self, operator: str, inputs: Sequence[Value], name: str, rank: int, **attributes: Any
    ) -> Value:
        """Add a node of one output with `rank` axes; it keeps `name` where that is not taken."""
        name = _unused(name, self._node_names)
        value = Value(_unused(f"{name}_output", self._values), rank)
        names = [each.name for each in inputs]
        self.nodes.append(helper.make_node(operator, names, [value.name], name, **attributes))
        return value

    def rename(self, value: Value, name: str) -> None:
        """Give what a node computes another name, everywhere."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for place, old in enumerate(names):
                    if old == value.name:
                        names[place] = name


def _unused(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found
