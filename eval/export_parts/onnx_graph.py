"""An ONNX graph while it is made: nodes, constants, and names that no two things share."""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper


class Value(NamedTuple):
    """What a node computes, or a constant: its name and number of axes."""

    name: str
    rank: int


class OnnxGraph:
    """Nodes and constants in the order in which they were added.

    `reserved` are names that values must not take: those of the graph's input and output.
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
        self, operator: str, inputs: Sequence[Value], name: str, rank: int, **attributes
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
