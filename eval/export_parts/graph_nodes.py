"""The operators of a saved MXNet graph, one after the other, and what their attributes say."""

from __future__ import annotations

import ast
import json
from typing import Iterator, NamedTuple, Sequence

# isort: split
import unequal  # noqa: F401  (readies the process for mxnet, so it comes before)

# isort: split
import mxnet as mx


class NotTranslated(Exception):
    """A node, or an attribute of it, that has no translation; the text says what."""


class Node(NamedTuple):
    """One operator: `inputs` are numbers of nodes and of their outputs, `attributes` texts."""

    number: int
    operator: str
    name: str
    inputs: list[tuple[int, int]]
    attributes: dict[str, str]

    def text(self, name: str, default: str) -> str:
        """An attribute as it is written."""
        return self.attributes.get(name, default)

    def flag(self, name: str, default: bool) -> bool:
        """An attribute that is true or false; MXNet writes True and reads true and 1 as well."""
        return self.text(name, str(default)).lower() in ("true", "1")

    def number_of(self, name: str, default: float) -> float:
        """An attribute that is a number."""
        return float(self.text(name, str(default)))

    def sizes(self, name: str, default: int | None = None) -> list[int]:
        """An attribute such as `(3, 3)`, Python 2's `(3L, 3L)`; absent or (): `default` twice."""
        text = self.text(name, "()").replace("L", "")
        sizes = [int(size) for size in ast.literal_eval(text)]
        if not sizes and default is not None:
            return [default, default]
        return sizes

    def require(self, name: str, *allowed: str) -> None:
        """Raises NotTranslated unless an attribute is absent or one of the `allowed` texts."""
        value = self.text(name, allowed[0])
        if value not in allowed:
            raise NotTranslated(f"has {name}={value} where only {' or '.join(allowed)} is known")


def nodes_of(symbol: mx.sym.Symbol) -> tuple[list[Node], tuple[int, int]]:
    """All nodes in an order in which inputs come first, and the (node, output) that is the result.

    Variables have the operator `null`. Operators have one name each, whatever alias was saved.
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
