"""The nodes of a saved MXNet graph, and the ONNX graph that is made of them."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple, Sequence

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper


class NotTranslated(Exception):
    """A node, or an attribute of it, that has no translation; the text says what."""


class Node(NamedTuple):
    """One operator of a saved MXNet graph."""

    name: str
    attributes: dict[str, str]  # what is set

    def text(self, name: str, default: str) -> str:
        """Return an attribute as it is written."""
        return self.attributes.get(name, default)

    def flag(self, name: str, default: bool) -> bool:
        """Return an attribute that is true or false; MXNet writes True, and reads true and 1."""
        return self.text(name, str(default)).lower() in ("true", "1")

    def number(self, name: str, default: float) -> float:
        """Return an attribute that is a number."""
        return float(self.text(name, str(default)))

    def sizes(self, name: str, default: int | None = None) -> list[int]:
        """Return an attribute such as `(3, 3)` or `(3L, 3L)`; `default` twice if it is absent."""
        text = self.text(name, "()").replace("L", "")
        sizes = [int(size) for size in ast.literal_eval(text)]
        return [default, default] if default is not None and not sizes else sizes

    def require(self, name: str, *allowed: str) -> None:
        """Raise NotTranslated unless an attribute is absent or one of the `allowed` texts."""
        value = self.text(name, allowed[0])
        if value not in allowed:
            raise NotTranslated(f"has {name}={value} where only {' or '.join(allowed)} is known")


class Value:
    """What a node computes, or a constant, which is in the graph once a node reads it.

    Args:
        name: the name that it has, or wants to have if it is a constant.
        rank: the number of axes.
        array: the numbers of a constant.
    """

    def __init__(self, name: str, rank: int, array: np.ndarray | None = None) -> None:
        self.name, self.rank, self.array = name, rank, array
        self.in_graph = False


def constant(name: str, array: np.ndarray) -> Value:
    """Return an array as a value."""
    return Value(name, array.ndim, array)


class OnnxGraph:
    """An ONNX graph while it is made; no two things share a name.

    Args:
        reserved: names that values must not take: those of the graph's input and output.

    Attributes:
        nodes: in the order in which they were added.
        constants: likewise; float32 unless they hold whole numbers (int64).
    """

    def __init__(self, reserved: Sequence[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._values = set(reserved)
        self._node_names: set[str] = set()

    def node(
        self, operator: str, inputs: Sequence[Value], name: str, rank: int, **attributes: Any
    ) -> Value:
        """Add a node of one output with `rank` axes; it keeps `name` where that is not taken."""
        for each in inputs:
            if each.array is not None and not each.in_graph:
                kind = np.int64 if each.array.dtype == np.int64 else np.float32
                each.name, each.in_graph = _unused(each.name, self._values), True
                self.constants.append(numpy_helper.from_array(each.array.astype(kind), each.name))
        name = _unused(name, self._node_names)
        value = Value(_unused(f"{name}_output", self._values), rank)
        names = [each.name for each in inputs]
        self.nodes.append(helper.make_node(operator, names, [value.name], name, **attributes))
        return value


def _unused(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found
